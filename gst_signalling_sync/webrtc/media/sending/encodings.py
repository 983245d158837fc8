"""`Encodings`: the encodings of one source, one for each form that a sender takes, and the encoders that they use."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from ....errors import MediaError
from ....threads.waiting import Deadline
from ..codecs.codec import SendForm
from .chosen_encoder import ChosenEncoder
from .degradation import Degradation, DegradationPreference
from .encoder_choice import EncoderChoice
from .encoder_thread import EncoderThread
from .encoding import Encoding
from .fan_out import Sink

__all__ = ["REPEAT_SECONDS", "Encodings"]

logger = logging.getLogger(__name__)

REPEAT_SECONDS: Final = 1.0
"""Interval in seconds at which a source repeats its last frame if no other is written. A receiver does not notice that the last
packets of a frame are lost until another frame comes."""

_HELD_BACK_SECONDS: Final = 0.25
"""Maximum interval in seconds after which the same frame is encoded again, if an encoder returns a frame only when it gets the
next one and none is written."""


class Encodings:
    """The encodings of one source, and the sender that takes each. The source holds its lock around every call except `join`.

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
        self._by_form: dict[SendForm, Encoding] = {}
        self._form_of: dict[Sink, SendForm] = {}
        # Threads that call, or have called, a hardware encoder.
        self._threads: dict[SendForm, EncoderThread] = {}

    def __bool__(self) -> bool:
        return bool(self._by_form)

    @property
    def encoders(self) -> dict[str, str]:
        """FFmpeg's names of the encoders in use, by codec."""
        return {form.codec: each.encoder.in_use.name for form, each in self._by_form.items()}

    @property
    def bitrate(self) -> int | None:
        """The highest target bitrate, in bit/s; None: there is no encoding, or none has encoded a frame."""
        return max((each.bitrate.target() for each in self._by_form.values() if each.has_limits), default=None)

    @property
    def all_behind(self) -> bool:
        """Whether frames wait on every link."""
        return all(len(each.behind) >= each.sinks for each in self._by_form.values())

    def add(self, sink: Sink, form: SendForm) -> None:
        """Add a sender that takes a form."""
        self._form_of[sink] = form
        if form not in self._by_form:
            self._by_form[form] = Encoding(self._new_encoder(form), self._degradation)
        self._by_form[form].sinks += 1

    def remove(self, sink: Sink) -> None:
        """Remove a sender, unless it was removed before."""
        form = self._form_of.pop(sink, None)
        if form is None:
            return
        encoding = self._by_form[form]
        encoding.keyframes.forget(sink)
        encoding.bitrate.forget(sink)
        encoding.behind.discard(sink)
        encoding.sinks -= 1
        if not encoding.sinks:
            self._by_form.pop(form).encoder.close()

    def of(self, sink: Sink) -> Encoding | None:
        """The encoding whose frames a sender gets; None: the sender was not added."""
        form = self._form_of.get(sink)
        return None if form is None else self._by_form[form]

    def in_form(self, form: SendForm) -> Encoding | None:
        """The encoding of a form; None: no sender takes the form."""
        return self._by_form.get(form)

    def repeat_at(self, last: float, interval: float) -> float:
        """When the last frame must be encoded again if no other is written.

        Args:
            last: When it was encoded last.
            interval: Minimum interval between two frames of the source, in seconds.
        """
        if any(each.holds_back for each in self._by_form.values()):
            return last + min(2 * interval, _HELD_BACK_SECONDS)
        times = [each.keyframes.due_at() for each in self._by_form.values()]
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

    def _new_encoder(self, form: SendForm) -> ChosenEncoder:
        hardware = self._hardware.get(form.codec)
        if hardware is None:
            return ChosenEncoder(form)
        thread = EncoderThread(self._threads.get(form))
        self._threads[form] = thread
        self.failure = None
        return ChosenEncoder(form, hardware, thread, self._on_failure)

    def _on_failure(self, error: MediaError) -> None:
        self.failure = error
        logger.warning("%s: %s; software encodes from now on", self._named(), error)
