"""A literal that looks like a path of the repository, such as ``tests/threads/test_fork.py``, must be there; else a warning.

One of a page of this site, or of a program of ``examples/``, leads to it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util import logging

from examples import label

ROOT: Final = Path(__file__).parents[2]
PATH: Final = re.compile(r"(?!docs/_build)(?:docs|examples|tests|benchmarks|gst_signalling_sync|\.ci)/[\w./*-]*")
CODE: Final = re.compile(r"(?:webrtc|signalling|protocol|server|threads|cli|testing|engine|media)/[\w./*-]*")

EXAMPLES_PAGE: Final = "howto/examples"

logger = logging.getLogger(__name__)


def check(app: Sphinx, doctree: nodes.document) -> None:
    """Look for each path among the files, and make references."""
    package = ROOT / "gst_signalling_sync"
    for node in list(doctree.findall(nodes.literal)):
        text = node.astext()
        if PATH.fullmatch(text) and not list(ROOT.glob(text.rstrip("/"))):
            logger.warning("there is no %s in the repository", text, location=node)
        if CODE.fullmatch(text):
            places = (package, package / "webrtc")
            if not any(list(place.glob(text.rstrip("/"))) for place in places):
                logger.warning("there is no %s in gst_signalling_sync/", text, location=node)
        if not isinstance(node.parent, nodes.reference):
            _link(app, node, text)


def _link(app: Sphinx, node: nodes.literal, text: str) -> None:
    page = re.fullmatch(r"docs/([\w/-]+)\.rst", text)
    if page:
        node.replace_self(_reference(app, page[1], nodes.inline(text, text), explicit=False))
    elif re.fullmatch(r"examples/[\w/]+\.\w+", text):
        address = f"{EXAMPLES_PAGE}.html#{label(text.removeprefix('examples/'))}"
        depth = app.env.docname.count("/")
        node.replace_self(nodes.reference("", "", node.deepcopy(), internal=True, refuri="../" * depth + address))


def _reference(app: Sphinx, page: str, content: nodes.Element, explicit: bool) -> addnodes.pending_xref:
    return addnodes.pending_xref(
        "",
        content,
        refdoc=app.env.docname,
        refdomain="std",
        reftype="doc",
        reftarget=f"/{page}",
        refexplicit=explicit,
        refwarn=True,
    )


def setup(app: Sphinx) -> dict[str, Any]:
    """Check each page as it is read."""
    app.connect("doctree-read", check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
