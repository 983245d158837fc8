"""`Heartbeats`: HEARTBEAT chunks, whose answers measure round trips (RFC 9260 section 8.3)."""

from __future__ import annotations

import struct
from typing import Final

from .chunks import HEARTBEAT, chunk
from .parameters import HEARTBEAT_INFORMATION, parameter, parse_parameters
from .serial import TSN_MASK

__all__ = ["Heartbeats"]

_NUMBER: Final = struct.Struct("!L")

_MAX_UNANSWERED: Final = 16
"""Maximum number of heartbeats without an answer that are kept."""


class Heartbeats:
    """The heartbeats of one association that have no answer yet."""

    def __init__(self) -> None:
        self._sent: dict[int, float] = {}
        self._number = 0

    def send(self, now: float) -> tuple[int, bytes]:
        """Make a heartbeat that is sent now.

        Returns:
            Its number, and the chunk.
        """
        self._number = (self._number + 1) & TSN_MASK
        self._sent[self._number] = now
        if len(self._sent) > _MAX_UNANSWERED:
            del self._sent[next(iter(self._sent))]
        return self._number, chunk(HEARTBEAT, 0, parameter(HEARTBEAT_INFORMATION, _NUMBER.pack(self._number)))

    def on_answer(self, value: bytes, now: float) -> list[tuple[int, float]]:
        """Handle a HEARTBEAT ACK.

        Args:
            value: The value of the chunk.
            now: The time, in seconds.

        Returns:
            The number and the round trip, in seconds, of each heartbeat that it answers.

        Raises:
            MalformedPacket: The length of a parameter is wrong.
        """
        answered: list[tuple[int, float]] = []
        for kind, information in parse_parameters(value):
            if kind == HEARTBEAT_INFORMATION and len(information) == _NUMBER.size:
                number = _NUMBER.unpack(information)[0]
                sent = self._sent.pop(number, None)
                if sent is not None:
                    answered.append((number, now - sent))
        return answered
