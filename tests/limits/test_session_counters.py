"""Each limit of roles and sessions counts what exceeded it, by the limit's name."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, Final

import pytest

from gst_signalling_sync import (
    Listener,
    Producer,
    Rate,
    Session,
    SessionClosed,
    SessionLimits,
    SignallingServer,
    connect,
)
from gst_signalling_sync.echo import ECHO_PROTOCOL
from gst_signalling_sync.webrtc.session import behind_session

from ..helpers.hostile import Conversation, signalling_server
from ..helpers.raw_peer import RawPeer
from ..helpers.waiting import wait_until

ONCE: Final = Rate(0.001, burst=1)
SECTION: Final = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:0\r\na=sctp-port:5000\r\n"
STATUSES: Final = 20


class Strangers(contextlib.ExitStack):
    """Peers of one robot, which stay connected until the end of the test.

    Args:
        server: The server of the peers and of the robot.
        robot: The robot.
    """

    def __init__(self, server: SignallingServer, robot: Producer) -> None:
        super().__init__()
        self._uri = server.uri
        self.robot = robot

    def asks(self, times: int, **offer: str) -> None:
        """One peer asks for sessions, and connects none of them."""
        peer = RawPeer(self._uri)
        self.callback(peer.vanish)
        for _ in range(times):
            peer.send("startSession", peerId=self.robot.peer_id, **offer)

    def sends_candidates(self, times: int) -> None:
        """One peer asks for a session, and sends only candidates."""
        peer = RawPeer(self._uri)
        self.callback(peer.vanish)
        session_id = peer.request("startSession", peerId=self.robot.peer_id)["sessionId"]
        for number in range(times):
            candidate = f"candidate:1 1 udp 1 192.0.2.1 {1000 + number} typ host"
            peer.send("peer", sessionId=session_id, ice={"candidate": candidate, "sdpMLineIndex": 0})

    def session(self) -> Session:
        """A connected session with the robot."""
        return self.enter_context(connect(self._uri, name="robot"))

    def opens(self, *labels: str) -> None:
        """One peer opens channels."""
        session = self.session()
        for label in labels:
            session.create_channel(label)

    def sends(self, times: int, protocol: str = "") -> None:
        """One peer sends messages of 100 bytes while its channel is open."""
        channel = self.session().create_channel("data", protocol=protocol)
        channel.wait_open()
        with contextlib.suppress(SessionClosed, OSError):
            for _ in range(times):
                channel.send(bytes(100))

    def describes(self) -> None:
        """One peer sends descriptions of its end of a session repeatedly."""
        self.session()
        wait_until(lambda: self.robot.sessions, "the robot has the session")
        for _ in range(2):
            behind_session(self.robot.sessions[0]).link.server.on_description("offer", "v=0\r\n")  # type: ignore[arg-type]

    def ask_until_callbacks_wait(self) -> None:
        """Ask for sessions while the robot's receiver is still called for the first one."""
        is_over = threading.Event()
        self.callback(is_over.set)
        self.robot.session_started.connect(lambda producer, session: is_over.wait(60))
        while "callbacks" not in self.robot.refusals:
            with contextlib.suppress(SessionClosed):
                self.session()


@dataclass(frozen=True)
class Meeting:
    """How peers reach a limit.

    Attributes:
        limit: The value of the limit.
        attack: Makes peers reach the limit.
        others: Other limits, if one of them would be reached before.
        in_session: Whether the session counts too.
    """

    limit: Any
    attack: Callable[[Strangers], object]
    others: dict[str, Any] = field(default_factory=dict)
    in_session: bool = True


def asks(times: int) -> Callable[[Strangers], object]:
    return lambda strangers: strangers.asks(times)


def offers(sdp: str) -> Callable[[Strangers], object]:
    return lambda strangers: strangers.asks(1, offer=sdp)


