"""The program itself: what all commands share, and how it ends."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import click

from ..errors import SignallingError
from .entry import INTERRUPTED
from .logs import verbose_option
from .output import complain, end_interrupted_line

__all__ = ["NAME", "program", "treat_sigterm_as_interrupt"]

NAME: Final = "gst-signalling-sync"

_FAILED: Final = 1
_UNREAD: Final = 128 + 13
"""What a shell reports of a program that SIGPIPE ended, as it ends most that nobody reads; Python ignores that signal."""


class _Program(click.Group):
    """A group that ends as the design says.

    0: done, 1: failed with one line on stderr, 2: usage, 130: after Ctrl-C, 141: when nobody reads its output.
    """

    def main(self, *args: Any, **extra: Any) -> Any:
        if not extra.get("prog_name"):
            # Else it would be called `python -m gst_signalling_sync` where it is run so.
            extra["prog_name"] = NAME
        return super().main(*args, **extra)

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        # click itself would make exit code 1 of what happens here, as of all else.
        with _telling_the_end():
            return super().make_context(*args, **extra)

    def list_commands(self, ctx: click.Context) -> list[str]:
        # In the order in which a newcomer needs them, not in the alphabet's.
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        for stream in (sys.stdout, sys.stderr):
            # Names of peers can have any character, a terminal only some.
            getattr(stream, "reconfigure", lambda errors: None)(errors="backslashreplace")
        with _telling_the_end():
            try:
                return super().invoke(ctx)
            except SignallingError as error:
                complain(str(error))
                ctx.exit(_FAILED)


@contextmanager
def _telling_the_end() -> Iterator[None]:
    """Make an exit code of Ctrl-C, and of output that nobody reads."""
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
    """Drop what is still to be written where nobody reads it, lest Python complain of it at exit."""
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
  gst-signalling-sync list                    Which producers are there?
  gst-signalling-sync listen                  Who comes and goes?
  gst-signalling-sync ping robot              How long is the round trip?
  gst-signalling-sync record robot x.mp4      Record its picture and sound
  gst-signalling-sync snapshot robot x.png    Save one picture
  gst-signalling-sync token robot             Make a token for a server
""",
)
@click.version_option(package_name=NAME, prog_name=NAME)
@verbose_option
def program() -> None:
    """WebRTC signalling, sessions, data channels, audio and video from the command line.

    Every command that talks to a signalling server takes --uri, or the environment variable GST_SIGNALLING_URI, and
    connects to ws://127.0.0.1:8443 without either.

    Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted by Ctrl-C, 141 nobody reads the output any more. Ctrl-C is
    the normal end, 0, of serve, listen, record, ping and a running demo.
    """


def treat_sigterm_as_interrupt() -> None:
    """Have SIGTERM end a long-running command as Ctrl-C does, in order."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
