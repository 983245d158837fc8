"""The programs of README.rst and of the documentation's pages."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gst_signalling_sync import SignallingServer

from ..examples.test_programs import ROOT, Program, running

DOCS = ROOT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.rst") if "_build" not in path.parts)


def named_programs() -> dict[str, str]:
    """The Python programs that have a ``:name:``."""
    programs: dict[str, str] = {}
    for page in (ROOT / "README.rst", *PAGES):
        blocks = re.findall(
            r"^\.\. code-block:: python\n   :name: ([\w-]+)\n((?:\n|   .*\n)+)", page.read_text(), re.MULTILINE
        )
        for name, block in blocks:
            assert name not in programs, f"{name} is twice in the pages"
            programs[name] = re.sub(r"^   ", "", block, flags=re.MULTILINE).strip("\n") + "\n"
    return programs


@contextmanager
def named_program(server: SignallingServer, name: str, folder: Path) -> Iterator[Program]:
    path = folder / f"{name.replace('-', '_')}.py"
    path.write_text(named_programs()[name])
    with running(server.uri, sys.executable, path) as program:
        yield program


@contextmanager
def program_of_a_page(server: SignallingServer, path: str, folder: Path) -> Iterator[Program]:
    """A program beside a page, written to a file as a reader would."""
    copy = folder / Path(path).name
    copy.write_text((DOCS / path).read_text())
    with running(server.uri, sys.executable, copy) as program:
        yield program
