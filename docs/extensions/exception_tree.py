"""``.. exception-tree:: package.Base``: the public exceptions below one, each with what it is beside that."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


def lines(exception: type[BaseException], public: set[str], depth: int = 0) -> Iterator[str]:
    """The tree as text, one exception in each line."""
    others = [base.__name__ for base in exception.__bases__[1:]]
    also = f"also {', '.join(others)}" if others else ""
    yield f"{'    ' * depth}{exception.__name__:<{24 - 4 * depth}}{also}".rstrip()
    for below in sorted(exception.__subclasses__(), key=lambda each: each.__name__):
        # One with several bases stands below the first.
        if below.__name__ in public and below.__bases__[0] is exception:
            yield from lines(below, public, depth + 1)


class ExceptionTree(SphinxDirective):
    """Draws the tree from the classes."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Make a literal block."""
        module_name, _, name = self.arguments[0].rpartition(".")
        module = import_module(module_name)
        text = "\n".join(lines(getattr(module, name), set(module.__all__)))
        return [nodes.literal_block(text, text, language="text")]


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directive."""
    app.add_directive("exception-tree", ExceptionTree)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
