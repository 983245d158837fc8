"""Spelling: each word of prose is one of pyspellchecker's English, or of ``docs/words.txt``; else a warning."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any, Final

from docutils import nodes
from spellchecker import SpellChecker
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util import logging

WORDS: Final = Path(__file__).parents[1] / "words.txt"
"""The words of this project, one a line."""

WORD: Final = re.compile(r"(?<![\w/.$@-])[A-Za-z]+(?:['\u2019][A-Za-z]+)?(?![\w/@]|\.\w)")
NO_PROSE: Final = (
    nodes.literal,
    nodes.literal_block,
    nodes.raw,
    nodes.comment,
    addnodes.desc_signature,
    addnodes.literal_emphasis,
    addnodes.literal_strong,
)

logger = logging.getLogger(__name__)


@cache
def dictionary() -> SpellChecker:
    """English, and the words of this project."""
    checker = SpellChecker(distance=1)
    checker.word_frequency.load_words(line for line in WORDS.read_text().splitlines() if line and line[0] != "#")
    return checker


def is_known(word: str) -> bool:
    """Whether a word, without a possessive's or a plural's ending, is in the dictionary."""
    lower = word.lower().replace("\u2019", "'")
    forms = {lower, lower.removesuffix("'s"), lower.removesuffix("n't")}
    # Abbreviations and names with a capital letter inside are no words.
    return len(word) < 3 or not word[1:].islower() or any(form in dictionary() for form in forms)


def check(app: Sphinx, doctree: nodes.document) -> None:
    """Look up every word of a page that is neither code nor the name of something."""
    for node in doctree.findall(nodes.Text):
        if any(isinstance(parent, NO_PROSE) for parent in _parents(node)):
            continue
        for word in WORD.findall(node.astext()):
            if not is_known(word):
                told = "%s is in no dictionary: docs/words.txt has the words of this project"
                logger.warning(told, word, location=node.parent)


def _parents(node: nodes.Node) -> list[nodes.Node]:
    found = []
    parent = node.parent
    while parent is not None:
        found.append(parent)
        parent = parent.parent
    return found


def setup(app: Sphinx) -> dict[str, Any]:
    """Check each page as it is read."""
    app.connect("doctree-read", check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
