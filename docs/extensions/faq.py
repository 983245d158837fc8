"""``.. faq:: Error: words of its message``: a heading under which the words can be found and linked to."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


class Question(SphinxDirective):
    """Begins an entry, which the paragraphs after it answer."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Make a heading that is no section, with an address of its own."""
        text = self.arguments[0]
        error, _, words = text.partition(": ")
        heading = nodes.paragraph(classes=["faq"], ids=[nodes.make_id(text)])
        heading += nodes.strong(error, error)
        if words:
            heading += [nodes.Text(": "), nodes.literal(words, words)]
        return [heading]


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directive."""
    app.add_directive("faq", Question)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
