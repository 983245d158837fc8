"""Where ``gst-signalling-sync`` begins: a Ctrl-C ends it without a traceback, also before there is any command to end."""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import Final

__all__ = ["INTERRUPTED", "run"]

INTERRUPTED: Final = 128 + signal.SIGINT
"""The exit code that a shell reports of a program that Ctrl-C ended."""


def run() -> None:
    """Run the program that the command line asks for, and exit."""
    # An exception would not do: it can be lost in an import, which may also report it in its own way.
    _exit_when_interrupted()
    from . import main

    try:
        try:
            _raise_when_interrupted()
            main()
        finally:
            # Who is tired of waiting while the interpreter exits gets no traceback either.
            _exit_when_interrupted()
    except KeyboardInterrupt:
        _exit(signal.SIGINT, None)


def _exit_when_interrupted() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        # What is ignored, as in a shell's background job, stays so, and so does what ends a process anyway.
        if signal.getsignal(number) is signal.default_int_handler:
            signal.signal(number, _exit)


def _raise_when_interrupted() -> None:
    if signal.getsignal(signal.SIGINT) is _exit:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _exit(number: int, frame: FrameType | None) -> None:
    if os.isatty(2):
        # The shell's prompt shall not stand behind the terminal's ``^C``.
        os.write(2, b"\n")
    os._exit(INTERRUPTED)
