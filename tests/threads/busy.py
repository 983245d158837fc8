"""A callback that does not return until a test lets it."""

from __future__ import annotations

import threading

SECONDS = 10.0


class Busy:
    """A callback that does not return until a test lets it."""

    def __init__(self) -> None:
        self.has_begun, self.may_end = threading.Event(), threading.Event()

    def __call__(self, sender: object = None, **named: object) -> None:
        self.has_begun.set()
        assert self.may_end.wait(SECONDS)
