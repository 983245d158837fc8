"""`PeerChannels`: which data channels of a peer are refused. No I/O and no clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..protocol.quota import TokenBucket
from ..protocol.session_limits import SessionLimits

__all__ = ["ChannelRefusal", "PeerChannels"]

_MAX_REFUSED: Final = 64
"""Maximum number of refused channels. Beyond it the session is ended, since refusing costs time too."""


@dataclass(frozen=True, slots=True)
class ChannelRefusal:
    """Why a channel is refused.

    Attributes:
        limit: Name of the limit that it meets.
        text: The reason in words.
    """

    limit: str
    text: str

    def __str__(self) -> str:
        return self.text


class PeerChannels:
    """The channels that one peer opens.

    Args:
        limits: Limits, of which `channels`, `channel_openings` and `label_bytes` are used.
    """

    def __init__(self, limits: SessionLimits) -> None:
        self._limits = limits
        self._openings = None if limits.channel_openings is None else TokenBucket(limits.channel_openings)
        self._refused = 0

    @property
    def is_too_much(self) -> bool:
        """Whether the session is to be ended."""
        return self._refused > _MAX_REFUSED

    def refusal(self, label: str, protocol: str, channels: int, now: float) -> ChannelRefusal | None:
        """Decide about a channel that the peer opens.

        Args:
            label: The channel's label.
            protocol: The channel's subprotocol.
            channels: Number of other open channels that the peer opened.
            now: The time, in seconds.

        Returns:
            Why it is refused; None: it is accepted.
        """
        reason = self._reason(label, protocol, channels, now)
        self._refused += reason is not None
        return reason

    def _reason(self, label: str, protocol: str, channels: int, now: float) -> ChannelRefusal | None:
        limits = self._limits
        longest = max(len(label.encode()), len(protocol.encode()))
        if limits.label_bytes is not None and longest > limits.label_bytes:
            text = f"its label or subprotocol has {longest} bytes, more than {limits.label_bytes}"
            return ChannelRefusal("label_bytes", text)
        if limits.channels is not None and channels >= limits.channels:
            return ChannelRefusal("channels", f"the peer has {channels} open already")
        if self._openings is not None and not self._openings.try_spend(1, now):
            return ChannelRefusal("channel_openings", f"the peer opens more than {limits.channel_openings}")
        return None
