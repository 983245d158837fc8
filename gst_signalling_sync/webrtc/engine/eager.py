"""Running a coroutine at once up to its first wait; Python 3.12's eager tasks for 3.11."""

from __future__ import annotations

import asyncio
import types
from collections.abc import Coroutine, Generator
from typing import Any

__all__ = ["run_eagerly"]


def run_eagerly(coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
    """Run a coroutine here and now; what is left of it after its first wait becomes a task.

    Sending a datagram never waits, so that a message saves the task and the turn of the event loop that would begin it.

    Args:
        coroutine: Begins outside of a task: before its first wait it must not ask for the current one.

    Returns:
        The task, to be held, or None where the coroutine is done.
    """
    try:
        awaited = coroutine.send(None)
    except StopIteration:
        return None
    return asyncio.ensure_future(_resume(coroutine, awaited))


@types.coroutine
def _resume(coroutine: Coroutine[Any, Any, None], awaited: Any) -> Generator[Any, Any, None]:
    """The rest of a coroutine that waits for something."""
    while True:
        try:
            yield awaited
        # A task throws the exception of what it waited for, or its own cancellation.
        except BaseException as error:  # noqa: BLE001 - it is the coroutine's
            try:
                awaited = coroutine.throw(error)
            except StopIteration:
                return
        else:
            break
    yield from coroutine
