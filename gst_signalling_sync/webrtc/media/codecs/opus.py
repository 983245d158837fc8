"""Opus (RFC 6716) and its RTP payloads (RFC 7587)."""

from __future__ import annotations

from typing import Final

from ..encoded_frame import AUDIO_CLOCK_RATE
from .codec import AudioCodec

__all__ = ["OPUS", "samples_of"]

_MAX_SAMPLES: Final = 5760
"""Maximum number of samples of a packet: 120 ms (RFC 6716 section 3.2.5)."""

_SILK: Final = (480, 960, 1920, 2880)
_HYBRID: Final = (480, 960)
_CELT: Final = (120, 240, 480, 960)
"""Samples of a frame at 48 kHz, by the configuration (RFC 6716 section 3.1)."""


def _concealing(packet: bytes) -> bytes:
    # A frame of no bytes is a lost one (RFC 6716 section 3.4), which libopus conceals.
    return bytes([packet[0] & 0xFC])


OPUS: Final = AudioCodec(
    "opus", AUDIO_CLOCK_RATE, 96, 2, "libopus", AUDIO_CLOCK_RATE, "stereo", is_recorded=True, concealing=_concealing
)


def samples_of(packet: bytes) -> int:
    """Duration of a packet, in samples at 48 kHz (RFC 6716 section 3.1).

    Raises:
        ValueError: It is not an Opus packet.
    """
    if not packet:
        raise ValueError("not an Opus packet: it is empty")
    configuration, code = packet[0] >> 3, packet[0] & 3
    if configuration < 12:
        samples = _SILK[configuration & 3]
    else:
        samples = _HYBRID[configuration & 1] if configuration < 16 else _CELT[configuration & 3]
    if code == 3 and len(packet) < 2:
        raise ValueError("not an Opus packet: it is cut off")
    frames = packet[1] & 0x3F if code == 3 else min(code + 1, 2)
    if not 0 < samples * frames <= _MAX_SAMPLES:
        raise ValueError(f"not an Opus packet: it has {frames} frames")
    return samples * frames
