"""Ctrl-C while a thread is started leaves neither two threads nor one that nobody uses."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from gst_signalling_sync import Listener, SignallingClient, SignallingServer
from gst_signalling_sync.threads.callbacks import Callbacks

from ..helpers.own_process import gss_threads
from ..helpers.waiting import wait_until

SECONDS = 10.0


@pytest.fixture(params=["before the thread runs", "after it"])
def interrupt(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Has Ctrl-C interrupt the next start of a thread whose name begins with a string."""
    start = threading.Thread.start

    def start_interrupted(beginning: str) -> None:
        def start_or_raise(thread: threading.Thread) -> None:
            if not thread.name.startswith(beginning):
                return start(thread)
            monkeypatch.undo()
            if request.param == "after it":
                start(thread)
            raise KeyboardInterrupt

        monkeypatch.setattr(threading.Thread, "start", start_or_raise)

    before = gss_threads()
    yield start_interrupted
    wait_until(lambda: gss_threads() == before, "no thread is left")


def test_callbacks(interrupt: Callable[[str], None]) -> None:
    callbacks = Callbacks("tested")
    interrupt("gss-tested")
    with pytest.raises(KeyboardInterrupt):
        callbacks.open()
    called = threading.Event()

    callbacks.open()
    callbacks.post(called.set)

    assert called.wait(SECONDS)
    assert callbacks.close(SECONDS)


@pytest.mark.parametrize("thread", ["gss-listener-life", "gss-listener-callbacks"])
def test_role(embedded_server: SignallingServer, interrupt: Callable[[str], None], thread: str) -> None:
    listener = Listener(embedded_server.uri)
    interrupt(thread)
    with pytest.raises(KeyboardInterrupt):
        listener.start()

    listener.start(SECONDS)
    assert listener.state == "registered"
    listener.close(SECONDS)

    assert listener.state == "closed"
    wait_until(lambda: not embedded_server.peers, "the server knows no peer")


@pytest.mark.parametrize("thread", ["gss-callbacks", "gss-writer", "gss-reader"])
def test_client(embedded_server: SignallingServer, interrupt: Callable[[str], None], thread: str) -> None:
    client = SignallingClient(embedded_server.uri)
    interrupt(thread)
    with pytest.raises(KeyboardInterrupt):
        client.connect()

    with client:
        assert client.list_producers() == []
    wait_until(lambda: not embedded_server.peers, "the server knows no peer")
