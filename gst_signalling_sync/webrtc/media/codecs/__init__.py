"""Codecs: one file for each, and `VIDEO`, `AUDIO` and `REDUNDANCY`, the tables that have them all.

A codec that is added here is offered, answered, decoded and recorded; no other module decides by the name of one.
`CAPABILITIES` is what a peer connection offers and takes.
"""

from __future__ import annotations

from typing import Final

import av

from ...engine.capabilities import Capabilities
from ...engine.header_extensions import ABS_CAPTURE_TIME, ABS_SEND_TIME, AUDIO_LEVEL, MID, TRANSPORT_SEQUENCE_NUMBER
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
"""By name, in the order in which they are offered."""

DEFAULT_VIDEO: Final = tuple(name for name, codec in VIDEO.items() if codec.is_preferred)
"""What video is sent as where a program names no codec: what every browser must support (RFC 7742 section 5)."""


def sent_video() -> tuple[str, ...]:
    """What video can be sent as: the names of those that this PyAV has an encoder of."""
    return tuple(name for name, codec in VIDEO.items() if codec.encoder in av.codecs_available)


AUDIO: Final[dict[str, AudioCodec]] = {each.name: each for each in (OPUS, G722, PCMU, PCMA)}
"""By name, in the order in which they are offered."""

CODECS: Final[dict[str, VideoCodec | AudioCodec]] = {**VIDEO, **AUDIO}
"""All of them, by name."""

REDUNDANCY: Final[dict[str, RedundancyCodec]] = {each.name: each for each in (RED,)}
"""What carries payloads of these, earlier ones too, by name."""

CAPABILITIES: Final = Capabilities(
    [form for codec in (*CODECS.values(), *REDUNDANCY.values()) for form in codec.forms],
    {
        "audio": {MID: 1, AUDIO_LEVEL: 2, TRANSPORT_SEQUENCE_NUMBER: 5},
        # The highest identifier that has a header of one byte (RFC 8285 section 4.2).
        "video": {MID: 1, ABS_SEND_TIME: 3, TRANSPORT_SEQUENCE_NUMBER: 5, ABS_CAPTURE_TIME: 14},
    },
)
