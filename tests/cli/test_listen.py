"""``listen``."""

from __future__ import annotations

import json
import signal
from typing import Any

from gst_signalling_sync import Producer

from ..helpers.raw_peer import RawPeer
from .command import Command, Terminal, errors_without_a_reader

SECONDS = 60.0


def test_tells_who_comes_changes_and_goes(uri: str, producer: Producer) -> None:
    with Command("listen", "--uri", uri, "--json") as listen:

        def heard() -> tuple[str, str, list[str], Any]:
            event = json.loads(listen.line())
            assert event["time"][10] == "T"
            return event["event"], event["id"], event["roles"], event["meta"]

        assert heard() == ("came", producer.peer_id, ["producer"], {"kind": "arm", "name": "robot"})
        with RawPeer(uri) as peer:
            peer.register("consumer", meta=1)
            assert heard() == ("came", peer.id, ["consumer"], 1)
            peer.register("consumer", meta=2)
            assert heard() == ("changed", peer.id, ["consumer"], 2)
        assert heard() == ("left", peer.id, [], 2)
        assert listen.stop() == 0
        assert (listen.rest(), listen.errors) == ([], "")


def test_line_has_time_event_and_peer(uri: str, producer: Producer) -> None:
    with Command("listen", "--uri", uri) as listen:
        line = listen.line()
        assert line[2] == line[5] == ":"
        assert line.split()[1:] == ["came", producer.peer_id, "robot", "producer", '{"kind":', '"arm"}']
        assert listen.stop(signal.SIGTERM) == 0


def test_ctrl_c_ends_the_terminal_s_line(uri: str, producer: Producer) -> None:
    with Terminal("listen", "--uri", uri) as terminal:
        terminal.output_with('"arm"}\r\n')
        terminal.process.send_signal(signal.SIGINT)
        assert (terminal.rest(), terminal.process.wait(SECONDS)) == ("\r\n", 0)


def test_reader_that_left_gets_no_traceback(uri: str, producer: Producer) -> None:
    assert errors_without_a_reader("listen", "--uri", uri) == ""
