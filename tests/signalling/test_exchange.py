"""`Exchange`: the end of one connection to a server, whose reader may outlive it."""

from __future__ import annotations

import json
import math
import threading
from queue import SimpleQueue

from gst_signalling_sync import ConnectionLost, Endpoint
from gst_signalling_sync.protocol.messages import Event, Welcome
from gst_signalling_sync.signalling.exchange import Exchange
from gst_signalling_sync.threads.waiting import Deadline

from ..helpers.hostile import FIN, PEER_ID, TEXT, Conversation, frame, signalling_server
from ..helpers.own_process import gss_threads
from ..helpers.waiting import wait_until

SECONDS = 10.0


def test_reader_that_close_could_not_wait_for_tells_nothing_more() -> None:
    told: SimpleQueue[Event] = SimpleQueue()
    lost: SimpleQueue[ConnectionLost] = SimpleQueue()
    go_on = threading.Event()

    def send_two_messages_at_once(server: Conversation) -> None:
        messages = ({"type": "welcome", "peerId": PEER_ID}, {"type": "list", "producers": []})
        server.send_raw(b"".join(frame(FIN | TEXT, json.dumps(each).encode()) for each in messages))
        server.hold()

    def tell_and_block(event: Event, answered: bool) -> None:
        told.put(event)
        assert go_on.wait(SECONDS)

    with signalling_server(send_two_messages_at_once) as uri:
        exchange = Exchange(Endpoint(uri), tell_and_block, lost.put, math.inf)
        exchange.open(Deadline(SECONDS))
        exchange.close(0.0)
        assert gss_threads()
        go_on.set()
        wait_until(lambda: not gss_threads(), "the reader has handled the second message and ended")

    assert isinstance(told.get_nowait(), Welcome)
    assert told.empty()
    assert lost.empty()
