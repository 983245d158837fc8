"""A link that loses 20 % of the packets in each direction causes no false alarm."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gst_signalling_sync import Consumer, Producer, Session, SignallingServer
from gst_signalling_sync.testing import LinkProfile
from gst_signalling_sync.testing.network import SimulatedNetwork

from ..figures import Stopwatch
from ..helpers.filming import filming
from ..helpers.waiting import Heard, wait_until

pytestmark = pytest.mark.slow

LOSS = 0.2


@pytest.fixture(params=["idle", "video"])
def sessions(request: pytest.FixtureRequest, embedded_server: SignallingServer) -> Iterator[tuple[Session, Session]]:
    """Both ends of a session that was connected before the losses began."""
    with SimulatedNetwork(embedded_server.uri, LinkProfile(loss=0.0)) as network:
        producer = Producer(network.uri, name="robot")
        source = producer.add_video() if request.param == "video" else None
        started = Heard(producer.session_started)
        with producer, Consumer(network.uri) as consumer:
            session = consumer.start_session(name="robot")
            theirs = started.next()["session"]
            network.relay.profile = LinkProfile(loss=LOSS)
            if source is None:
                yield session, theirs
            else:
                with filming(source, fps=15):
                    yield session, theirs
            assert network.relay.traffic.dropped > 0
            network.relay.profile = LinkProfile(loss=0.0)


@pytest.mark.timeout(700)
@pytest.mark.parametrize("seconds", [15.0, pytest.param(600.0, marks=pytest.mark.long)])
def test_no_session_is_interrupted(sessions: tuple[Session, Session], seconds: float) -> None:
    states: list[str] = []
    for session in sessions:
        session.state_changed.connect(lambda session, state: states.append(state))
    watch = Stopwatch()
    wait_until(lambda: watch.seconds > seconds, "the time is over", timeout=seconds + 1)
    assert set(states) <= {"connected"}
    assert all(session.state == "connected" for session in sessions)
