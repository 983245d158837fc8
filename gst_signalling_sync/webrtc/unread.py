"""Which data channels are closed because too much on them is unread; see `SessionLimits`. No I/O and no clock."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from ..protocol.session_limits import SessionLimits

__all__ = ["Overflow", "overflows"]

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Overflow(Generic[Key]):
    """A channel that is to be closed.

    Attributes:
        channel: The channel.
        limit: Name of the limit that the session exceeds.
        maximum: Its value, in bytes.
    """

    channel: Key
    limit: str
    maximum: int


def overflows(unread: Mapping[Key, int], unasked: Collection[Key], limits: SessionLimits) -> Iterator[Overflow[Key]]:
    """The channels to close so that the rest is within the limits: those with the most unread bytes first.

    Args:
        unread: The unread bytes of each channel.
        unasked: Those of the channels on which nobody here receives.
        limits: Limits, of which `unasked_bytes` and `unread_bytes` are used.
    """
    kept = dict(unread)
    bounds = (
        ("unasked_bytes", unasked, limits.unasked_bytes),
        ("unread_bytes", unread, limits.unread_bytes),
    )
    for name, channels, maximum in bounds:
        counted = [channel for channel in channels if channel in kept]
        total = sum(kept[channel] for channel in counted)
        for channel in sorted(counted, key=kept.__getitem__, reverse=True):
            if maximum is None or total <= maximum:
                break
            total -= kept.pop(channel)
            yield Overflow(channel, name, maximum)
