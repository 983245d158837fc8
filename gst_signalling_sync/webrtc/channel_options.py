"""`ChannelOptions`: what a data channel is created with."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ChannelOptions"]


@dataclass(frozen=True, slots=True)
class ChannelOptions:
    """What a data channel is created with; the W3C's ``RTCDataChannelInit``.

    Attributes:
        label: Any text of up to 65535 bytes in UTF-8.
        ordered: Whether messages arrive in the order sent.
        max_retransmits: Give a message up after so many retransmissions; None: never.
        max_packet_life_time: Give a message up after so many milliseconds; None: never.
        protocol: The name of a subprotocol, up to 65535 bytes in UTF-8.

    Raises:
        ValueError: Both limits are given, one is out of range, or a text is too long.
    """

    label: str
    ordered: bool = True
    max_retransmits: int | None = None
    max_packet_life_time: int | None = None
    protocol: str = ""

    def __post_init__(self) -> None:
        if self.max_retransmits is not None and self.max_packet_life_time is not None:
            raise ValueError("give either max_retransmits or max_packet_life_time, not both (W3C WebRTC section 6.1)")
        for name in ("max_retransmits", "max_packet_life_time"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, int) and 0 <= value <= 65535):
                raise ValueError(f"{name} is {value!r}; it must be an integer in 0..65535")
        for name in ("label", "protocol"):
            text = getattr(self, name)
            if not isinstance(text, str) or len(text.encode()) > 65535:
                raise ValueError(f"{name} must be a text of at most 65535 bytes in UTF-8")
