"""`AudioReceiver`: received audio as a stream of samples without gaps."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any, Final, Literal, overload

import av
import numpy as np
from numpy.typing import NDArray

from ....errors import SessionClosed, WaitTimeout
from ....signals import Signal
from ..encoded_frame import EncodedFrame
from .audio_decoder import CHANNELS, RATE, AudioDecoder
from .received_track import ReceivedTrack
from .sample_buffer import SampleBuffer
from .sample_converter import SampleConverter, SampleForm
from .track_receiver import FOREVER, TrackReceiver

__all__ = ["AudioReceiver"]

_KEPT_SAMPLES: Final = RATE

_MAX_KEPT_SAMPLES: Final = 60 * RATE
"""Kept for a reader whose last timeout was too short, since it is likely to read again."""

_AS_DECODED: Final = SampleForm()

_BLOCK_SAMPLES: Final = RATE // 50


class AudioReceiver(TrackReceiver):
    """An audio track of a session; every method may be called from any thread and from callbacks.

    The samples have 48 kHz and two channels whatever was sent; of mono, both channels are the same. `read` can return another
    form, to which the samples are resampled. Where packets are lost that no later packet repeats, the Opus decoder conceals
    gaps of up to 60 ms, and silence fills longer ones. Gaps of more than a second are not filled.

    Unread samples are kept for one second, so a first read begins up to a second in the past; `waiting` says how far. With
    several readers, each sample goes to one of them. The signal gets all samples, whether they are read or not.

    Example:
        samples = session.audio.read(4800)  # 100 ms of int16, in the shape (4800, 2)

    Signals:
        frame(receiver, frame): Audio arrived. Emitted for all of it, in order.

    Iterating over it yields blocks of 20 ms until the session is closed.
    """

    rate: Final = RATE
    channels: Final = CHANNELS

    def __init__(self, track: ReceivedTrack) -> None:
        super().__init__(track)
        # Guarded by the track's lock.
        self._samples = SampleBuffer(RATE, CHANNELS)
        self._wanted: list[int] = []
        self._wanted_last = 0
        self._converter: SampleConverter | None = None
        # For each thread of the receivers of `frame`: frames to emit. An entry exists while an emission is posted.
        self._pending: dict[str | None, deque[av.AudioFrame]] = {}
        self._frames_dropped = 0
        # Used by the decoder thread alone.
        self._audio_decoder = AudioDecoder()

        self.frame = Signal(
            "Sound arrived: ``(receiver, frame)``, an `av.AudioFrame` of interleaved int16. All of them, in order, without the"
            " silence between them; but when callbacks are a second behind, the oldest are dropped."
        )
        track.begin(self._decode)

    @property
    def waiting(self) -> int:
        """Number of samples, at 48 kHz, that can be read at once."""
        return self._samples.samples

    @property
    def samples_dropped(self) -> int:
        """Number of samples dropped because nobody read them within a second."""
        return self._samples.dropped

    @property
    def frames_dropped(self) -> int:
        """Number of frames that receivers of `frame` did not get, because they were a second behind."""
        return self._frames_dropped

    @overload
    def read(
        self,
        samples: int,
        timeout: float | None = None,
        *,
        rate: int = RATE,
        channels: int = CHANNELS,
        dtype: Literal["int16"] = "int16",
    ) -> NDArray[np.int16]: ...

    @overload
    def read(
        self,
        samples: int,
        timeout: float | None = None,
        *,
        rate: int = RATE,
        channels: int = CHANNELS,
        dtype: Literal["float32"],
    ) -> NDArray[np.float32]: ...

    def read(
        self,
        samples: int,
        timeout: float | None = None,
        *,
        rate: int = RATE,
        channels: int = CHANNELS,
        dtype: str = "int16",
    ) -> NDArray[Any]:
        """Wait for the next samples.

        Reads of one form follow each other without a gap. A read of another form begins with a new resampler, and the samples
        that the last one had converted and not returned are dropped.

        Args:
            samples: Number of samples per channel; `rate` of them last a second.
            timeout: Seconds. Defaults to the role object's timeout.
            rate: Samples per second, 8000 to 192000. Defaults to 48000.
            channels: 2, or 1 for the mean of both. Defaults to 2.
            dtype: ``"int16"``, or ``"float32"`` from -1 to 1. Defaults to ``"int16"``.

        Returns:
            Array of shape ``(samples, channels)`` and of type `dtype`.

        Raises:
            ValueError: A number is out of range, or the type is another.
            WaitTimeout: Not enough samples came in time. Those that came, up to a minute of them, wait for the next call.
            SessionClosed: The session ended, and fewer samples are left; they can still be read.
            RuntimeError: The session was inherited by `fork`, or this would block the event loop.
        """
        self._track.owner.check()
        if samples < 0:
            raise ValueError(f"samples must be 0 or more, not {samples!r}")
        form = SampleForm(rate, channels, dtype)
        wanted = form.decoded(samples)
        with self._track.changed:
            converter = self._converter_to(form)
            self._wanted.append(wanted)
            self._wanted_last = 0
            try:
                doing = f"waiting for {samples} samples of {self._track.named}"
                self._track.wait_until(
                    lambda: self._has(samples, converter), doing, timeout, lambda: f", {self.waiting} samples wait"
                )
            except WaitTimeout:
                self._wanted_last = min(wanted, _MAX_KEPT_SAMPLES)
                raise
            finally:
                self._wanted.remove(wanted)
            return self._samples.take(samples) if converter is None else converter.take(samples)

    @overload
    def read_available(
        self, *, rate: int = RATE, channels: int = CHANNELS, dtype: Literal["int16"] = "int16"
    ) -> NDArray[np.int16]: ...

    @overload
    def read_available(
        self, *, rate: int = RATE, channels: int = CHANNELS, dtype: Literal["float32"]
    ) -> NDArray[np.float32]: ...

    def read_available(self, *, rate: int = RATE, channels: int = CHANNELS, dtype: str = "int16") -> NDArray[Any]:
        """All unread samples, at once.

        Args:
            rate: As in `read`.
            channels: As in `read`.
            dtype: As in `read`.

        Returns:
            Array of shape ``(samples, channels)`` and of type `dtype`; ``(0, channels)`` if nothing waits, also after the
            session's end.

        Raises:
            ValueError: A number is out of range, or the type is another.
            RuntimeError: The session was inherited by `fork`.
        """
        self._track.owner.check()
        form = SampleForm(rate, channels, dtype)
        with self._track.changed:
            converter = self._converter_to(form)
            if converter is None:
                return self._samples.take(self._samples.samples)
            converter.fill_all(self._samples)
            return converter.take(converter.samples)

    def __iter__(self) -> Iterator[NDArray[np.int16]]:
        """Yield blocks of 960 samples until the session is closed."""
        while True:
            try:
                yield self.read(_BLOCK_SAMPLES, timeout=FOREVER)
            except SessionClosed:
                return

    def _converter_to(self, form: SampleForm) -> SampleConverter | None:
        """The converter to a form, None if no conversion is needed; the track's lock is held."""
        if form == _AS_DECODED:
            return None
        if self._converter is None or self._converter.form != form:
            self._converter = SampleConverter(form)
        return self._converter

    def _has(self, samples: int, converter: SampleConverter | None) -> bool:
        if converter is None:
            return self._samples.samples >= samples
        return converter.fill(self._samples, samples)

    def _decode(self, frame: EncodedFrame) -> None:
        for made_up in self._audio_decoder.conceal(frame):
            with self._track.changed:
                self._keep(made_up)
        for decoded in self._audio_decoder.decode(frame):
            self._add(decoded)

    def _keep(self, decoded: av.AudioFrame) -> None:
        """Add samples to those to be read; the track's lock is held."""
        assert decoded.pts is not None
        samples = decoded.to_ndarray().astype(np.int16, copy=False).reshape(-1, CHANNELS)
        self._samples.add(samples, decoded.pts, max(_KEPT_SAMPLES, self._wanted_last, *self._wanted))

    def _add(self, decoded: av.AudioFrame) -> None:
        with self._track.changed:
            self._keep(decoded)
            # Last, because it is read without the lock.
            self._track.frames_decoded += 1
            threads = [each for each in self.frame.threads_for(self) if self._queue(decoded, each)]
            self._track.changed.notify_all()
        for thread in threads:
            self._track.callbacks.post_to(thread, self._emit, thread)

    def _queue(self, decoded: av.AudioFrame, thread: str | None) -> bool:
        """Queue a frame for the receivers of one thread; the track's lock is held.

        Returns:
            Whether an emission must be posted.
        """
        emit = thread not in self._pending
        pending = self._pending.setdefault(thread, deque())
        pending.append(decoded)
        while len(pending) > 1 and sum(frame.samples for frame in pending) > RATE:
            pending.popleft()
            self._frames_dropped += 1
        return emit

    def _emit(self, thread: str | None) -> None:
        """Emit one frame, then post the next emission, so that other signals of the role object are emitted in between."""
        with self._track.changed:
            pending = self._pending[thread]
            decoded = pending.popleft()
            is_more_due = bool(pending)
            if not is_more_due:
                del self._pending[thread]
        self.frame.emit_on(thread, self, {"frame": decoded})
        if is_more_due:
            self._track.callbacks.post_to(thread, self._emit, thread)
