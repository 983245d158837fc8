"""An error that nobody foresaw costs what it interrupts, and nothing that comes later."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from gst_signalling_sync import Listener, Producer, SignallingServer
from gst_signalling_sync.server.framing import Framer
from gst_signalling_sync.server.reloading import Reloading
from gst_signalling_sync.server.turns import Turns

from ..helpers.raw_peer import RawPeer
from ..helpers.waiting import Heard, wait_until


def failing_once(function: Callable[..., Any], fails: Callable[..., bool] = lambda *_: True) -> Callable[..., Any]:
    has_failed = False

    def call(*arguments: Any) -> Any:
        nonlocal has_failed
        if not has_failed and fails(*arguments):
            has_failed = True
            raise KeyError("a defect")
        return function(*arguments)

    return call


def internal_errors(caplog: pytest.LogCaptureFixture) -> int:
    return sum(record.levelno == logging.ERROR and "internal error" in record.getMessage() for record in caplog.records)


def test_leases_end_after_an_error_in_the_housekeeping(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Reloading, "look", failing_once(Reloading.look))
    with SignallingServer(port=0, lease=0.5) as server:
        # It answers no pings.
        silent = RawPeer(server.uri)
        wait_until(lambda: not server.peers, "the lease is over")
        silent.vanish()

    assert internal_errors(caplog) == 1


def test_listeners_are_told_after_an_error_in_telling_them(
    embedded_server: SignallingServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with Listener(embedded_server.uri) as listener:
        added = Heard(listener.producer_added)
        is_status = lambda framer, event: getattr(event, "meta", None) == {"name": "lost"}  # noqa: E731
        monkeypatch.setattr(Framer, "frame", failing_once(Framer.frame, is_status))
        with Producer(embedded_server.uri, name="lost"):
            wait_until(lambda: internal_errors(caplog), "the error")
            with Producer(embedded_server.uri, name="told"):
                assert added.next()["peer"].name == "told"


def test_workers_get_their_turns_after_one_that_failed(caplog: pytest.LogCaptureFixture) -> None:
    class Loop:
        def __init__(self) -> None:
            self.due: list[Callable[[], None]] = []

        def call_soon(self, function: Callable[[], None]) -> None:
            self.due.append(function)

    class Breather:
        def breathe(self) -> None:
            pass

    class Worker:
        def __init__(self, fails: bool = False) -> None:
            self.fails = fails
            self.turns = 0

        def take_turn(self) -> bool:
            self.turns += 1
            if self.fails:
                raise KeyError("a defect")
            return self.turns < 3

    loop, workers = Loop(), [Worker(), Worker(fails=True), Worker()]
    turns = Turns(loop, Breather())  # type: ignore[arg-type]
    for worker in workers:
        turns.wait(worker)
    while loop.due:
        loop.due.pop(0)()

    assert [worker.turns for worker in workers] == [3, 1, 3]
    assert internal_errors(caplog) == 1
