"""The GStreamer pipelines of the peers, in text form: test video and tones to send, files of what arrives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = [
    "AUDIO_FILE",
    "FRAME_FILES",
    "PAYLOAD",
    "RATE",
    "SentMedia",
    "raw_audio",
    "raw_video",
    "rtp_branches",
    "saving_branches",
    "video_for_webrtcsink",
]

RATE: Final = 48_000
"""Samples per second of all audio."""

FRAME_FILES: Final = "frame-*.png"
"""The pattern of the names of the frames of `saving_branches`; the names sort by time."""

AUDIO_FILE: Final = "audio.s16le"
"""The name of the audio file of `saving_branches`: int16, one channel, at `RATE`."""

PAYLOAD: Final = "@payload@"
"""Placeholder in `rtp_branches` for the RTP payload type, which the end that makes the offer chooses."""

_KEPT_FRAMES: Final = 100
_ENCODERS: Final = {
    "VP8": "vp8enc deadline=1 cpu-used=8 keyframe-max-dist=60 target-bitrate=1000000 ! rtpvp8pay picture-id-mode=15-bit",
    "VP9": (
        "vp9enc deadline=1 cpu-used=8 row-mt=true keyframe-max-dist=60 target-bitrate=1000000 "
        "! rtpvp9pay picture-id-mode=15-bit"
    ),
    "H265": (
        "x265enc tune=zerolatency speed-preset=ultrafast key-int-max=60 bitrate=1000 "
        "! video/x-h265,profile=main ! h265parse ! rtph265pay config-interval=-1 aggregate-mode=zero-latency"
    ),
    "H264": (
        "x264enc tune=zerolatency speed-preset=superfast key-int-max=60 bitrate=1000 bframes=0 "
        "! video/x-h264,profile=@profile@ ! rtph264pay aggregate-mode=zero-latency config-interval=-1"
    ),
}

_ENCODED_FOR_WEBRTCSINK: Final = {
    "AV1": (
        "video/x-raw,format=I420 ! av1enc usage-profile=realtime cpu-used=8 end-usage=cbr target-bitrate=1000 "
        "min-quantizer=2 max-quantizer=56 keyframe-max-dist=30 lag-in-frames=0 ! av1parse"
    ),
}


@dataclass(frozen=True)
class SentMedia:
    """The media that a peer sends: colour bars, which `colour_bars.has_smpte_bars` recognises, and a tone."""

    video: str | None = "VP8"
    """The codec, ``VP8``, ``H264``, ``VP9`` or ``H265``, for webrtcsink also ``AV1``; None: no video."""

    frequency: float | None = 440.0
    """Frequency of the tone in Hz; None: no audio."""

    width: int = 320
    height: int = 240
    fps: int = 30

    profile: str = "constrained-baseline"
    """Profile of H264, by GStreamer's name."""


def raw_video(media: SentMedia) -> str:
    """The colour bars in real time, with a corner of noise, so that each frame differs from the one before."""
    caps = f"video/x-raw,width={media.width},height={media.height},framerate={media.fps}/1"
    return f"videotestsrc is-live=true pattern=smpte ! {caps} ! queue ! videoconvert"


def video_for_webrtcsink(media: SentMedia) -> str:
    """The colour bars for webrtcsink: raw, except for AV1, as webrtcsink leaves the AV1 encoder too slow."""
    encoder = _ENCODED_FOR_WEBRTCSINK.get(media.video or "")
    return raw_video(media) if encoder is None else f"{raw_video(media)} ! {encoder}"


def raw_audio(media: SentMedia) -> str:
    """The tone in real time."""
    tone = f"audiotestsrc is-live=true wave=sine freq={media.frequency} volume=0.5 samplesperbuffer=480"
    return f"{tone} ! audio/x-raw,rate={RATE},channels=1 ! queue ! audioconvert"


def rtp_branches(media: SentMedia) -> list[str]:
    """One pipeline for each track, from the source to RTP, for a sink pad of webrtcbin; without the payload type."""
    branches = []
    if media.video is not None:
        rtp = f"application/x-rtp,media=video,encoding-name={media.video},payload={PAYLOAD}"
        branches.append(
            f"{raw_video(media)} ! {_ENCODERS[media.video].replace('@profile@', media.profile)} ! capsfilter caps={rtp}"
        )
    if media.frequency is not None:
        rtp = f"application/x-rtp,media=audio,encoding-name=OPUS,payload={PAYLOAD}"
        branches.append(f"{raw_audio(media)} ! opusenc ! rtpopuspay ! capsfilter caps={rtp}")
    return branches


def saving_branches(directory: Path) -> tuple[str, str]:
    """The pipelines that write decoded video and audio to files, for `received.SavedMedia`.

    Args:
        directory: The directory for the files; its name must not contain a quotation mark.

    Returns:
        The pipeline of video and that of audio.
    """
    frames = directory / FRAME_FILES.replace("*", "%06d")
    sink = f'multifilesink location="{frames}" max-files={_KEPT_FRAMES} async=false sync=false'
    video = f"queue ! videoconvert ! video/x-raw,format=RGB ! pngenc snapshot=false compression-level=1 ! {sink}"
    sink = f'filesink location="{directory / AUDIO_FILE}" buffer-mode=unbuffered async=false sync=false'
    samples = f"audio/x-raw,format=S16LE,rate={RATE},channels=1,layout=interleaved"
    return video, f"queue ! audioconvert ! audioresample ! {samples} ! {sink}"
