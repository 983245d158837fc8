"""Words that the project does not use are looked for in docstrings, comments, strings, identifiers and documents.

A word is in `WORDS` only if it is never right: another word is the RFC's, the W3C's or ordinary English. The glossary is in
CONTRIBUTING.rst.

To cover another directory or file, add it to `COVERED` and run this test: it prints each place and what to write there.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

COVERED = (
    "CONTRIBUTING.rst",
    "README.rst",
    "SECURITY.rst",
    "benchmarks",
    "docs",
    "examples",
    "gst_signalling_sync",
    "tests",
)
"""Directories, with all Python files and documents below them, and single files."""

PICTURE_IS_A_TERM = ("gst_signalling_sync/webrtc/media/codecs", "tests/media/codecs")
"""Standards of codecs say "picture" for what is a frame elsewhere: H.264's picture parameter set, VP9's Picture ID."""

QUOTING = (
    # The words that are looked for.
    "tests/project/test_words.py",
    # What was written before.
    "docs/project/words.rst",
)
"""Files that show words which are not used."""

PICTURES = {
    # GStreamer's payloaders have the option picture-id-mode.
    r"\b[Pp]ictures?\b(?! [Ll]oss|-id-mode)": "frame (av.VideoFrame), or image where it is a file",
}

WORDS = {
    r"\bfor ever\b": "forever",
    r"\b[Aa]new\b": "again",
    r"\b[Aa]nyhow\b": "anyway",
    r"\bat the (most|least)\b": "at most, at least",
    r"\bthe (most|least) that\b": "the maximum, the minimum",
    r"\b([Aa]|an empty) text\b(?! (frame|message|file|format|line)\b)|\b[Tt]exts\b": "string",
    r"(?<!there )\b(is|are|was|were) none\b(?! of\b)": "what it must be, or what it is instead",
    r"(^|[.;] )[Ww]ho(ever)? [^.?:;]*\.": "the noun: 'a peer that ...' (no free relative clause as a subject)",
}
"""Patterns of words that are not used, and what to write instead."""

NAMES_OF_PICTURES = {
    # PyAV has PictureType, and RFC 7741 picture_id.
    r"(?i)picture(?!type$|_id$)": "frame",
}

NAMES = {
    r"^_?(MOST|LEAST)(_|$)": "MAX_, MIN_",
    r"(?i)(^|_)for_ever(_|$)": "forever",
    r"(?i)(^|_)anew(_|$)": "restart, again",
}
"""The same for identifiers."""


def documents() -> list[Path]:
    """All files that are checked."""
    paths = [ROOT / each for each in COVERED]
    named = (*paths, *(ROOT / each for each in (*PICTURE_IS_A_TERM, *QUOTING)))
    assert all(path.exists() for path in named), "a path that is named above has moved"
    found = (path.rglob("*") if path.is_dir() else [path] for path in paths)
    quoting = {ROOT / each for each in QUOTING}
    return sorted(path for each in found for path in each if path.suffix in (".py", ".rst") and path not in quoting)


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """The prose of a file, each piece with the line on which it begins.

    Comments on consecutive lines are one piece, because a sentence may continue on the next line.
    """
    if path.suffix != ".py":
        yield 1, path.read_text()
        return
    comment: list[str] = []
    begin = end = 0
    for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline):
        line = token.start[0]
        if token.type == tokenize.COMMENT:
            if comment and line != end + 1:
                yield begin, " ".join(comment)
                comment = []
            begin, end = (begin if comment else line), line
            comment.append(token.string.lstrip("# "))
        elif token.type == tokenize.STRING or tokenize.tok_name[token.type] == "FSTRING_MIDDLE":
            yield line, token.string.strip("rfb\"'")
    if comment:
        yield begin, " ".join(comment)


def identifiers(path: Path) -> Iterator[tuple[int, str]]:
    """The identifiers in a Python file."""
    if path.suffix == ".py":
        for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline):
            if token.type == tokenize.NAME:
                yield token.start[0], token.string


@pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_has_a_word_that_means_another_one(path: Path) -> None:
    may_say_picture = any(path.is_relative_to(ROOT / each) for each in PICTURE_IS_A_TERM)
    words, names = (WORDS, NAMES) if may_say_picture else (WORDS | PICTURES, NAMES | NAMES_OF_PICTURES)
    found = [
        f"{path.relative_to(ROOT)}:{line}: {match[0]!r}: write {instead}"
        for pieces, patterns in ((prose(path), words), (identifiers(path), names))
        for line, text in pieces
        for pattern, instead in patterns.items()
        for match in re.finditer(pattern, " ".join(text.split()))
    ]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    "text",
    [
        "It waits for ever.",
        "It holds\n    a text.",
        "For ten seconds at the most.",
        "A moving picture.",
        "A timeout that is none.",
        "It is closed. Who comes back finds it open.",
    ],
)
def test_words_are_found_wherever_lines_break(text: str) -> None:
    assert any(re.search(pattern, " ".join(text.split())) for pattern in WORDS | PICTURES)


@pytest.mark.parametrize(
    "text",
    ["Called for every one.", "A text message.", "Picture Loss Indication.", "None where there is none.", "Who asks?"],
)
def test_ordinary_sentences_pass(text: str) -> None:
    assert not any(re.search(pattern, " ".join(text.split())) for pattern in WORDS | PICTURES)


@pytest.mark.parametrize("name", ["FOR_EVER", "begin_anew", "_begins_anew", "picture", "PictureFormat", "MOST_BYTES"])
def test_names_are_found(name: str) -> None:
    assert any(re.search(pattern, name) for pattern in NAMES | NAMES_OF_PICTURES)


@pytest.mark.parametrize("name", ["make_offer_for_everything", "FOREVER", "PictureType", "ALMOST", "renewed"])
def test_ordinary_names_pass(name: str) -> None:
    assert not any(re.search(pattern, name) for pattern in NAMES | NAMES_OF_PICTURES)
