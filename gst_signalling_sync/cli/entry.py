"""The entry point of ``gst-signalling-sync``: Ctrl-C ends it without a traceback, even before the commands are loaded."""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import Final

__all__ = ["INTERRUPTED", "run"]

INTERRUPTED: Final = 128 + signal.SIGINT
"""The exit code of a program that Ctrl-C ended, as a shell reports it."""


def run() -> None:
    """Run the program that the command line asks for, and exit."""
    # Not by an exception, which can be lost in an import, or reported there in another way.
    _exit_when_interrupted()
    from . import main

    try:
        try:
            _raise_when_interrupted()
            main()
        finally:
            # A Ctrl-C while the interpreter exits must not show a traceback either.
            _exit_when_interrupted()
    except KeyboardInterrupt:
        _exit(signal.SIGINT, None)


def _exit_when_interrupted() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        # An ignored signal, as in a shell's background job, stays ignored, and the system's default stays too.
        if signal.getsignal(number) is signal.default_int_handler:
            signal.signal(number, _exit)


def _raise_when_interrupted() -> None:
    if signal.getsignal(signal.SIGINT) is _exit:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _exit(number: int, frame: FrameType | None) -> None:
    if os.isatty(2):
        # The shell's prompt must not follow the terminal's ``^C`` on one line.
        os.write(2, b"\n")
    os._exit(INTERRUPTED)
