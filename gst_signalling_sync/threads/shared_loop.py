"""The one loop of this process on which all of WebRTC runs: from its first user to its last."""

from __future__ import annotations

import os
import threading

from .loop_thread import LoopThread

__all__ = ["acquire_shared_loop", "release_shared_loop"]


def acquire_shared_loop(
    ended: type[Exception] = ConnectionError, late: type[TimeoutError] = TimeoutError
) -> LoopThread:
    """The one loop of this process on which all of WebRTC runs, started for its first user.

    Args:
        ended: As of `LoopThread`; the same of all users.
        late: As of `LoopThread`; the same of all users.

    Returns:
        The loop; give it back by `release_shared_loop`.
    """
    with _shared.lock:
        if _shared.loop is None:
            _shared.loop = LoopThread("webrtc", ended, late)
        _shared.users += 1
        return _shared.loop


def release_shared_loop() -> None:
    """Give the shared loop back; the last user's release ends its thread."""
    with _shared.lock:
        _shared.users -= 1
        if _shared.users > 0 or _shared.loop is None:
            return
        _shared.loop.close()
        _shared.loop = None


class _SharedLoop:
    """The process's shared loop; `lock` guards the other two, and is held while a loop starts or ends."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.loop: LoopThread | None = None
        self.users = 0


_shared = _SharedLoop()

if hasattr(os, "register_at_fork"):
    # The parent's lock may be held by a thread that does not exist in the child, so the attributes are made anew.
    os.register_at_fork(after_in_child=_shared.__init__)  # type: ignore[misc]
