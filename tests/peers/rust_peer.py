"""GStreamer's webrtcsink and webrtcsrc, which robots run, as processes that a test controls.

`find_media_peer` tells whether they can run here; ``.ci/peers`` builds them. ``gst-media-peer/src/main.rs`` describes their
events.
"""

from __future__ import annotations

from pathlib import Path

from gst_signalling_sync import Listener

from ..helpers.waiting import wait_until
from .gst_pipelines import SentMedia, raw_audio, saving_branches, video_for_webrtcsink
from .peer_process import PeerProcess, peers_directory
from .received import SavedMedia

__all__ = ["RustPeer", "WebRTCSink", "WebRTCSrc", "find_media_peer", "run_webrtcsink", "run_webrtcsrc"]

_DEFAULT = SentMedia()


def find_media_peer() -> Path | None:
    """The program that ``.ci/peers`` built from ``gst-media-peer``; None: it is not installed."""
    program = peers_directory() / "gst-media-peer" / "release" / "gst-media-peer"
    return program if program.exists() else None


def run_webrtcsink(uri: str, name: str, media: SentMedia = _DEFAULT, properties: str = "") -> WebRTCSink:
    """Start a producer that sends colour bars and a tone to every consumer.

    Args:
        uri: The signalling server's.
        name: The name that it registers.
        media: The media that it sends.
        properties: Further properties of webrtcsink, such as ``do-fec=false congestion-control=disabled``.

    Returns:
        The process, starting; `WebRTCSink.wait_until_registered` returns its peer id.
    """
    codec = "" if media.video is None else f"video-caps=video/x-{media.video.lower()} "
    branches = [f'webrtcsink name=sink signaller::uri={uri} meta="meta,name=\\"{name}\\"" {codec}{properties}']
    if media.video is not None:
        branches.append(f"{video_for_webrtcsink(media)} ! sink.")
    if media.frequency is not None:
        branches.append(f"{raw_audio(media)} ! sink.")
    return WebRTCSink(" ".join(branches), uri)


def run_webrtcsrc(uri: str, producer_id: str, save_to: Path, video: bool = True, audio: bool = True) -> WebRTCSrc:
    """Start a consumer of one producer.

    Args:
        uri: The signalling server's.
        producer_id: The producer, which must be registered already.
        save_to: An empty directory for the frames and the sound.
        video: Whether the producer has video.
        audio: Whether the producer has audio.

    Returns:
        The process, starting.
    """
    video_branch, audio_branch = saving_branches(save_to)
    branches = [f"webrtcsrc name=source signaller::uri={uri} signaller::producer-peer-id={producer_id}"]
    if video:
        branches.append(f"source.video_0 ! {video_branch}")
    if audio:
        branches.append(f"source.audio_0 ! {audio_branch}")
    return WebRTCSrc(" ".join(branches), save_to)


class RustPeer(PeerProcess):
    """A pipeline with webrtcsink or webrtcsrc.

    Args:
        name: The program's, for messages.
        pipeline: A pipeline of ``gst-launch-1.0``.
    """

    def __init__(self, name: str, pipeline: str) -> None:
        program = find_media_peer()
        if program is None:
            raise FileNotFoundError("gst-media-peer is not built: run .ci/peers")
        super().__init__(name, [program, pipeline])


class WebRTCSink(RustPeer):
    """A producer.

    Args:
        pipeline: A pipeline of ``gst-launch-1.0``.
        uri: The signalling server's.
    """

    def __init__(self, pipeline: str, uri: str) -> None:
        super().__init__("webrtcsink", pipeline)
        self._uri = uri

    def wait_until_registered(self, timeout: float = 20.0) -> str:
        """Wait until consumers can find the producer.

        Args:
            timeout: Seconds. Defaults to 20.

        Returns:
            Its peer id.
        """
        peer_id: str = self.wait_for("welcome", timeout)["peer_id"]
        with Listener(self._uri) as listener:
            wait_until(lambda: peer_id in listener.producers, "webrtcsink is registered", timeout)
        return peer_id

    def add(self, name: str, media: SentMedia) -> None:
        """Add a stream of video, or of audio if the media has no video, to all sessions.

        Args:
            name: The stream's, for `remove`.
            media: The media to send.
        """
        is_video = media.video is not None
        branch = video_for_webrtcsink(media) if is_video else raw_audio(media)
        self.request("add", name=name, kind="video" if is_video else "audio", branch=f"{branch} ! queue")

    def remove(self, name: str) -> None:
        """Remove a stream that was added."""
        self.request("remove", name=name)


class WebRTCSrc(RustPeer):
    """A consumer.

    Args:
        pipeline: A pipeline of ``gst-launch-1.0``.
        save_to: The directory for what it receives.
    """

    @property
    def counts(self) -> dict[str, int]:
        """Number of buffers that came out of each pad."""
        counts: dict[str, int] = self.request("counts")
        return counts

    def __init__(self, pipeline: str, save_to: Path) -> None:
        super().__init__("webrtcsrc", pipeline)
        self.received = SavedMedia(save_to, self)
