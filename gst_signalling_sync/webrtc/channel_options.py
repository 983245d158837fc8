"""`ChannelOptions`: the options of a new data channel, the W3C's ``RTCDataChannelInit``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import Final

__all__ = ["ChannelOptions"]

_MAX_LIFE_TIME: Final = 65535
"""Maximum of the W3C's ``maxPacketLifeTime``, in milliseconds."""


@dataclass(frozen=True, slots=True)
class ChannelOptions:
    """The options of a new data channel; the W3C's ``RTCDataChannelInit``.

    Attributes:
        label: String of up to 65535 bytes in UTF-8. A peer of this library accepts 1024 bytes, unless its limits say more.
        ordered: Whether messages arrive in the order in which they were sent. Defaults to True.
        max_retransmits: Maximum number of retransmissions of a message. Defaults to no maximum.
        max_packet_life_time: Maximum time for transmissions of a message, in milliseconds. Defaults to no maximum.
        protocol: Name of a subprotocol, up to 65535 bytes in UTF-8. Defaults to the empty string.
        max_age: Maximum age of a message, in seconds; older ones are dropped at either end. Defaults to no maximum.
        dated: Whether a peer of this library is told when each message was sent. Defaults to False.

    Raises:
        ValueError: More than one maximum is given, one is out of range, or a string is too long.
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
            raise ValueError(f"{given[0]} must not be given together with {given[1]} (W3C WebRTC section 6.1)")
        for name in ("max_retransmits", "max_packet_life_time"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, int) and 0 <= value <= 65535):
                raise ValueError(f"{name} must be an integer from 0 to 65535, not {value!r:.100}")
        age = self.max_age
        if age is not None and not (isinstance(age, Real) and 0 < age <= _MAX_LIFE_TIME / 1000):
            raise ValueError(
                f"max_age must be more than 0 and at most {_MAX_LIFE_TIME / 1000:g} seconds, not {age!r:.100}"
            )
        for name in ("label", "protocol"):
            value = getattr(self, name)
            if not isinstance(value, str):
                raise ValueError(f"{name} must be a string, not {value!r:.100}")
            if (size := len(value.encode())) > 65535:
                raise ValueError(f"{name} must have at most 65535 bytes in UTF-8, not {size}")

    @property
    def life_time(self) -> int | None:
        """Maximum time for a message in milliseconds, which the peer is told (RFC 8832 section 5.1); None: no maximum."""
        return self.max_packet_life_time if self.max_age is None else math.ceil(self.max_age * 1000)
