"""`ClockComparison`: compares clocks with a peer of this library by questions and answers. Lives on the loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from ..protocol.control import ClockAnswer, ClockQuestion
from ..threads import clock
from .clock_offset import ClockOffset, OffsetBounds
from .control_channel import ControlChannel
from .sender_clock import told_time

__all__ = ["ClockComparison"]

_FIRST_SECONDS: Final = 0.1
_FIRST_QUESTIONS: Final = 20
_FIRST_INTERVAL: Final = 0.5
"""Seconds between the first questions, so that the quickest ways there and back are found soon."""

_INTERVAL: Final = 10.0
"""Seconds between later questions. Two clocks drift apart by at most 2 ms meanwhile."""

_MAX_ASKED: Final = 32
"""Maximum number of questions without an answer that are kept."""

_MAX_WAITING_BYTES: Final = 4096
"""Buffered bytes above which no question or answer is sent, since a time that is sent late tells little."""


class ClockComparison:
    """Compares the clock by which this process tells times to its peers with the clock of one peer.

    Args:
        control: Returns the control channel; None: there is none yet.
    """

    def __init__(self, control: Callable[[], ControlChannel | None]) -> None:
        self._control = control
        self._bounds = OffsetBounds()
        self._timer: asyncio.TimerHandle | None = None
        self._questions = 0
        # The time of each question without an answer, on `threads.clock`, by its number.
        self._asked: dict[int, float] = {}

    @property
    def offset(self) -> ClockOffset | None:
        """How far the peer's clock is ahead; None: it is not known yet. Callable from any thread."""
        now = clock.now()
        bounds = self._bounds.at(now)
        if bounds is None:
            return None
        lower, upper = bounds
        # Converted from `threads.clock`, which never jumps, to `time.time`, which programs read.
        return ClockOffset((lower + upper) / 2 + now - time.time(), (upper - lower) / 2)

    def start(self) -> None:
        """Begin to ask; called when the session is connected."""
        self._timer = asyncio.get_running_loop().call_later(_FIRST_SECONDS, self._ask)

    def stop(self) -> None:
        """Stop asking; idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def on_question(self, question: ClockQuestion) -> None:
        """Answer the peer's question."""
        control = self._control()
        if control is not None and control.buffered_amount <= _MAX_WAITING_BYTES:
            now = told_time(time.monotonic())
            control.say(ClockAnswer(question.number, now, now))

    def on_answer(self, answer: ClockAnswer) -> None:
        """Handle the peer's answer, which is not trusted."""
        asked = self._asked.pop(answer.number, None)
        if asked is not None:
            self._bounds.add(asked, answer.received, answer.answered, clock.now())

    def _ask(self) -> None:
        interval = _FIRST_INTERVAL if self._questions < _FIRST_QUESTIONS else _INTERVAL
        self._timer = asyncio.get_running_loop().call_later(interval, self._ask)
        control = self._control()
        if control is None or control.buffered_amount > _MAX_WAITING_BYTES:
            return
        asked = clock.now()
        if control.say(ClockQuestion(self._questions)):
            self._asked[self._questions] = asked
            self._asked.pop(self._questions - _MAX_ASKED, None)
            self._questions += 1
