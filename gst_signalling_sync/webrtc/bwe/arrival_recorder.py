"""`ArrivalRecorder`: arrival times of a transport's packets, for transport-wide feedback (TWCC). No clock."""

from __future__ import annotations

from typing import Final

from ..wrapping import step
from .transport_feedback import MAX_PACKETS, TICKS_PER_SECOND, TransportFeedback

__all__ = ["ArrivalRecorder"]

_REFERENCE_TICKS: Final = 256
_MAX_STEP_TICKS: Final = (1 << 15) - 1
_SEQUENCE_BITS: Final = 16
_SEQUENCE_MASK: Final = (1 << _SEQUENCE_BITS) - 1

_MAX_AHEAD: Final = 4096
"""Maximum distance from the newest packet. A packet beyond it comes from a sender that restarted, or that lies."""

_REMEMBERED_SECONDS: Final = 0.5
"""How long after the next message a late packet is still reported."""


class ArrivalRecorder:
    """The arrivals of one transport, by unwrapped transport-wide sequence numbers."""

    def __init__(self) -> None:
        self._arrivals: dict[int, int] = {}
        self._newest: int | None = None
        # The first packet of the next message.
        self._next = 0
        # The first packet that is remembered; earlier ones may have arrived.
        self._forgotten = 0
        self._number = 0

    @property
    def has_news(self) -> bool:
        """Whether a packet has arrived that no message has reported."""
        return bool(self._arrivals) and self._newest is not None and self._newest >= self._next

    def add(self, sequence_number: int, now: float) -> None:
        """Record an arrival.

        Args:
            sequence_number: The transport-wide sequence number, 16 bits.
            now: The time, in seconds of a clock that does not jump.
        """
        ticks = round(now * TICKS_PER_SECOND)
        if self._newest is None:
            self._begin(sequence_number)
        assert self._newest is not None
        number = self._newest + step(self._newest & _SEQUENCE_MASK, sequence_number, _SEQUENCE_BITS)
        if abs(number - self._newest) > _MAX_AHEAD:
            self._begin(sequence_number)
            number = self._newest = sequence_number
        if number < self._forgotten:
            # A message that began here would report its neighbours as lost.
            return
        # Of a packet that arrives twice, the first arrival counts.
        self._arrivals.setdefault(number, ticks)
        self._newest = max(self._newest, number)
        if number < self._next:
            # It was reported as lost, and is reported again.
            self._next = number

    def messages(self) -> list[TransportFeedback]:
        """The messages to send now, with all arrivals since the last call and the packets missing between them."""
        messages: list[TransportFeedback] = []
        while self.has_news:
            messages.append(self._message())
        return messages

    def _begin(self, sequence_number: int) -> None:
        self._arrivals.clear()
        self._newest = self._next = self._forgotten = sequence_number

    def _message(self) -> TransportFeedback:
        assert self._newest is not None
        first = next(number for number in range(self._next, self._newest + 1) if number in self._arrivals)
        begin = max(self._next, first - MAX_PACKETS // 2)
        reference = self._arrivals[first] // _REFERENCE_TICKS
        origin = last = reference * _REFERENCE_TICKS
        arrivals: list[int | None] = []
        for number in range(begin, min(self._newest + 1, begin + MAX_PACKETS)):
            ticks = self._arrivals.get(number)
            if ticks is not None:
                if abs(ticks - last) > _MAX_STEP_TICKS:
                    break
                last = ticks
            arrivals.append(None if ticks is None else ticks - origin)
        while arrivals[-1] is None:
            # Packets that are missing at the end may be under way, and belong to the next message.
            arrivals.pop()
        self._next = begin + len(arrivals)
        self._forget(last - round(_REMEMBERED_SECONDS * TICKS_PER_SECOND))
        message = TransportFeedback(begin & _SEQUENCE_MASK, self._number, reference & 0xFFFFFF, tuple(arrivals))
        self._number = (self._number + 1) & 0xFF
        return message

    def _forget(self, before: int) -> None:
        for number in [each for each, ticks in self._arrivals.items() if each < self._next and ticks < before]:
            del self._arrivals[number]
            self._forgotten = max(self._forgotten, number + 1)
