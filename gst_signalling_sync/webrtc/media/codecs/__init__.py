"""Codecs: one file for each, and their tables `VIDEO`, `AUDIO` and `REDUNDANCY`.

A codec that is added to a table is offered, answered, decoded and recorded. No other module depends on a codec's name.
`CAPABILITIES` is what a peer connection offers and takes.
"""

from __future__ import annotations

from typing import Final

import av

from ...engine.capabilities import Capabilities
from ...engine.header_extensions import (
    ABS_CAPTURE_TIME,
    ABS_SEND_TIME,
    AUDIO_LEVEL,
    MID,
    PLAYOUT_DELAY,
    TRANSPORT_SEQUENCE_NUMBER,
)
from .av1 import AV1
from .codec import AudioCodec, VideoCodec
from .g711 import PCMA, PCMU
from .g722 import G722
from .h264 import H264
from .h265 import H265
from .opus import OPUS
from .red import RED
from .redundancy_codec import RedundancyCodec
from .vp8 import VP8
from .vp9 import VP9

__all__ = ["AUDIO", "CAPABILITIES", "CODECS", "DEFAULT_VIDEO", "REDUNDANCY", "VIDEO", "sent_video"]

VIDEO: Final[dict[str, VideoCodec]] = {each.name: each for each in (VP8(), H264(), VP9(), AV1(), H265())}
"""Video codecs by name, in the order in which they are offered."""

DEFAULT_VIDEO: Final = tuple(name for name, codec in VIDEO.items() if codec.is_preferred)
"""Codecs of sent video if a program names none: those that every browser must support (RFC 7742 section 5)."""


def sent_video() -> tuple[str, ...]:
    """Names of the video codecs that can be sent: those for which this PyAV has an encoder."""
    return tuple(name for name, codec in VIDEO.items() if codec.encoder in av.codecs_available)


AUDIO: Final[dict[str, AudioCodec]] = {each.name: each for each in (OPUS, G722, PCMU, PCMA)}
"""Audio codecs by name, in the order in which they are offered."""

CODECS: Final[dict[str, VideoCodec | AudioCodec]] = {**VIDEO, **AUDIO}
"""All codecs by name."""

REDUNDANCY: Final[dict[str, RedundancyCodec]] = {each.name: each for each in (RED,)}
"""Codecs by name whose packets carry payloads of other codecs, including earlier ones."""

CAPABILITIES: Final = Capabilities(
    [form for codec in (*CODECS.values(), *REDUNDANCY.values()) for form in codec.forms],
    {
        "audio": {MID: 1, AUDIO_LEVEL: 2, TRANSPORT_SEQUENCE_NUMBER: 5},
        # The maximum identifier with a header of one byte (RFC 8285 section 4.2).
        "video": {MID: 1, ABS_SEND_TIME: 3, TRANSPORT_SEQUENCE_NUMBER: 5, PLAYOUT_DELAY: 6, ABS_CAPTURE_TIME: 14},
    },
)
