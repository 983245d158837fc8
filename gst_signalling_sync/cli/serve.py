"""``gst-signalling-sync serve``: the embedded signalling server as a program."""

from __future__ import annotations

import logging
import sys

import click

import gst_signalling_sync

from ..threads.interruptible import Event
from ..threads.waiting import LONGEST_WAIT_SECONDS
from .logs import show_logs, verbose_option, verbosity
from .output import end_interrupted_line
from .program import treat_sigterm_as_interrupt

__all__ = ["serve"]


@click.command(
    epilog="""\b
Examples:
  gst-signalling-sync serve
  gst-signalling-sync serve --host 0.0.0.0
  gst-signalling-sync serve --port 0
"""
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Listen on this address; 0.0.0.0: on every one, :: with IPv6.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8443,
    show_default=True,
    help="Listen on this TCP port; 0 picks a free one.",
)
@verbose_option
def serve(host: str, port: int) -> None:
    """Run a signalling server until Ctrl-C.

    Prints the URI that clients on this machine connect to, and warnings on stderr.
    """
    treat_sigterm_as_interrupt()
    if not verbosity():
        show_logs(logging.WARNING)
    try:
        with gst_signalling_sync.SignallingServer(host, port) as server:
            click.echo(server.uri)
            if sys.stderr.isatty():
                click.echo("The signalling server runs; Ctrl-C stops it.", err=True)
            stop = Event()
            # In slices, because CPython may notice a signal only after the wait that it came just before.
            while not stop.wait(LONGEST_WAIT_SECONDS):
                continue
    except KeyboardInterrupt:
        end_interrupted_line()
