"""Chooses whether a link is sent a stream unchanged or encoded again. No clock and no I/O."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from ..codecs import VIDEO
from ..codecs.access_unit import VideoFormat
from .source import Negotiated

__all__ = ["StreamChoice", "choose_for"]


class StreamChoice(NamedTuple):
    """The choice for one link.

    Attributes:
        place: Place of the codec among those that the link has negotiated.
        as_is: Whether the link takes the stream unchanged.
    """

    place: int
    as_is: bool


def choose_for(
    negotiated: Sequence[Negotiated], codec: str, stream: VideoFormat | None, encoded: Collection[str]
) -> StreamChoice:
    """Choose for one link.

    Args:
        negotiated: The link's codecs, the preferred one first.
        codec: The stream's codec.
        stream: The stream's format. None: no frame has come yet, and the format is assumed to suit.
        encoded: Codecs in which the stream can be encoded again.

    Returns:
        The first form of the stream's codec that takes the stream unchanged, else the first codec that it can be encoded in.
    """
    for place, (name, parameters) in enumerate(negotiated):
        if name == codec and (stream is None or VIDEO[codec].takes(parameters, stream)):
            return StreamChoice(place, True)
    for place, (name, _) in enumerate(negotiated):
        if name in encoded:
            return StreamChoice(place, False)
    return StreamChoice(0, True)
