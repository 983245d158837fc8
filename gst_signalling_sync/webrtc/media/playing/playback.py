"""`Playback`: one pass through an input, which writes each frame and piece of audio to its source when it is due."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from av.audio.stream import AudioStream
from av.video.stream import VideoStream

from ....errors import MediaError
from ..sending.audio_source import AudioSource
from ..sending.encoded_audio_source import EncodedAudioSource
from ..sending.encoded_video_source import EncodedVideoSource
from ..sending.video_source import VideoSource
from .media_input import MediaInput, Span
from .passing import is_audio_passed
from .played_track import PassedAudio, PassedVideo, PlayedAudio, PlayedTrack, PlayedVideo

__all__ = ["LATE_SECONDS", "Playback"]

logger = logging.getLogger(__name__)

LATE_SECONDS: Final = 1.0
"""Delay beyond which it does not hurry to catch up."""

_AHEAD_SECONDS: Final = 0.2
"""Live audio that is further ahead of real time was delayed on its way, and would be late forever."""

_MAX_QUEUED: Final = 8 * 1024 * 1024
"""Maximum bytes of one stream that are read on the way to the next packet of the other one."""


class Playback:
    """Reads, decodes and writes. Used by the player's thread.

    Args:
        name: Name of the input, for messages.
        media: The input, at its beginning.
        video: The source of the video track.
        audio: The source of the audio track.
        size: Width and height in pixels to which frames are scaled. Defaults to None: not scaled.
    """

    def __init__(
        self,
        name: str,
        media: MediaInput,
        video: VideoSource | EncodedVideoSource | None,
        audio: AudioSource | EncodedAudioSource | None,
        size: tuple[int, int] | None = None,
    ) -> None:
        self._name = name
        self._packets = media.packets()
        self._tracks: dict[int, PlayedTrack] = {}
        if media.video is not None and video is not None:
            self._tracks[media.video.index] = _played_video(name, media.video, video, media.span, size)
        if media.audio is not None and audio is not None:
            self._tracks[media.audio.index] = _played_audio(name, media.audio, audio, media.span)
        self._queued = 0
        self._was_late = False

    def play_in_time(self, begin: float | None, wait_until: Callable[[float], bool]) -> float:
        """Play a file in real time, by its timestamps.

        If decoding is slower than real time, the playback falls behind, and video and audio pause together.

        Args:
            begin: Time at which it begins, from `time.monotonic`; None: now.
            wait_until: Waits for a time; returns whether to go on.

        Returns:
            The time at which its last frame and audio end.

        Raises:
            MediaError: The input broke off, or nothing in it could be decoded.
        """
        track = self._next_track()
        if begin is None:
            begin = time.monotonic()
        zero = begin - min((each.items[0].start for each in self._tracks.values() if each.items), default=0.0)
        end = begin
        while track is not None:
            item = track.items[0]
            late = time.monotonic() - (zero + item.due)
            if late > LATE_SECONDS:
                self._report_late(late)
                zero += late
            if not wait_until(zero + item.due):
                return end
            # By the due time, not by the time of this call: else audio would stay out of sync with video.
            track.write(zero + item.start)
            end = max(end, zero + item.end)
            track = self._next_track()
        self._check_written()
        return end

    def play_at_once(self, goes_on: Callable[[], bool]) -> None:
        """Play a camera or a stream as it comes.

        Args:
            goes_on: Called before each packet; returns whether to go on.

        Raises:
            MediaError: The input broke off, or nothing in it could be decoded.
        """
        audio_until = 0.0
        for packet in self._packets:
            if not goes_on():
                return
            track = self._tracks.get(packet.stream.index)
            if track is None:
                continue
            track.decode(packet)
            now = time.monotonic()
            while track.items:
                item = track.items[0]
                if track.is_audio:
                    if audio_until - now > _AHEAD_SECONDS:
                        track.items.popleft()
                        continue
                    audio_until = max(audio_until, now) + item.end - item.start
                track.write()
        self._check_written()

    def _next_track(self) -> PlayedTrack | None:
        """The track whose next item is due first; None: all tracks have ended."""
        for track in self._tracks.values():
            self._fill(track)
        ready = [track for track in self._tracks.values() if track.items]
        return min(ready, key=lambda track: track.items[0].due, default=None)

    def _fill(self, track: PlayedTrack) -> None:
        """Decode an item of a track, unless the track has ended or has none among the next packets of the input."""
        while not track.items:
            if track.packets:
                packet = track.packets.popleft()
                self._queued -= packet.size
                track.decode(packet)
                continue
            if self._queued > _MAX_QUEUED:
                return
            following = next(self._packets, None)
            if following is None:
                return
            owner = self._tracks.get(following.stream.index)
            if owner is not None:
                owner.packets.append(following)
                self._queued += following.size

    def _check_written(self) -> None:
        if not any(track.written for track in self._tracks.values()):
            raise MediaError(f"cannot play {self._name}: nothing in it could be decoded")

    def _report_late(self, late: float) -> None:
        level = logging.DEBUG if self._was_late else logging.WARNING
        logger.log(level, "%s: playback was %.1f s late, and continues without catching up", self._name, late)
        self._was_late = True


def _played_video(
    name: str, stream: VideoStream, source: VideoSource | EncodedVideoSource, span: Span, size: tuple[int, int] | None
) -> PlayedVideo | PassedVideo:
    if isinstance(source, EncodedVideoSource):
        return PassedVideo(name, stream, source, span)
    return PlayedVideo(name, stream, source, span, size)


def _played_audio(
    name: str, stream: AudioStream, source: AudioSource | EncodedAudioSource, span: Span
) -> PlayedAudio | PassedAudio:
    if isinstance(source, AudioSource):
        return PlayedAudio(name, stream, source, span)
    if not is_audio_passed(stream):
        raise MediaError(
            f"cannot play {name}: its audio was Opus when the player was made, and now is in another codec"
        )
    return PassedAudio(name, stream, source, span)
