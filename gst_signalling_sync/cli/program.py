"""The program itself: the group of all commands, and its exit codes."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, Final

import click

from .. import SignallingError
from .entry import INTERRUPTED
from .logs import verbose_option
from .output import complain, end_interrupted_line

__all__ = ["NAME", "program", "treat_sigterm_as_interrupt"]

NAME: Final = "gst-signalling-sync"

_EVENT_LOOP_VARIABLE: Final = "GST_SIGNALLING_EVENT_LOOP"

_FAILED: Final = 1
_UNREAD: Final = 128 + 13
"""The exit code of a program that SIGPIPE ended, as a shell reports it; Python itself ignores that signal."""


class _Program(click.Group):
    """A group with the exit codes 0: done, 1: failed, with one line on stderr, 2: usage, 130: Ctrl-C, 141: closed output."""

    def main(self, *args: Any, **extra: Any) -> Any:
        if not extra.get("prog_name"):
            # Otherwise usage lines would show `python -m gst_signalling_sync`.
            extra["prog_name"] = NAME
        return super().main(*args, **extra)

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        # For exceptions here click itself would return exit code 1.
        with _telling_the_end():
            return super().make_context(*args, **extra)

    def list_commands(self, ctx: click.Context) -> list[str]:
        # In the order in which a newcomer needs them, not in alphabetical order.
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        for stream in (sys.stdout, sys.stderr):
            # Names of peers may have characters that the terminal's encoding lacks.
            getattr(stream, "reconfigure", lambda errors: None)(errors="backslashreplace")
        with _telling_the_end():
            try:
                return super().invoke(ctx)
            except SignallingError as error:
                complain(str(error))
                ctx.exit(_FAILED)


@contextmanager
def _telling_the_end() -> Iterator[None]:
    """Turn Ctrl-C and closed output into exit codes."""
    try:
        yield
    except KeyboardInterrupt:
        end_interrupted_line()
        raise click.exceptions.Exit(INTERRUPTED) from None
    except BrokenPipeError:
        _give_up_output()
        raise click.exceptions.Exit(_UNREAD) from None
    except OSError as error:
        # A full disk, for example.
        complain(f"cannot write the output: {error.strerror or error}")
        raise click.exceptions.Exit(_FAILED) from None


def _give_up_output() -> None:
    """Drop what cannot be written to closed output, about which Python would complain at exit."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@click.group(
    cls=_Program,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""\b
Examples:
  gst-signalling-sync demo                    See it work, on this machine
  gst-signalling-sync serve                   Run a signalling server
  gst-signalling-sync list                    List the producers
  gst-signalling-sync listen                  Print peers as they change
  gst-signalling-sync ping robot              Measure the round trip
  gst-signalling-sync record robot x.mp4      Record its video and sound
  gst-signalling-sync snapshot robot x.png    Save one frame
  gst-signalling-sync token robot             Make a token for a server
""",
)
@click.version_option(package_name=NAME, prog_name=NAME)
@verbose_option
def program() -> None:
    """WebRTC signalling, sessions, data channels, audio and video from the command line.

    Every command that connects to a signalling server takes --uri, or the environment variable GST_SIGNALLING_URI, and connects
    to ws://127.0.0.1:8443 without either.

    Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted by Ctrl-C, 141 output closed by its reader. Ctrl-C is the
    normal end, with exit code 0, of serve, listen, record, ping and a running demo.
    """
    choice = os.environ.get(_EVENT_LOOP_VARIABLE, "")
    if choice not in ("", "asyncio", "uvloop"):
        raise click.UsageError(f"${_EVENT_LOOP_VARIABLE} must be 'asyncio' or 'uvloop', not {choice!r}")
    if choice == "uvloop" and find_spec("uvloop") is None:
        raise click.UsageError(f"${_EVENT_LOOP_VARIABLE} is 'uvloop', which is not installed: pip install uvloop")


def treat_sigterm_as_interrupt() -> None:
    """Make SIGTERM end a long-running command as Ctrl-C does."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
