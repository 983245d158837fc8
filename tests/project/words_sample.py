"""Writes docs/project/words.rst: docstrings and error messages picked at random, before and after the words were revised.

    python -m tests.project.words_sample > docs/project/words.rst

It needs git, and the commit `BEFORE`.
"""

from __future__ import annotations

import ast
import io
import random
import subprocess
import tarfile
import textwrap
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

BEFORE: Final = "1e433f7"
SEED: Final = 14
DOCSTRINGS: Final = 12
MESSAGES: Final = 8
MAX_LINES: Final = 14
"""Longer docstrings are not picked: two of them would fill the page."""

WIDTH: Final = 64

ROOT: Final = Path(__file__).parents[2]

INTRODUCTION: Final = """\
Words before and after
======================

{docstrings} docstrings and {messages} error messages of the package, before and after the words of the whole tree were revised
in November 2026. "Before" is commit ``{before}``. ``python -m tests.project.words_sample`` picked them at random, with the
seed {seed}, from the {changed} whose words have changed, and wrote this page. It knew {known} by their names at both times, of
at most {lines} lines each.
"""


def sources_before() -> Iterator[str]:
    """The modules of the package at `BEFORE`."""
    archive = subprocess.run(
        ["git", "archive", BEFORE, "gst_signalling_sync"], cwd=ROOT, check=True, capture_output=True
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar.getmembers():
            if member.name.endswith(".py") and (file := tar.extractfile(member)) is not None:
                yield file.read().decode()


def sources_now() -> Iterator[str]:
    """The modules of the package as they are."""
    for path in sorted((ROOT / "gst_signalling_sync").rglob("*.py")):
        yield path.read_text()


def pieces(node: ast.AST, name: str = "") -> Iterator[tuple[str, str]]:
    """The docstrings and error messages below a node, by the name of their class or function.

    A message has the name of its exception and its number in the function too.
    """
    numbers: Counter[str] = Counter()
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            inner = f"{name}.{child.name}".lstrip(".")
            if docstring := ast.get_docstring(child):
                yield inner, docstring
            yield from pieces(child, inner)
            for each in ast.walk(child) if not isinstance(child, ast.ClassDef) else ():
                match each:
                    case ast.Raise(
                        exc=ast.Call(func=ast.Name(id=error), args=[ast.Constant() | ast.JoinedStr() as text, *_])
                    ):
                        numbers[f"{inner}: {error}"] += 1
                        yield f"{inner}: {error} {numbers[f'{inner}: {error}']}", words_of(text)
        else:
            yield from pieces(child, name)


def words_of(text: ast.Constant | ast.JoinedStr) -> str:
    """A string of the code without its quotation marks."""
    return ast.unparse(text).removeprefix("f")[1:-1]


def unambiguous(sources: Iterator[str]) -> dict[str, str]:
    """The pieces whose names are those of one piece only."""
    found = [piece for source in sources for piece in pieces(ast.parse(source))]
    times = Counter(name for name, _ in found)
    return {name: text for name, text in found if times[name] == 1 and text.count("\n") < MAX_LINES}


def cell(name: str, text: str) -> str:
    """A cell of the table: the name of a piece, and its words as a literal block."""
    title = f"``{name.partition(':')[0]}``" + (", an error" if ":" in name else "")
    lines: list[str] = []
    for line in text.splitlines():
        margin = line[: len(line) - len(line.lstrip())]
        lines += textwrap.wrap(line, WIDTH, subsequent_indent=f"{margin}  " if margin and ": " in line else margin) or [
            ""
        ]
    words = textwrap.indent("\n".join(lines), "   ")
    return textwrap.indent(f"{title}\n\n::\n\n{words}", " " * 7).lstrip()


def main() -> None:
    """Print the page."""
    before, now = unambiguous(sources_before()), unambiguous(sources_now())
    known = sorted(before.keys() & now.keys())
    changed = [name for name in known if " ".join(before[name].split()) != " ".join(now[name].split())]
    generator = random.Random(SEED)
    docstrings, messages = ([name for name in changed if (": " in name) is is_message] for is_message in (False, True))
    picked = sorted(generator.sample(docstrings, DOCSTRINGS)) + sorted(generator.sample(messages, MESSAGES))
    print(
        INTRODUCTION.format(
            docstrings=DOCSTRINGS,
            messages=MESSAGES,
            before=BEFORE,
            seed=SEED,
            changed=len(changed),
            known=len(known),
            lines=MAX_LINES,
        )
    )
    print(".. list-table::\n   :header-rows: 1\n   :widths: 50 50\n\n   * - Before\n     - Now")
    for name in picked:
        print(f"   * - {cell(name, before[name])}\n     - {cell(name, now[name])}")


if __name__ == "__main__":
    main()
