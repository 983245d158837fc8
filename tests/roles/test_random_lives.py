"""Starts, closes, losses, forks and sessions in any order, on several threads and in callbacks: the invariants at the end."""

from __future__ import annotations

import contextlib
import random
import threading
from collections import Counter
from collections.abc import Iterator

import pytest

from gst_signalling_sync import ConnectError, ConnectionLost, Consumer, Producer, Retry, Session, SignallingError

from ..helpers.mortal_server import MortalServer
from ..helpers.processes import in_child
from ..helpers.proofs import short_and_long
from ..helpers.waiting import wait_until

QUICK = Retry(first=0.0, maximum=0.05)
STEPS = 5
THREADS = 3
WITH_SESSIONS = 9
"""One life in so many also has a consumer with sessions."""

SHARES = 4
"""The lives are divided into so many shares, which run at the same time."""


@pytest.mark.parametrize("share", range(SHARES))
@short_and_long("lives", 20, 10_000, timeout=7200)
def test_close_is_final_callbacks_take_turns_and_sessions_end_once(
    server: MortalServer, lives: int, share: int
) -> None:
    for seed in range(share, lives, SHARES):
        life = Life(server, random.Random(seed))
        if seed % WITH_SESSIONS == 0:
            with life.sessions():
                life.run()
        else:
            life.run()
        life.check()


class Life:
    """A producer to which random things happen.

    Args:
        server: The server, which is stopped and started.
        choose: Decides what happens.
    """

    def __init__(self, server: MortalServer, choose: random.Random) -> None:
        self._server = server
        self._choose = choose
        self._producer = Producer(server.uri, name="robot", retry=QUICK, timeout=5)
        self._producer.add_channel("data")
        self._producer.state_changed.connect(self._in_callback)
        self._producer.session_started.connect(lambda producer, session: self._watch(session))
        self._callback = threading.Lock()
        self._overlaps = 0
        # Guards the counts, because sessions of both ends are reported on several threads.
        self._lock = threading.Lock()
        self._begun: list[Session] = []
        self._ends: Counter[Session] = Counter()

    def run(self) -> None:
        """Do random things, then close the producer."""
        threads = [threading.Thread(target=self._act) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for _ in range(STEPS):
            self._server.go()
            if self._choose.random() < 0.2:
                assert in_child(self._is_dead_in_child), "what a child of fork inherits is dead"
            self._server.come()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive(), "a call hangs"
        self._producer.close()

    def check(self) -> None:
        """Assert the invariants."""
        assert self._producer.state == "closed"
        assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("gss-producer")]
        wait_until(lambda: self._server.peer_ids == [], "nobody is registered")
        assert self._overlaps == 0, "callbacks of one thread overlap"
        assert self._ends == Counter(self._begun), "a session ended not at all, or twice"

    @contextlib.contextmanager
    def sessions(self) -> Iterator[None]:
        """Have a consumer start and close sessions while the block runs."""
        stop = threading.Event()
        consumer = Consumer(self._server.uri, retry=QUICK, timeout=0.5)

        def join() -> None:
            while not stop.is_set():
                with contextlib.suppress(SignallingError):
                    consumer.start()
                    session = consumer.start_session(name="robot")
                    self._watch(session)
                    if self._choose.random() < 0.5:
                        session.close()

        thread = threading.Thread(target=join)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(60)
            assert not thread.is_alive(), "a call hangs"
            consumer.close()

    def _act(self) -> None:
        for _ in range(STEPS):
            with contextlib.suppress(ConnectionLost, ConnectError):
                self._do(self._choose.choice(["start", "start", "close"]))

    def _in_callback(self, producer: Producer, **_: object) -> None:
        if not self._callback.acquire(blocking=False):
            self._overlaps += 1
            return
        try:
            with contextlib.suppress(ConnectionLost, ConnectError):
                self._do(self._choose.choice(["start", "close", "", ""]))
        finally:
            self._callback.release()

    def _do(self, what: str) -> None:
        if what == "start":
            self._producer.start()
        elif what == "close":
            self._producer.close()

    def _watch(self, session: Session) -> None:
        def on_closed(session: Session, error: Exception | None) -> None:
            with self._lock:
                self._ends[session] += 1

        with self._lock:
            self._begun.append(session)
        session.closed.connect(on_closed)

    def _is_dead_in_child(self) -> bool:
        for call in (self._producer.start, self._producer.close):
            with pytest.raises(RuntimeError, match="inherited by fork"):
                call()
        return self._producer.state == "closed"
