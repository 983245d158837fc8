"""The GStreamer pipelines of the peers, as text: test pictures and tones to send, files of what arrives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = [
    "AUDIO_FILE",
    "PAYLOAD",
    "PICTURE_FILES",
    "RATE",
    "SentMedia",
    "raw_audio",
    "raw_video",
    "rtp_branches",
    "saving_branches",
    "video_for_webrtcsink",
]

RATE: Final = 48_000
"""Samples per second of all sound."""

PICTURE_FILES: Final = "picture-*.png"
"""What `saving_branches` calls the pictures: a pattern, of names that sort by time."""

AUDIO_FILE: Final = "audio.s16le"
"""What `saving_branches` calls the sound: int16, one channel, at `RATE`."""

PAYLOAD: Final = "@payload@"
"""Stands in `rtp_branches` for the RTP payload type, which whoever makes the offer chooses."""

_KEPT_PICTURES: Final = 100
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
    """What a peer sends: colour bars, which `pictures.has_smpte_bars` recognises, and a tone."""

    video: str | None = "VP8"
    """The codec, ``VP8``, ``H264``, ``VP9`` or ``H265``, of webrtcsink ``AV1`` too; None: no video."""

    frequency: float | None = 440.0
    """Of the tone, Hz; None: no audio."""

    width: int = 320
    height: int = 240
    fps: int = 30

    profile: str = "constrained-baseline"
    """Of H264, as GStreamer calls it."""


def raw_video(media: SentMedia) -> str:
    """The colour bars in real time, with a corner of noise, so that no picture is like the one before."""
    caps = f"video/x-raw,width={media.width},height={media.height},framerate={media.fps}/1"
    return f"videotestsrc is-live=true pattern=smpte ! {caps} ! queue ! videoconvert"


def video_for_webrtcsink(media: SentMedia) -> str:
    """The colour bars as webrtcsink takes them: raw, but in AV1, whose encoder it leaves at a speed that is none."""
    encoder = _ENCODED_FOR_WEBRTCSINK.get(media.video or "")
    return raw_video(media) if encoder is None else f"{raw_video(media)} ! {encoder}"


def raw_audio(media: SentMedia) -> str:
    """The tone in real time."""
    tone = f"audiotestsrc is-live=true wave=sine freq={media.frequency} volume=0.5 samplesperbuffer=480"
    return f"{tone} ! audio/x-raw,rate={RATE},channels=1 ! queue ! audioconvert"


def rtp_branches(media: SentMedia) -> list[str]:
    """One pipeline for each track, from the source to RTP, as a sink pad of webrtcbin takes it; without the payload type."""
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
        directory: Where to; its name must not contain a quotation mark.

    Returns:
        That of video and that of audio.
    """
    pictures = directory / PICTURE_FILES.replace("*", "%06d")
    sink = f'multifilesink location="{pictures}" max-files={_KEPT_PICTURES} async=false sync=false'
    video = f"queue ! videoconvert ! video/x-raw,format=RGB ! pngenc snapshot=false compression-level=1 ! {sink}"
    sink = f'filesink location="{directory / AUDIO_FILE}" buffer-mode=unbuffered async=false sync=false'
    samples = f"audio/x-raw,format=S16LE,rate={RATE},channels=1,layout=interleaved"
    return video, f"queue ! audioconvert ! audioresample ! {samples} ! {sink}"
