"""An interpreter's exit never hangs, whatever still runs."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from gst_signalling_sync.server import SignallingServer

from ..helpers.hostile import Conversation, signalling_server, tcp_server
from ..helpers.processes import exit_of, run_script, start_script

SECONDS = 10.0


def exits_in_order(script: str, *arguments: str, seconds: float = 6.0) -> bool:
    """Whether a script that prints when it reaches its end exits soon afterwards, with nothing on standard error."""
    with start_script(script, *arguments) as process:
        assert process.stdout is not None
        reached = process.stdout.readline()
        begin = time.monotonic()
        _, complaints = exit_of(process)
    assert reached == "end\n", complaints
    assert (process.returncode, complaints) == (0, "")
    return time.monotonic() - begin < seconds


@pytest.mark.parametrize("role", ["Producer", "Consumer", "Listener", "SignallingClient"])
def test_exit_with_an_object_that_was_never_closed(embedded_server: SignallingServer, role: str) -> None:
    script = f"""
        import sys, gst_signalling_sync
        thing = gst_signalling_sync.{role}(sys.argv[1])
        getattr(thing, "start", getattr(thing, "connect", None))()
        print("end", flush=True)
    """
    assert exits_in_order(script, embedded_server.uri)


def test_exit_with_a_server_that_was_never_closed() -> None:
    script = """
        from gst_signalling_sync import Producer, SignallingServer
        server = SignallingServer(port=0).start()
        producer = Producer(server.uri).start()
        print("end", flush=True)
    """
    assert exits_in_order(script, seconds=4)


def test_exit_in_the_middle_of_a_session(embedded_server: SignallingServer) -> None:
    script = """
        import contextlib, sys
        from gst_signalling_sync import ChannelClosed, Consumer, Producer
        producer = Producer(sys.argv[1])
        echo = producer.add_channel("echo")
        echo.message.connect(lambda channel, session, data: channel.send(data))
        producer.start()
        channel = Consumer(sys.argv[1]).start().start_session(producer.peer_id).channel("echo")
        @channel.message.connect
        def reply(channel, data):
            with contextlib.suppress(ChannelClosed):
                channel.send(data)
        channel.send("forever")
        print("end", flush=True)
    """
    assert exits_in_order(script, embedded_server.uri)


def test_exit_while_a_thread_connects() -> None:
    script = """
        import sys, threading
        from gst_signalling_sync import Producer
        threading.Thread(target=Producer(sys.argv[1], timeout=60).start, daemon=True).start()
        sys.stdin.readline()
        print("end", flush=True)
    """
    accepted = threading.Event()

    def stay_silent(connection: socket.socket) -> None:
        accepted.set()
        while connection.recv(4096):
            pass

    with tcp_server(stay_silent) as uri, start_script(script, uri) as process:
        assert accepted.wait(SECONDS)
        assert process.stdin is not None
        process.stdin.write("\n")
        output, complaints = exit_of(process, 10)

    assert (process.returncode, output, complaints) == (0, "end\n", "")


def test_exit_while_a_callback_blocks_for_a_minute(embedded_server: SignallingServer) -> None:
    script = """
        import sys, threading, time
        from gst_signalling_sync import Listener
        blocked = threading.Event()
        listener = Listener(sys.argv[1])
        listener.peer_status_changed.connect(lambda listener, **status: (blocked.set(), time.sleep(60)))
        listener.start()
        blocked.wait()
    """
    begin = time.monotonic()
    returncode, _, complaints = run_script(script, embedded_server.uri)

    assert returncode == 0
    assert "a callback still runs" in complaints
    assert time.monotonic() - begin < 20


def test_sys_exit_in_a_callback_stops_no_other_callback(embedded_server: SignallingServer) -> None:
    script = """
        import sys, threading
        from gst_signalling_sync import Listener
        called = threading.Event()
        listener = Listener(sys.argv[1])
        listener.peer_status_changed.connect(lambda listener, **status: sys.exit(3))
        listener.start()
        listener.producer_added.connect(lambda listener, peer: called.set())
        from gst_signalling_sync import Producer
        with Producer(sys.argv[1]):
            print("called" if called.wait(5) else "lost")
    """
    returncode, output, complaints = run_script(script, embedded_server.uri)

    assert (returncode, output) == (0, "called\n")
    assert "SystemExit: 3" in complaints


def test_exit_while_the_signalling_server_is_silent() -> None:
    script = """
        import sys
        from gst_signalling_sync import SignallingClient
        client = SignallingClient(sys.argv[1]).connect()
        print("end", flush=True)
    """

    def say_nothing_more(server: Conversation) -> None:
        server.welcome()
        server.hold()

    with signalling_server(say_nothing_more) as uri:
        assert exits_in_order(script, uri)
