"""`ChannelOptions`: what a data channel is created with."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import Final

__all__ = ["ChannelOptions"]

_MAX_LIFE_TIME: Final = 65535
"""Milliseconds: what the W3C's ``maxPacketLifeTime`` holds."""


@dataclass(frozen=True, slots=True)
class ChannelOptions:
    """What a data channel is created with; the W3C's ``RTCDataChannelInit``.

    Attributes:
        label: Any string of up to 65535 bytes in UTF-8; another end of this library takes 1024, unless its limits say more.
        ordered: Whether messages arrive in the order sent.
        max_retransmits: Give a message up after so many retransmissions; None: never.
        max_packet_life_time: Give a message up after so many milliseconds; None: never.
        protocol: The name of a subprotocol, up to 65535 bytes in UTF-8.
        max_age: Deliver no message that is older, in seconds, at either end; None: whatever its age.
        dated: Whether the other end is told when each message was sent.

    Raises:
        ValueError: More than one limit is given, one is out of range, or a text is too long.
    """

    label: str
    ordered: bool = True
    max_retransmits: int | None = None
    max_packet_life_time: int | None = None
    protocol: str = ""
    max_age: float | None = None
    dated: bool = False

    def __post_init__(self) -> None:
        limits = ("max_retransmits", "max_packet_life_time", "max_age")
        given = [name for name in limits if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"give one of {' and '.join(given)}, not both (W3C WebRTC section 6.1)")
        for name in ("max_retransmits", "max_packet_life_time"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, int) and 0 <= value <= 65535):
                raise ValueError(f"{name} is {value!r}; it must be an integer in 0..65535")
        age = self.max_age
        if age is not None and not (isinstance(age, Real) and 0 < age <= _MAX_LIFE_TIME / 1000):
            raise ValueError(
                f"max_age is {age!r}; it must be more than 0 seconds, and at most {_MAX_LIFE_TIME / 1000:g}"
            )
        for name in ("label", "protocol"):
            text = getattr(self, name)
            if not isinstance(text, str) or len(text.encode()) > 65535:
                raise ValueError(f"{name} must be a text of at most 65535 bytes in UTF-8")

    @property
    def life_time(self) -> int | None:
        """Milliseconds after which a message is given up, as the peer is told (RFC 8832 section 5.1); None: never."""
        return self.max_packet_life_time if self.max_age is None else math.ceil(self.max_age * 1000)
