"""The help of commands is written for a terminal: what reStructuredText would take for markup is made literal."""

from __future__ import annotations

import re
from typing import Any

import click
from sphinx.application import Sphinx


def escape(app: Sphinx, ctx: click.Context, lines: list[str]) -> None:
    """Escape asterisks; write commands in backticks, and options, as literals."""
    for number, line in enumerate(lines):
        if not line.startswith(".. "):
            escaped = re.sub(r"(?<!`)`([^`]+)`(?!`)", r"``\1``", line.replace("*", r"\*"))
            lines[number] = re.sub(r"(?<![\w`-])(--[a-z][\w-]*)(?![^`]*`)", r"``\1``", escaped)


def write_examples(app: Sphinx, ctx: click.Context, lines: list[str]) -> None:
    """Make a literal block of the examples at the end."""
    first, *examples = [line.removeprefix("| ").rstrip() for line in lines if line.strip() not in ("", "|")] or [""]
    if first == "Examples:":
        lines[:] = [first, "", ".. code-block:: text", "", *(f"   {line.strip()}" for line in examples), ""]


def setup(app: Sphinx) -> dict[str, Any]:
    """Change what sphinx-click has found."""
    for part in ("description", "options"):
        app.connect(f"sphinx-click-process-{part}", escape)
    app.connect("sphinx-click-process-epilog", write_examples)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
