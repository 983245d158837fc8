"""`Encodings`: the encodings of one source, one or two for each form that a sender takes, and the encoders that they use.

While the links of a form differ much, and the source's thread has time for it, the slow ones have an encoding of their own (see
`RateGroups`). A sender changes from one encoding to the other in three steps, so that it gets no timestamp twice, misses no
frame, and begins with a keyframe:

1. It joins the other encoding, which is asked for a keyframe, and goes on to get the frames of its own.
2. When the other encoding is about to make that keyframe, the sender leaves its own.
3. The loop, which delivers frames in the order in which they were made, delivers from this keyframe on those of the other.

Steps 1 and 2 are done by the source's thread and step 3 by the loop, each with the source's lock held.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, NamedTuple

from ....errors import MediaError
from ....threads.waiting import Deadline
from ..codecs.codec import SendForm
from .chosen_encoder import ChosenEncoder
from .degradation import Degradation, DegradationPreference
from .encoder_choice import EncoderChoice
from .encoder_load import EncoderLoad
from .encoder_thread import EncoderThread
from .encoding import Encoding, Order
from .fan_out import FrameStream, Sink
from .rate_groups import RateGroups

__all__ = ["REPEAT_SECONDS", "Encodings", "Move", "Work"]

logger = logging.getLogger(__name__)

REPEAT_SECONDS: Final = 1.0
"""Interval in seconds at which a source repeats its last frame if no other is written. A receiver does not notice that the last
packets of a frame are lost until another frame comes."""

_HELD_BACK_SECONDS: Final = 0.25
"""Maximum interval in seconds after which the same frame is encoded again, if an encoder returns a frame only when it gets the
next one and none is written."""


class _Place:
    """The encoding of a sender. Identity tells a sender that was removed from the same one that was added again.

    Attributes:
        stream: The stream to whose encoding the sender's estimates and requests go.
        leaves: The stream whose frames it still gets, in step 1; None: it does not change.
        moves: Whether it is in any of the three steps.
    """

    __slots__ = ("leaves", "moves", "stream")

    def __init__(self, stream: FrameStream) -> None:
        self.stream = stream
        self.leaves: FrameStream | None = None
        self.moves = False


class Move(NamedTuple):
    """A sender that changes its encoding with a frame.

    Attributes:
        sink: The sender.
        place: Its new encoding.
    """

    sink: Sink
    place: _Place


class Work(NamedTuple):
    """A frame that must be encoded.

    Attributes:
        stream: The stream that the result belongs to.
        encoding: The encoding.
        order: How it must be encoded.
        moves: The senders that begin with this frame; it is a keyframe then.
    """

    stream: FrameStream
    encoding: Encoding
    order: Order
    moves: list[Move]


class Encodings:
    """The encodings of one source, and the sender that takes each.

    The source holds its lock around every call except `join` and `spent`.

    Args:
        choice: The encoders that the source may use.
        degradation: What is reduced if a link is too thin for the frames, see `Degradation`.
        named: Returns the source's name for log lines.

    Raises:
        ValueError: The preference is unknown.
    """

    def __init__(self, choice: EncoderChoice, degradation: DegradationPreference, named: Callable[[], str]) -> None:
        Degradation(degradation)
        self.failure: MediaError | None = choice.failure
        """Why software encodes although hardware was asked for; None: hardware was not asked for, or it works."""
        self._degradation: DegradationPreference = degradation
        self._hardware = choice.kinds
        self._named = named
        self._by_stream: dict[FrameStream, Encoding] = {}
        self._places: dict[Sink, _Place] = {}
        # Senders on whose links frames wait.
        self._behind: set[Sink] = set()
        self._groups: dict[SendForm, RateGroups] = {}
        self._load = EncoderLoad()
        # Threads that call, or have called, a hardware encoder. Many devices have room for one, so slow groups use software.
        self._threads: dict[SendForm, EncoderThread] = {}

    def __bool__(self) -> bool:
        return bool(self._by_stream)

    @property
    def encoders(self) -> dict[str, str]:
        """FFmpeg's names of the encoders in use, by codec: those of the fast groups, if there are two."""
        return {stream.form.codec: each.encoder.in_use.name for stream, each in reversed(self._in_order())}

    @property
    def bitrate(self) -> int | None:
        """The highest target bitrate, in bit/s; None: there is no encoding, or none has encoded a frame."""
        return max((each.bitrate.target() for each in self._by_stream.values() if each.has_limits), default=None)

    @property
    def all_behind(self) -> bool:
        """Whether frames wait on every link."""
        return all(each.waits(self._behind) for each in self._by_stream.values())

    def add(self, sink: Sink, form: SendForm) -> None:
        """Add a sender that takes a form."""
        self._groups.setdefault(form, RateGroups())
        place = self._places[sink] = _Place(FrameStream(form))
        self._encoding(place.stream).receivers.add(sink)

    def remove(self, sink: Sink) -> None:
        """Remove a sender, unless it was removed before."""
        place = self._places.pop(sink, None)
        if place is None:
            return
        self._behind.discard(sink)
        self._groups[place.stream.form].forget(sink)
        self._take_from(place.stream, sink)
        if place.leaves is not None:
            self._take_from(place.leaves, sink)

    def of(self, sink: Sink) -> Encoding | None:
        """The encoding whose frames a sender gets, now or soon; None: the sender was not added."""
        place = self._places.get(sink)
        return None if place is None else self._by_stream[place.stream]

    def report_estimate(self, sink: Sink, bitrate: int, is_confirmed: bool) -> None:
        """Record the bitrate that a link carries; see `VideoFeed.report_estimate`."""
        place = self._places.get(sink)
        if place is None:
            return
        self._groups[place.stream.form].report(sink, bitrate, is_confirmed)
        for stream in (place.stream, place.leaves):
            if stream is not None:
                self._by_stream[stream].bitrate.report(sink, bitrate, is_confirmed)

    def report_backlog(self, sink: Sink, is_behind: bool) -> None:
        """Record whether frames wait on a link."""
        if is_behind and sink in self._places:
            self._behind.add(sink)
        else:
            self._behind.discard(sink)

    def spent(self, seconds: float, now: float) -> None:
        """Record how long a frame took to convert and encode; on the source's thread, which alone uses that.

        Args:
            seconds: Seconds.
            now: When it was done.
        """
        self._load.add(seconds, now)

    def work(self, size: tuple[int, int], fps: float, limits: tuple[int, int] | None, now: float) -> list[Work]:
        """Decide which encodings encode a frame, and which senders change their encoding with it. Called once per frame.

        The arguments are those of `Encoding.order`. An encoding on all of whose links frames wait leaves the frame out.
        """
        self._regroup(now)
        ordered = [
            (stream, encoding, order)
            for stream, encoding in self._in_order()
            if not encoding.waits(self._behind) and (order := encoding.order(size, fps, limits, now)) is not None
        ]
        work = [
            Work(stream, encoding, order, self._join(encoding) if order.keyframe else [])
            for stream, encoding, order in ordered
        ]
        # Those whose last sender has just left are closed.
        return [each for each in work if each.stream in self._by_stream]

    def arrived(self, move: Move) -> bool:
        """End a move; on the loop.

        Returns:
            Whether the sender must get the frames of its new encoding. False: it was removed meanwhile.
        """
        if self._places.get(move.sink) is not move.place:
            return False
        move.place.moves = False
        return True

    def repeat_at(self, last: float, interval: float) -> float:
        """When the last frame must be encoded again if no other is written.

        Args:
            last: When it was encoded last.
            interval: Minimum interval between two frames of the source, in seconds.
        """
        encodings = [each for each in self._by_stream.values() if not each.waits(self._behind)]
        if any(each.holds_back for each in encodings):
            return last + min(2 * interval, _HELD_BACK_SECONDS)
        times = [each.keyframes.due_at() for each in encodings]
        wanted = min((due for due in times if due is not None), default=None)
        if wanted is None:
            return last + max(REPEAT_SECONDS, 2 * interval)
        # The next frame is likely to come first.
        return max(wanted, last + min(2 * interval, REPEAT_SECONDS / 4))

    def join(self, deadline: Deadline) -> None:
        """Wait until no driver is called any more; on a caller's thread, without the lock."""
        for form, thread in list(self._threads.items()):
            if not thread.join(deadline):
                logger.warning(
                    "%s: the driver of its %s encoder has not returned %g s after close(); its thread is left behind",
                    self._named(),
                    form.codec,
                    deadline.seconds,
                )

    def _in_order(self) -> list[tuple[FrameStream, Encoding]]:
        """The encodings, those of the fast groups first: good links get their frames first."""
        return sorted(self._by_stream.items(), key=lambda item: item[0].is_slow)

    def _regroup(self, now: float) -> None:
        """Begin the moves between the two encodings of each form."""
        is_overloaded = self._load.is_overloaded(now)
        if is_overloaded and any(groups.is_divided for groups in self._groups.values()):
            self._load.given_up(now)
            logger.debug("%s: there is no time for a second encoding", self._named())
        for form, groups in self._groups.items():
            encoding = self._by_stream.get(FrameStream(form)) or self._by_stream.get(FrameStream(form, True))
            if encoding is None or not encoding.has_limits:
                continue
            may_divide = not is_overloaded if groups.is_divided else self._load.has_room(now)
            groups.update(encoding.bitrate.limits[1], may_divide, now)
        for sink, place in self._places.items():
            is_slow = self._groups[place.stream.form].is_slow(sink)
            # A move is finished before the next one begins.
            if is_slow != place.stream.is_slow and not place.moves:
                self._begin_move(sink, place, FrameStream(place.stream.form, is_slow))

    def _begin_move(self, sink: Sink, place: _Place, stream: FrameStream) -> None:
        left = self._by_stream[place.stream]
        left.keyframes.forget(sink)
        joined = self._encoding(stream)
        joined.has_limits = joined.has_limits or left.has_limits
        joined.bitrate.set_limits(*left.bitrate.limits)
        # It counts in both, since it gets the frames of one until it begins with the keyframe of the other.
        left.bitrate.tell(sink, joined.bitrate)
        joined.joining.add(sink)
        place.stream, place.leaves, place.moves = stream, place.stream, True
        logger.debug("%s: %r goes to the %s group", self._named(), sink, "slow" if stream.is_slow else "fast")

    def _join(self, encoding: Encoding) -> list[Move]:
        """Let the senders that join an encoding leave their own, because its keyframe is about to be made."""
        moves = [Move(sink, self._places[sink]) for sink in encoding.joining]
        encoding.receivers |= encoding.joining
        encoding.joining.clear()
        for sink, place in moves:
            left, place.leaves = place.leaves, None
            if left is not None:
                self._take_from(left, sink)
        return moves

    def _take_from(self, stream: FrameStream, sink: Sink) -> None:
        """Take a sender from an encoding, and close this with its last one."""
        encoding = self._by_stream[stream]
        encoding.keyframes.forget(sink)
        encoding.bitrate.forget(sink)
        encoding.receivers.discard(sink)
        encoding.joining.discard(sink)
        if not encoding.receivers and not encoding.joining:
            self._by_stream.pop(stream).encoder.close()

    def _encoding(self, stream: FrameStream) -> Encoding:
        """The encoding of a stream, which is opened for its first sender."""
        if stream not in self._by_stream:
            self._by_stream[stream] = Encoding(self._new_encoder(stream), self._degradation, stream.is_slow)
        return self._by_stream[stream]

    def _new_encoder(self, stream: FrameStream) -> ChosenEncoder:
        form = stream.form
        hardware = None if stream.is_slow else self._hardware.get(form.codec)
        if hardware is None:
            return ChosenEncoder(form)
        thread = EncoderThread(self._threads.get(form))
        self._threads[form] = thread
        self.failure = None
        return ChosenEncoder(form, hardware, thread, self._on_failure)

    def _on_failure(self, error: MediaError) -> None:
        self.failure = error
        logger.warning("%s: %s; software encodes from now on", self._named(), error)
