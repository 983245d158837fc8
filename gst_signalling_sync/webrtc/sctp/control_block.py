"""`ControlBlock`: what the parts of an association share, the RFC's transmission control block (RFC 9260 section 14.2)."""

from __future__ import annotations

from typing import NamedTuple

from .chunks import ABORT, chunk, packet, shutdown_chunk
from .cookies import Cookie
from .events import Closed, Event, Expired, Sent
from .parameters import parameter
from .receiving import Receiving
from .reconfiguration import Reconfiguration
from .round_trips import RoundTrips
from .sending import Sending
from .serial import TSN_MASK
from .settings import Settings
from .state import BEGINNING, State

__all__ = ["ControlBlock", "Timer"]


class Timer(NamedTuple):
    """The timer T1-init, T1-cookie or T2-shutdown (RFC 9260 sections 5.1 and 9.2), which repeats a chunk.

    Attributes:
        chunk: The chunk to repeat.
        began: When it was sent last, in seconds.
        at: When it is repeated, in seconds.
        repetitions: Number of its repetitions.
    """

    chunk: bytes
    began: float
    at: float
    repetitions: int


class ControlBlock:
    """The state of an association.

    Args:
        settings: Protocol parameters.
        tag: The verification tag of this end.
        first_tsn: The first TSN of this end.
    """

    def __init__(self, settings: Settings, tag: int, first_tsn: int) -> None:
        self.settings = settings
        self.tag = tag
        self.first_tsn = first_tsn
        self.state = State.CLOSED
        """The state."""

        self.events: list[Event] = []
        """The events for `Association.take_events`."""

        self.tells_of_acknowledgements = True
        """Whether there are `Acknowledged` events."""

        self.peer: Cookie | None = None
        """What the peer has said of itself; None: it has not answered yet."""

        self.round_trips = RoundTrips(settings)
        self.sending = Sending(settings, first_tsn, self.round_trips)
        self.receiving = Receiving(settings, 0)
        self.reconfiguration = Reconfiguration(first_tsn, 0, self.round_trips)
        self.control: list[bytes] = []
        """Chunks for the next packets that are neither DATA nor SACK."""

        self.packets: list[bytes] = []
        """The packets for `Association.take_packets`."""

        self.timer: Timer | None = None
        """The timer that repeats a chunk; None: none runs."""

    @property
    def streams(self) -> int:
        """The number of streams that each end may send on. Once established, it is the minimum of what both ends accept."""
        mine = self.settings.streams
        return mine if self.peer is None else min(mine, self.peer.incoming_streams)

    # Packets.

    def add_packet(self, parts: list[bytes]) -> None:
        """Send a packet to the peer."""
        assert self.peer is not None
        self.packets.append(packet(self.settings.port, self.settings.peer_port, self.peer.peer_tag, parts))

    def send_alone(self, tag: int, only: bytes) -> None:
        """Send a packet with one chunk.

        Args:
            tag: The verification tag.
            only: The chunk.
        """
        self.packets.append(packet(self.settings.port, self.settings.peer_port, tag, [only]))

    def shutdown_chunk(self) -> bytes:
        """Make a SHUTDOWN chunk, which acknowledges what was received until now."""
        return shutdown_chunk(self.receiving.cumulative_tsn & TSN_MASK)

    # Time.

    def start_timer(self, repeated: bytes, now: float, repetitions: int = 0) -> None:
        """Start the timer for a chunk that is sent now.

        Args:
            repeated: The chunk.
            now: The time, in seconds.
            repetitions: Number of its repetitions. Defaults to 0.
        """
        self.timer = Timer(repeated, now, now + self.round_trips.backed_off(repetitions), repetitions)

    def on_answer(self, now: float) -> None:
        """Measure the round trip of the timer's chunk, unless it was repeated (Karn's algorithm)."""
        if self.timer is not None and not self.timer.repetitions:
            self.round_trips.measured(now - self.timer.began)

    def on_timer(self, timer: Timer, now: float) -> None:
        """Repeat the timer's chunk, or end because there were too many repetitions.

        Args:
            timer: The timer, which is due.
            now: The time, in seconds.
        """
        count = timer.repetitions + 1
        settings = self.settings
        limit = settings.max_init_retransmits if self.state in BEGINNING else settings.max_retransmits
        if limit is not None and count > limit:
            self.end("the peer does not answer")
            return
        repeated = self.shutdown_chunk() if self.state is State.SHUTDOWN_SENT else timer.chunk
        self.start_timer(repeated, now, count)
        if self.state is State.COOKIE_WAIT:
            self.send_alone(0, repeated)
        else:
            self.control.append(repeated)

    # Events.

    def tell_of_received(self) -> None:
        """Add the events of messages that were received."""
        self.events += self.receiving.take_delivered()

    def tell_of_messages(self) -> None:
        """Add the events of messages that were sent or have expired."""
        sending = self.sending
        if sending.sent:
            self.events.append(Sent(sending.sent))
            sending.sent = []
        if sending.expired:
            self.events.append(Expired(sending.expired))
            sending.expired = []

    # The end.

    def abort_for(self, cause: int, error: str | None) -> None:
        """Send an ABORT, and end.

        Args:
            cause: The error cause for the peer.
            error: Why the association failed; None: this end wants it to end.
        """
        if self.peer is not None:
            self.send_alone(self.peer.peer_tag, chunk(ABORT, 0, parameter(cause)))
        self.end(error)

    def end(self, error: str | None) -> None:
        """End without a chunk.

        Args:
            error: Why the association failed; None: one of the ends has ended it.
        """
        if self.state is State.ENDED:
            return
        self.tell_of_received()
        self.tell_of_messages()
        self.state = State.ENDED
        self.control.clear()
        self.timer = None
        self.events.append(Closed(error))
