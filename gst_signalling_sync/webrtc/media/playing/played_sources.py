"""The sources of a player: those that send the input unchanged, where that is possible, else those that encode."""

from __future__ import annotations

from typing import Final

from ..encoded_frame import AUDIO_CLOCK_RATE
from ..sending.audio_source import AudioSource
from ..sending.encoded_audio_source import EncodedAudioSource
from ..sending.encoded_video_source import EncodedVideoSource
from ..sending.video_source import VideoSource
from .media_input import MediaInput, Wish
from .passing import codec_passed, is_audio_passed

__all__ = ["PlayedSource", "audio_source", "video_source"]

PlayedSource = VideoSource | EncodedVideoSource | AudioSource | EncodedAudioSource

_DEFAULT_FPS: Final = 30.0
_MIN_FPS: Final = 1.0
_MAX_FPS: Final = 60.0

_NEAR: Final = 1.01
"""Factor by which a frame rate may exceed the wanted one without being reduced."""


def video_source(
    media: MediaInput, name: str | None, pass_through: bool, wish: Wish, encoder: str | None
) -> VideoSource | EncodedVideoSource | None:
    """The source of the input's video; None: it has none.

    Args:
        media: The input.
        name: The track's name.
        pass_through: Whether video may be sent unchanged.
        wish: The size and frame rate that were asked for.
        encoder: As in `Player`.

    Raises:
        ValueError: The name is not that of a track, or the encoder is unknown.
    """
    if media.video is None:
        return None
    rate = max(_MIN_FPS, min(float(media.video.average_rate or _DEFAULT_FPS), _MAX_FPS))
    context = media.video.codec_context
    fits = wish.size in (None, (context.width, context.height)) and (wish.fps is None or rate <= _NEAR * wish.fps)
    codec = codec_passed(media.video) if pass_through and fits else None
    if wish.fps is not None:
        rate = min(rate, wish.fps)
    if codec is None:
        return VideoSource(rate, name=name, encoder=encoder)
    return EncodedVideoSource(codec.name, rate, name=name, encoder=encoder)


def audio_source(media: MediaInput, name: str | None, pass_through: bool) -> AudioSource | EncodedAudioSource | None:
    """The source of the input's audio; None: it has none.

    Args:
        media: The input.
        name: The track's name.
        pass_through: Whether audio may be sent unchanged.
    """
    if media.audio is None:
        return None
    if pass_through and is_audio_passed(media.audio):
        return EncodedAudioSource(name=name)
    return AudioSource(AUDIO_CLOCK_RATE, 1 if media.audio.codec_context.channels == 1 else 2, name=name)
