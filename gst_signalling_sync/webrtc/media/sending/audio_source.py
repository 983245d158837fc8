"""`AudioSource`: written audio is sent to all sessions, encoded once."""

from __future__ import annotations

from typing import Any

from ..encoded_frame import AUDIO_CLOCK_RATE
from .audio_feed import AudioFeed
from .controlled_track import ControlledTrack

__all__ = ["AudioSource"]


class AudioSource(ControlledTrack):
    """An audio track of a producer or consumer; made by their `add_audio`. `write` may be called from any thread.

    Example:
        microphone = robot.add_audio(rate=16000)
        with robot:
            microphone.write(np.zeros(320, np.int16))  # 20 ms

    Args:
        rate: Samples per second, 8000 to 192000. Defaults to 48000, the rate of Opus.
        channels: 1 or 2. Defaults to 1.
        name: Name by which the peer knows the track, see `Producer.add_video`. Defaults to None: no name.
        low_delay: Whether packets hold 10 ms instead of 20 ms. Defaults to False.
        fec: Whether packets repeat the content of the previous one, see `Producer.add_audio`. Defaults to None: while the link
            loses packets.

    Raises:
        ValueError: A number is out of range, or the name is not that of a track.
    """

    def __init__(
        self,
        rate: int = AUDIO_CLOCK_RATE,
        channels: int = 1,
        *,
        name: str | None = None,
        low_delay: bool = False,
        fec: bool | None = None,
    ) -> None:
        self._feed: AudioFeed = AudioFeed(rate, channels, name=name, low_delay=low_delay, fec=fec)
        super().__init__(self._feed)

    @property
    def rate(self) -> int:
        """Samples per second."""
        return self._feed.rate

    @property
    def channels(self) -> int:
        """Number of channels, 1 or 2."""
        return self._feed.channels

    @property
    def low_delay(self) -> bool:
        """Whether packets hold 10 ms instead of 20 ms."""
        return self._feed.low_delay

    @property
    def fec(self) -> bool | None:
        """Whether packets repeat the content of the previous one; None: while the link loses packets."""
        return self._feed.fec

    @property
    def samples_written(self) -> int:
        """Number of samples written, per channel."""
        return self._feed.samples_written

    @property
    def samples_dropped(self) -> int:
        """Number of samples not sent, because more than a minute of audio waited or the writer's clock ran fast."""
        return self._feed.samples_dropped

    @property
    def frames_failed(self) -> int:
        """Number of pieces of audio, of about 20 ms, that could not be encoded. Failures are logged, at most every 10 s."""
        return self._feed.frames_failed

    @property
    def failure(self) -> Exception | None:
        """Why the newest audio could not be sent; None: nothing failed."""
        return self._feed.failure

    @property
    def queued(self) -> float:
        """Seconds of audio that were written ahead of time and are not sent yet.

        While no session takes the track, audio expires at the same pace.

        Raises:
            RuntimeError: The source was inherited by `fork`.
        """
        return self._feed.queued

    def clear(self) -> None:
        """Drop the audio that is written and not sent yet. The peers hear silence until the next `write`.

        The audio on its way, some 20 ms plus the delay of the network, is still heard.

        Raises:
            RuntimeError: The source was inherited by `fork`.
        """
        self._feed.clear()

    def drain(self, timeout: float | None = None) -> None:
        """Wait until all written audio is sent, at its time, or cleared.

        Args:
            timeout: Seconds. Defaults to None: as long as it takes, at most a minute.

        Raises:
            WaitTimeout: Some audio still waits.
            RuntimeError: The source was inherited by `fork`.
        """
        self._feed.drain(timeout)

    def write(self, array: Any, *, captured: float | None = None) -> None:
        """Send audio to every session; returns at once. The samples are copied, so the array may be used again.

        Audio that is written in real time is sent at once. Audio that is written ahead waits, up to a minute, and is sent in
        real time. A writer that falls behind the clock and does not catch up has paused: the peers hear silence, and the audio
        then continues in sync with the video.

        Args:
            array: Samples of shape ``(samples,)`` or ``(samples, channels)``, int16, or float32 or float64 from -1 to 1; any
                number of samples.
            captured: Capture time of the first sample in seconds, from `time.monotonic`. The gap between the end of the last
                audio and it becomes silence at once. Defaults to None: the samples join the last ones, or, after a pause, end
                now.

        Raises:
            TypeError: `array` is not an array, or its elements are of another type.
            ValueError: The shape is another, a sample is not a number, or `captured` is more than a minute from now.
            RuntimeError: The source was inherited by `fork`.
        """
        self._feed.write(array, captured=captured)