def connects_twice(strangers: Strangers) -> None:
    strangers.session()
    with pytest.raises(SessionClosed) as refused:
        strangers.session()
    assert refused.value.reason == "busy"


MEETINGS: Final[dict[str, Meeting]] = {
    "sessions": Meeting(1, connects_twice, in_session=False),
    "connecting": Meeting(1, asks(2), in_session=False),
    "connecting_per_peer": Meeting(1, asks(2), in_session=False),
    "requests": Meeting(1, asks(3), {"connecting": 1}, in_session=False),
    "requests_per_peer": Meeting(ONCE, asks(2), in_session=False),
    "session_starts": Meeting(ONCE, asks(2), in_session=False),
    "media_sections": Meeting(1, offers("v=0\r\n" + 2 * SECTION), in_session=False),
    "attributes": Meeting(1, offers("v=0\r\n" + SECTION), in_session=False),
    "descriptions": Meeting(ONCE, Strangers.describes),
    "candidates": Meeting(1, lambda strangers: strangers.sends_candidates(2), in_session=False),
    "channels": Meeting(1, lambda strangers: strangers.opens("a", "b")),
    "channel_openings": Meeting(ONCE, lambda strangers: strangers.opens("a", "b")),
    "label_bytes": Meeting(5, lambda strangers: strangers.opens("longer")),
    "unread_bytes": Meeting(1000, lambda strangers: strangers.sends(100), {"unasked_bytes": None}),
    "unasked_bytes": Meeting(1000, lambda strangers: strangers.sends(100)),
    "callbacks": Meeting(1, Strangers.ask_until_callbacks_wait, in_session=False),
    "echo_bytes": Meeting(Rate(0.001, burst=500), lambda strangers: strangers.sends(2, protocol=ECHO_PROTOCOL)),
}
"""By the limit's name."""


def test_no_limit_is_left_out() -> None:
    assert list(MEETINGS) == [each.name for each in fields(SessionLimits)]


@pytest.mark.parametrize("name", MEETINGS)
def test_limit_counts_what_met_it(embedded_server: SignallingServer, name: str) -> None:
    meeting = MEETINGS[name]
    limits = SessionLimits(**{name: meeting.limit, **meeting.others})
    with (
        Producer(embedded_server.uri, name="robot", limits=limits) as robot,
        Strangers(embedded_server, robot) as strangers,
    ):
        assert robot.refusals == {}

        meeting.attack(strangers)

        wait_until(lambda: name in robot.refusals, "the limit is met")
        if meeting.in_session:
            [session] = robot.sessions
            assert session.refusals == robot.refusals


def test_other_sessions_of_a_role_do_not_count_what_was_met_in_one(embedded_server: SignallingServer) -> None:
    with (
        Producer(embedded_server.uri, name="robot", limits=SessionLimits(label_bytes=3)) as robot,
        Strangers(embedded_server, robot) as strangers,
    ):
        for label in ("long one", "long another", "a"):
            strangers.opens(label)
        wait_until(lambda: len(robot.sessions) == 3, "the robot has all sessions")
        wait_until(lambda: robot.refusals == {"label_bytes": 2}, "the limit is met twice")

        assert sorted(len(session.refusals) for session in robot.sessions) == [0, 1, 1]


def test_listener_counts_that_its_receivers_take_too_long() -> None:
    is_over = threading.Event()

    def change_statuses(server: Conversation) -> None:
        server.welcome()
        server.expect("list")
        server.send("list", producers=[])
        for number in range(STATUSES):
            server.send("peerStatusChanged", peerId="restless", roles=["producer"], meta=number)
        server.hold()

    with signalling_server(change_statuses) as uri:
        listener = Listener(uri, limits=SessionLimits(callbacks=3))
        listener.peer_status_changed.connect(lambda listener, peer, roles: is_over.wait(60))
        with listener:
            wait_until(lambda: listener.refusals == {"callbacks": 1}, "the limit is met")
            is_over.set()
