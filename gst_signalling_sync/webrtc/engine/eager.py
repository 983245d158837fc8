"""Running a coroutine at once up to its first wait, as Python 3.12's eager tasks do; for Python 3.11."""

from __future__ import annotations

import asyncio
import types
from collections.abc import Coroutine, Generator
from typing import Any

__all__ = ["run_eagerly"]


def run_eagerly(coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
    """Run a coroutine at once up to its first wait. The rest of it becomes a task.

    Sending a datagram never waits, so this saves a task, and an iteration of the event loop, for each message.

    Args:
        coroutine: The coroutine. It begins outside of a task, so it must not use the current task before its first wait.

    Returns:
        The task, which the caller has to hold; None: the coroutine is complete.
    """
    try:
        awaited = coroutine.send(None)
    except StopIteration:
        return None
    return asyncio.ensure_future(_resume(coroutine, awaited))


@types.coroutine
def _resume(coroutine: Coroutine[Any, Any, None], awaited: Any) -> Generator[Any, Any, None]:
    """Run the rest of a coroutine, which waits for something."""
    while True:
        try:
            yield awaited
        # The task throws the exception of what it waited for, or its cancellation, into this generator.
        except BaseException as error:  # noqa: BLE001 - it is the coroutine's
            try:
                awaited = coroutine.throw(error)
            except StopIteration:
                return
        else:
            break
    yield from coroutine
