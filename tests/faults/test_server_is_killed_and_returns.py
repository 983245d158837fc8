"""The signalling server is killed and starts again: every role registers again soon, and no session notices."""

from __future__ import annotations

import itertools
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final

import pytest

from gst_signalling_sync import Consumer, Listener, Producer, Retry, Session

from ..figures import Figures
from ..helpers.filming import filming
from ..helpers.proofs import short_and_long
from ..helpers.waiting import Heard, wait_until
from .flow import Flow
from .server_process import SERVERS, ServerProcess, server_process

MESSAGE_PERIOD: Final = 1 / 100
FRAME_PERIOD: Final = 1 / 30
SECONDS: Final = 20.0

RETRIES: Final = {"quick": Retry(maximum=1.5), "default": Retry()}

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.usefixtures("_ahead_of_other_programs")]


class Roles:
    """A producer, a consumer and a listener for each `Retry`, which note when they are registered again.

    Args:
        uri: The signalling server's.
    """

    def __init__(self, uri: str) -> None:
        self.producers = {name: Producer(uri, name=f"robot-{name}", retry=retry) for name, retry in RETRIES.items()}
        self.consumers = {name: Consumer(uri, retry=retry) for name, retry in RETRIES.items()}
        self._listeners = {name: Listener(uri, retry=retry) for name, retry in RETRIES.items()}
        self._returns: queue.SimpleQueue[tuple[str, str, float]] = queue.SimpleQueue()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Start all roles, and close them when the block ends."""
        with ExitStack() as stack:
            for kind, roles in (
                ("producer", self.producers),
                ("consumer", self.consumers),
                ("listener", self._listeners),
            ):
                for name, role in roles.items():
                    role.reconnected.connect(
                        lambda role, peer_id, kind=kind, name=name: self._returns.put((kind, name, time.monotonic()))
                    )
                    stack.enter_context(role)
            yield

    def wait_registered_again(self) -> dict[tuple[str, str], float]:
        """Wait until each role has been registered again once.

        Returns:
            The time at which each was, by its kind and the name of its `Retry`.
        """
        returns: dict[tuple[str, str], float] = {}
        while len(returns) < 3 * len(RETRIES):
            kind, name, moment = self._returns.get(timeout=SECONDS)
            assert (kind, name) not in returns
            returns[kind, name] = moment
        return returns


class Traffic:
    """Messages and frames from a producer to a consumer while a block runs.

    Args:
        producer: The producer, not started yet.
    """

    def __init__(self, producer: Producer) -> None:
        self.messages = Flow(MESSAGE_PERIOD)
        self.frames = Flow(FRAME_PERIOD)
        self.numbers: list[str] = []
        self._channel = producer.add_channel("numbers")
        self._video = producer.add_video(fps=1 / FRAME_PERIOD)

    @contextmanager
    def flowing_to(self, session: Session) -> Iterator[None]:
        """Send, and note what arrives. When the block ends, all that was sent has arrived."""
        session.channel("numbers").message.connect(self._on_message)
        session.video.frame.connect(self._on_frame)
        stop = threading.Event()
        sender = threading.Thread(target=self._send, args=(stop,))
        with filming(self._video, fps=1 / FRAME_PERIOD) as camera:
            # The first frame waits for a keyframe.
            wait_until(lambda: self.frames.arrived, "the first frame", SECONDS)
            del self.frames.arrived[:-1]
            sender.start()
            try:
                yield
            finally:
                stop.set()
                sender.join()
            self.frames.sent = [moment for moment in camera.times if moment >= self.frames.arrived[0]]
        wait_until(lambda: len(self.numbers) >= len(self.messages.sent), "what was sent arrives", SECONDS)

    def _send(self, stop: threading.Event) -> None:
        due = time.monotonic()
        for number in itertools.count():
            if stop.wait(max(0.0, due - time.monotonic())):
                return
            self.messages.sent.append(time.monotonic())
            self._channel.send(str(number))
            due += MESSAGE_PERIOD

    def _on_message(self, channel: object, data: str) -> None:
        self.messages.arrived.append(time.monotonic())
        self.numbers.append(data)

    def _on_frame(self, video: object, frame: object) -> None:
        self.frames.arrived.append(time.monotonic())


@pytest.fixture(
    params=[pytest.param(kind, marks=pytest.mark.interop if kind == "reference" else ()) for kind in SERVERS]
)
def server(request: pytest.FixtureRequest) -> Iterator[ServerProcess]:
    with server_process(request.param) as server:
        yield server


@short_and_long("times_away", [1.0] * 3, [1.0, 5.0, 30.0] * 20, timeout=3000)
def test_roles_are_registered_again_and_sessions_notice_nothing(
    server: ServerProcess, figures: Figures, times_away: Sequence[float]
) -> None:
    roles = Roles(server.uri)
    traffic = Traffic(roles.producers["quick"])
    slowest: dict[tuple[str, str], float] = {}
    with roles.running():
        session = roles.consumers["quick"].start_session(name="robot-quick")
        states = Heard(session.state_changed)
        closed = Heard(session.closed)
        with traffic.flowing_to(session):
            for seconds in times_away:
                server.kill()
                # The outage has a length, so this waits for time to pass.
                threading.Event().wait(seconds)
                returned = server.start()
                for role, moment in roles.wait_registered_again().items():
                    slowest[role] = max(slowest.get(role, 0.0), moment - returned)
        assert session.state == "connected"
        assert closed.is_empty
        # The change to "connected" may have been reported late.
        while not states.is_empty:
            assert states.next()["state"] == "connected"

    for (kind, name), latest in slowest.items():
        figures.add(f"{kind}, {name} retry: registered after the return", latest, RETRIES[name].maximum + 0.5)
    assert traffic.numbers == [str(number) for number in range(len(traffic.messages.sent))]
    figures.add(f"gap in {len(traffic.numbers)} messages", traffic.messages.longest_gap, 0.1)
    figures.add(f"gap in {len(traffic.frames.arrived)} frames", traffic.frames.longest_gap, 0.2)
