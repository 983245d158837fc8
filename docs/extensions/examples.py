"""``.. example:: robot.py``: a program of ``examples/`` with its first sentence, closed until it is clicked on."""

from __future__ import annotations

import ast
import html
import re
from pathlib import Path
from typing import Any, Final

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

EXAMPLES: Final = Path(__file__).parents[2] / "examples"


def label(name: str) -> str:
    """What the program is called in the address of the page."""
    return name.replace("/", "-").replace(".", "-").replace("_", "-").lower()


def spoken(sentence: str) -> str:
    """A sentence of a docstring in HTML."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(sentence))


class Example(SphinxDirective):
    """Shows a program."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Make a target, the sentence, and the program behind a line to click on."""
        name = self.arguments[0]
        path = EXAMPLES / name
        text = path.read_text()
        self.env.note_dependency(str(path))
        sentence = (ast.get_docstring(ast.parse(text)) or "").splitlines()[0] if path.suffix == ".py" else ""
        target = nodes.target("", "", ids=[label(name)])
        opening = nodes.raw(
            "",
            f'<details class="example"><summary><code>examples/{html.escape(name)}</code> {spoken(sentence)}</summary>',
            format="html",
        )
        program = nodes.literal_block(text, text, language="python" if path.suffix == ".py" else "ini")
        if path.suffix not in (".py", ".service", ".socket"):
            program["language"] = "docker"
        return [target, opening, program, nodes.raw("", "</details>", format="html")]


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directive."""
    app.add_directive("example", Example)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
