"""The program ``gst-signalling-sync``: each of its commands is a module here, and `commands` puts them together.

The modules load on first use, so that `entry` can handle Ctrl-C before they do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .commands import main

__all__ = ["main"]


def __getattr__(name: str) -> Any:
    if name != "main":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .commands import main

    return main
