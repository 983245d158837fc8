"""A dead server is detected, and a live one is left alone."""

from __future__ import annotations

import json
import signal
import time

import pytest

from gst_signalling_sync import SignallingClient, WaitTimeout

from ..helpers.hostile import CONTINUATION, FIN, PING, TEXT, Conversation, frame, signalling_server
from ..helpers.processes import start_script
from ..helpers.waiting import Heard

SECONDS = 10.0

SERVER = """
    import sys, time
    from gst_signalling_sync import SignallingServer
    with SignallingServer(port=0) as server:
        print(server.uri, flush=True)
        sys.stdin.read()
"""


@pytest.mark.parametrize("busy", [False, True])
def test_frozen_server_is_noticed_within_keepalive_and_five_seconds(busy: bool) -> None:
    with start_script(SERVER) as process:
        assert process.stdout is not None
        uri = process.stdout.readline().strip()
        with SignallingClient(uri, keepalive=1) as client:
            lost = Heard(client.connection_lost)
            asked = time.monotonic()
            client.list_producers()
            process.send_signal(signal.SIGSTOP)
            stopped = time.monotonic()
            if busy:
                # More than all buffers hold, so that the writer is blocked too.
                for _ in range(16):
                    client.send_sdp("session", "offer", "x" * 1_000_000)

            error = lost.next(SECONDS)["error"]

            noticed = time.monotonic()
            assert noticed - asked > 5.5
            assert noticed - stopped < 10
            assert "silent for" in str(error) or "timed out" in str(error)
        process.send_signal(signal.SIGCONT)
        process.kill()


def test_silent_server_that_answers_pings_is_left_alone() -> None:
    def hold(server: Conversation) -> None:
        server.welcome()
        server.hold()

    with signalling_server(hold) as uri, SignallingClient(uri, keepalive=0.2) as client:
        lost = Heard(client.connection_lost)
        with pytest.raises(WaitTimeout):
            client.list_producers(timeout=6)
        assert lost.is_empty


def test_message_that_takes_long_to_arrive_is_being_heard() -> None:
    text = json.dumps({"type": "list", "producers": []}).encode() + b" " * 200

    def drip(server: Conversation) -> None:
        server.welcome()
        server.expect("list")
        data = frame(FIN | TEXT, text)
        for start in range(0, len(data), 5):
            server.send_raw(data[start : start + 5])
            time.sleep(0.15)
        server.hold()

    with signalling_server(drip) as uri, SignallingClient(uri, keepalive=0.5) as client:
        assert client.list_producers(timeout=20) == []


def test_message_in_too_many_fragments_ends_the_connection_at_once() -> None:
    def shred(server: Conversation) -> None:
        server.welcome()
        server.expect("list")
        server.send_raw(frame(TEXT, b"x") + frame(CONTINUATION, b"x" * 64) * 200_000)
        server.hold()

    with signalling_server(shred) as uri, SignallingClient(uri) as client:
        lost = Heard(client.connection_lost)
        begin = time.process_time()
        with pytest.raises(ConnectionError):
            client.list_producers()
        assert "fragments" in str(lost.next()["error"])
        assert time.process_time() - begin < 2


def test_server_that_pings_without_end_gets_pongs() -> None:
    def ping(server: Conversation) -> None:
        server.welcome()
        server.expect("list")
        server.send_raw(frame(FIN | PING, b"ping") * 10_000)
        server.send("list", producers=[])
        server.hold()

    with signalling_server(ping) as uri, SignallingClient(uri) as client:
        assert client.list_producers() == []


@pytest.mark.parametrize("keepalive", [0, -1, float("nan")])
def test_keepalive_that_is_no_time_is_refused(keepalive: float) -> None:
    with pytest.raises(ValueError, match=r"keepalive|timeout"):
        SignallingClient("ws://robot", keepalive=keepalive)


def test_log_is_not_filled_by_a_server(caplog: pytest.LogCaptureFixture) -> None:
    def annoy(server: Conversation) -> None:
        server.welcome()
        server.expect("list")
        for _ in range(100):
            server.send_raw(frame(FIN | 0x2, b"binary"))
            server.send("welcome", peerId="another")
            server.send("error", details="Peer x is not part of y")
        server.send("list", producers=[])
        server.hold()

    with signalling_server(annoy) as uri:
        with SignallingClient(uri) as client:
            client.list_producers()
        lines = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]

    assert len(lines) == 6
    assert sum("100 times in all" in line for line in lines) == 3
