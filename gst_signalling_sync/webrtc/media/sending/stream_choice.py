"""What a link is sent of a stream that was encoded elsewhere: the stream as it is, or encoded again. No clock and no I/O."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from ..codecs import VIDEO
from ..codecs.access_unit import VideoFormat
from .source import Negotiated

__all__ = ["StreamChoice", "choose_for"]


class StreamChoice(NamedTuple):
    """What a link is sent.

    Attributes:
        place: Of the codec among those that it has negotiated.
        as_is: Whether it takes the stream as it is.
    """

    place: int
    as_is: bool


def choose_for(
    negotiated: Sequence[Negotiated], codec: str, stream: VideoFormat | None, encoded: Collection[str]
) -> StreamChoice:
    """Choose for one link.

    Args:
        negotiated: Its codecs, the preferred one first.
        codec: Of the stream.
        stream: What it is. None: nothing came of it yet, and it is taken for one that suits.
        encoded: Codecs that it can be encoded again in.

    Returns:
        The first form of the stream's codec that takes it as it is, else the first that it can be encoded in.
    """
    for place, (name, parameters) in enumerate(negotiated):
        if name == codec and (stream is None or VIDEO[codec].takes(parameters, stream)):
            return StreamChoice(place, True)
    for place, (name, _) in enumerate(negotiated):
        if name in encoded:
            return StreamChoice(place, False)
    return StreamChoice(0, True)
