"""How commands print: for people on a terminal, plainly in a pipe, as JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from .. import Peer

__all__ = [
    "complain",
    "counted",
    "end_interrupted_line",
    "file_size",
    "json_option",
    "peer_fields",
    "print_json",
    "printable",
    "remaining_meta",
    "remark",
    "stdout_is_terminal",
]


Function = TypeVar("Function", bound=Callable[..., Any])


def json_option(help: str) -> Callable[[Function], Function]:  # noqa: A002 - click's name
    """Add the option ``--json``.

    Args:
        help: What it prints.
    """
    return click.option("--json", "as_json", is_flag=True, help=help)


def stdout_is_terminal() -> bool:
    """Whether the output goes to a terminal."""
    return sys.stdout.isatty()


def end_interrupted_line() -> None:
    """End the line on which a terminal shows ``^C``, so that the next output or the shell's prompt begins a line."""
    for stream in (sys.stdout, sys.stderr):
        if stream.isatty():
            click.echo(file=stream)
            return


def print_json(document: Any) -> None:
    """Print a JSON value on one line, in ASCII, so that any terminal and any program can read it."""
    click.echo(json.dumps(document))


def complain(problem: str) -> None:
    """Print the one line on stderr that says what failed."""
    click.echo(f"gst-signalling-sync: error: {printable(' '.join(problem.split()))}", err=True)


def remark(event: str) -> None:
    """Print one line on stderr about something that does not end the command."""
    click.echo(f"gst-signalling-sync: {printable(' '.join(event.split()))}", err=True)


def printable(text: str) -> str:
    """A string with its control characters escaped, by which any peer could move the cursor or colour the terminal."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def counted(number: int, noun: str) -> str:
    """A number with its noun, such as ``1 session`` and ``2 sessions``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def file_size(size: int) -> str:
    """A size in words, such as ``512 bytes`` and ``3.9 MB``.

    Args:
        size: In bytes.
    """
    from rich.filesize import decimal

    return decimal(size)


def peer_fields(peer: Peer) -> dict[str, Any]:
    """A peer as an object of JSON outputs."""
    return {"id": peer.id, "name": peer.name, "meta": peer.meta}


def remaining_meta(peer: Peer) -> str:
    """The meta of a peer without its name, as JSON; empty where there is nothing else."""
    meta = peer.meta
    if isinstance(meta, Mapping) and peer.name is not None:
        meta = {key: value for key, value in meta.items() if key != "name"}
    return json.dumps(meta, ensure_ascii=False) if meta not in (None, {}) else ""
