"""`run_on_own_thread`: has slow work done beside the event loop, which takes the result."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

__all__ = ["run_on_own_thread"]

Result = TypeVar("Result")


def run_on_own_thread(
    name: str, work: Callable[[], Result], loop: asyncio.AbstractEventLoop, done: Callable[[Result], object]
) -> None:
    """Have something called on a new thread, and its result handed to the loop. Returns at once.

    Args:
        name: Name of the thread, without ``gss-``.
        work: Called on the thread; must not raise.
        loop: The event loop.
        done: Called on the loop with the result, unless the loop has been closed meanwhile.
    """

    def run() -> None:
        result = work()
        # The server may have been closed meanwhile, and its loop with it.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(done, result)

    threading.Thread(target=run, name=f"gss-{name}", daemon=True).start()
