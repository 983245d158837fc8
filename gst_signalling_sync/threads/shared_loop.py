"""The one event loop of a process on which all of its WebRTC runs, from its first user to its last."""

from __future__ import annotations

import os
import threading

from .loop_thread import LoopThread

__all__ = ["acquire_shared_loop", "release_shared_loop"]


def acquire_shared_loop(
    ended: type[Exception] = ConnectionError, late: type[TimeoutError] = TimeoutError
) -> LoopThread:
    """The shared loop, started for its first user.

    Args:
        ended: As in `LoopThread`; the same for all users.
        late: As in `LoopThread`; the same for all users.

    Returns:
        The loop. Call `release_shared_loop` once for each call of this function.
    """
    with _shared.lock:
        if _shared.loop is None:
            _shared.loop = LoopThread("webrtc", ended, late)
        _shared.users += 1
        return _shared.loop


def release_shared_loop() -> None:
    """Give up the shared loop; the last user's call stops its thread."""
    with _shared.lock:
        _shared.users -= 1
        if _shared.users > 0 or _shared.loop is None:
            return
        _shared.loop.close()
        _shared.loop = None


class _SharedLoop:
    """The process's shared loop. `lock` guards the other two attributes, and is held while a loop starts or stops."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.loop: LoopThread | None = None
        self.users = 0


_shared = _SharedLoop()

if hasattr(os, "register_at_fork"):
    # The parent's lock may be held by a thread that does not exist in the child, so the child makes new attributes.
    os.register_at_fork(after_in_child=_shared.__init__)  # type: ignore[misc]
