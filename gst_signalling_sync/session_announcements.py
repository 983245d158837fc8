"""`SessionAnnouncements`: which sessions users know, so that the end of one is not told before its request."""

from __future__ import annotations

import threading
from enum import Enum, auto
from weakref import WeakKeyDictionary

from .webrtc.live_session import LiveSession

__all__ = ["SessionAnnouncements"]


class _Told(Enum):
    NOTHING = auto()
    """Its request is being told."""
    REQUEST = auto()
    END = auto()
    """It has ended, which is told after its request, if that is told at all."""


class SessionAnnouncements:
    """The sessions of a role. A thread that starts one and the loop that ends it may come at the same time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told: WeakKeyDictionary[LiveSession, _Told] = WeakKeyDictionary()

    def begin(self, session: LiveSession) -> bool:
        """Whether to tell the request now. False: the session has ended already, and nothing is told of it."""
        with self._lock:
            if session in self._told:
                return False
            self._told[session] = _Told.NOTHING
            return True

    def requested(self, session: LiveSession) -> bool:
        """Record that the request was told. Returns whether to tell the end now, which came meanwhile."""
        with self._lock:
            has_ended = self._told[session] is _Told.END
            self._told[session] = _Told.END if has_ended else _Told.REQUEST
            return has_ended

    def ended(self, session: LiveSession) -> bool:
        """Record the end. Returns whether to tell it now: the request was told."""
        with self._lock:
            was_requested = self._told.get(session) is _Told.REQUEST
            self._told[session] = _Told.END
            return was_requested
