"""Classes that a method makes, such as `Session`: the reference shows no constructor of theirs."""

from __future__ import annotations

import inspect
from typing import Any, Final

from sphinx.application import Sphinx

# After the name of each, the docstring says which method makes it.
MADE: Final = frozenset(
    {
        "AudioReceiver",
        "AudioSource",
        "BroadcastChannel",
        "DataChannel",
        "EncodedVideoSource",
        "Player",
        "Recorder",
        "Session",
        "Signal",
        "VideoReceiver",
        "VideoSource",
    }
)


def hide_signature(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, signature: str, returns: str
) -> tuple[str, None] | None:
    """Show the name alone."""
    return ("", None) if inspect.isclass(obj) and obj.__name__ in MADE else None


def hide_arguments(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Leave the sections on the constructor's arguments and errors out."""
    if not inspect.isclass(obj) or obj.__name__ not in MADE:
        return
    kept: list[str] = []
    hidden = False
    for line in lines:
        if line in ("Args:", "Raises:"):
            hidden = True
        elif line and not line.startswith(" "):
            hidden = False
        if not hidden:
            kept.append(line)
    lines[:] = kept


def setup(app: Sphinx) -> dict[str, Any]:
    """Change what autodoc has found."""
    app.connect("autodoc-process-signature", hide_signature)
    app.connect("autodoc-process-docstring", hide_arguments, priority=300)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
