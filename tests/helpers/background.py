"""Work on a thread while a block runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["running_beside"]


@contextmanager
def running_beside(function: Callable[[], object], stop: threading.Event) -> Iterator[None]:
    """Run a function until the block ends.

    Args:
        function: Returns soon after `stop` is set.
        stop: Is set when the block ends.
    """
    thread = threading.Thread(target=function)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
