"""Ctrl-C, forked children, and what hundreds of connections leave behind."""

from __future__ import annotations

import gc
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gst_signalling_sync import ConnectTimeout, SignallingClient, SignallingServer

from ...helpers.hostile import Conversation, signalling_server, tcp_server
from ...helpers.own_process import gss_threads, resident_bytes
from ...helpers.processes import exit_of, in_child, start_script, wait_until_blocked
from ...helpers.waiting import wait_until

SECONDS = 10.0


# Ctrl-C


INTERRUPTED = """
    import sys, time
    from gst_signalling_sync import SignallingClient
    client = SignallingClient(sys.argv[1], timeout=60)
    try:
        {call}
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


def assert_interrupted_at_once(process: subprocess.Popen[str], waiting: threading.Event) -> None:
    """Interrupt a program by Ctrl-C once its server says that it waits."""
    assert waiting.wait(SECONDS)
    wait_until_blocked(process)
    begin = time.monotonic()
    process.send_signal(signal.SIGINT)
    output, complaints = exit_of(process)

    assert (process.returncode, output, complaints) == (0, "interrupted\n", "")
    assert time.monotonic() - begin < 4


@pytest.mark.parametrize("call", ["client.connect()", "with client: client.list_producers()"])
def test_interrupt_ends_a_blocking_call_at_once(call: str) -> None:
    waiting = threading.Event()

    def keep_waiting(server: Conversation) -> None:
        server.expect("setProtocolVersion")
        if "list" in call:
            server.welcome()
            server.expect("list")
        waiting.set()
        server.hold()

    with signalling_server(keep_waiting) as uri, start_script(INTERRUPTED.format(call=call), uri) as process:
        assert_interrupted_at_once(process, waiting)


def test_interrupt_ends_the_handshake_at_once() -> None:
    waiting = threading.Event()

    def accept_only(connection: Any) -> None:
        waiting.set()
        while connection.recv(4096):
            pass

    with (
        tcp_server(accept_only) as uri,
        start_script(INTERRUPTED.format(call="client.connect()"), uri) as process,
    ):
        assert_interrupted_at_once(process, waiting)


# Fork


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.connect(),
        lambda client: client.close(),
        lambda client: client.set_status(["producer"]),
        lambda client: client.list_producers(),
        lambda client: client.list_consumers(),
        lambda client: client.start_session("x"),
        lambda client: client.end_session("x"),
        lambda client: client.send_sdp("x", "offer", ""),
        lambda client: client.send_ice("x", ""),
    ],
)
def test_inherited_client_says_so(
    embedded_server: SignallingServer, call: Callable[[SignallingClient], object]
) -> None:
    def refuses() -> bool:
        with pytest.raises(RuntimeError, match=rf"signalling client of {embedded_server.uri}.*inherited by fork"):
            call(inherited)
        return True

    with SignallingClient(embedded_server.uri) as inherited:
        assert in_child(refuses)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_forked_child_can_make_a_client_of_its_own(signalling_uri: str) -> None:
    def works() -> bool:
        with SignallingClient(signalling_uri) as own:
            return own.peer_id != inherited.peer_id and own.list_producers() == []

    with SignallingClient(signalling_uri) as inherited:
        assert in_child(works)
        assert inherited.list_producers() == []


# Repetition


def test_200_connects_and_closes_leave_nothing(embedded_server: SignallingServer) -> None:
    client = SignallingClient(embedded_server.uri)

    def connect_and_close(times: int) -> tuple[int, int, int]:
        for _ in range(times):
            with client:
                client.list_producers()
        gc.collect()
        return threading.active_count(), open_descriptors(), resident_bytes()

    threads, _, memory = connect_and_close(50)
    # The server in this process closes its end of a connection a moment later.
    wait_until(lambda: not embedded_server.peers, "the server has closed the connections")
    descriptors = open_descriptors()
    threads_later, _, memory_later = connect_and_close(150)

    assert threads_later == threads
    wait_until(lambda: open_descriptors() <= descriptors, "no descriptor is left open")
    assert memory_later - memory < 4 * 2**20


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_failed_connects_leave_nothing_and_complain_of_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def never_welcome(server: Conversation) -> None:
        server.hold()

    with signalling_server(never_welcome) as uri:
        for _ in range(3):
            with pytest.raises(ConnectTimeout, match="no welcome"):
                SignallingClient(uri).connect(timeout=1)
            wait_until(lambda: not [name for name in gss_threads() if uri.split("//")[1] in name], "no thread is left")

    assert not caplog.records
