"""Docstrings in Google's style, as napoleon reads them, with three differences.

``Signals:`` becomes an entry for each signal, to which references lead. The first line of a property is a sentence, in which a
colon does not end a type. What stands under ``Example:`` is a program.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from sphinx.application import Sphinx
from sphinx.ext.napoleon import Config
from sphinx.ext.napoleon.docstring import GoogleDocstring

CONFIG: Final = Config(napoleon_numpy_docstring=False, napoleon_use_admonition_for_examples=False)


def entries(section: list[str]) -> Iterator[tuple[str, str, list[str]]]:
    """Name, arguments and text of each signal in the lines of a section."""
    name, arguments, text = "", "", list[str]()
    for line in section:
        begin = re.fullmatch(r"    (\w+)(\([\w, ]+\)): (.*)", line)
        if begin is None:
            text.append(line.strip())
            continue
        if name:
            yield name, arguments, text
        name, arguments, text = begin[1], begin[2], [begin[3]]
    yield name, arguments, text


def convert(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Write a docstring as reStructuredText, in place."""
    signals = list(_take_signals(lines))
    if "Example:" in lines:
        # A literal block, which is no section for napoleon.
        begin = lines.index("Example:")
        lines[begin : begin + 1] = ["Example::", ""]
    kind: Any = "method" if what in ("attribute", "property") else what
    lines[:] = GoogleDocstring(list(lines), CONFIG, app, kind, name, obj, options).lines()
    if signals:
        lines += ["", *signals]


def _take_signals(lines: list[str]) -> Iterator[str]:
    """Take the section out of a class's docstring, as directives."""
    if "Signals:" not in lines:
        return
    begin = lines.index("Signals:")
    end = begin + 1
    while end < len(lines) and (not lines[end] or lines[end].startswith(" ")):
        end += 1
    section = lines[begin + 1 : end]
    del lines[begin:end]
    for signal, arguments, text in entries(section):
        yield from (f".. py:attribute:: {signal}", "   :type: Signal", "", f"   Called as ``{arguments}``.")
        yield from (*(f"   {line}" for line in text), "")


def setup(app: Sphinx) -> dict[str, Any]:
    """Have docstrings converted here."""
    app.connect("autodoc-process-docstring", convert)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
