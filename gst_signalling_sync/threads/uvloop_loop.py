"""uvloop's event loop, see `event_loops`. The import fails where uvloop is not installed."""

from __future__ import annotations

import uvloop

from .event_loops import OwnSockets

__all__ = ["UvloopLoop"]


class UvloopLoop(OwnSockets, uvloop.Loop):  # type: ignore[misc]
    """uvloop's loop without libuv's thread pool."""
