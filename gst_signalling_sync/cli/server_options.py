"""The options that say which signalling server a command talks to."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final

import click

import gst_signalling_sync

from .numbers import FiniteRange

__all__ = ["DEFAULT_SECONDS", "server_options"]

DEFAULT_SECONDS: Final = 10.0
"""How long the server and the peers may take to answer."""


def server_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command ``--uri``, ``--host``, ``--port`` and ``--timeout``; it gets `uri`, resolved, and `timeout`."""

    @click.option(
        "--uri",
        metavar="URI",
        help="The signalling server: ws://, wss:// or gstwebrtc://.  [env var: GST_SIGNALLING_URI; default:"
        " ws://127.0.0.1:8443]",
    )
    @click.option("--host", help="Its host or address, instead of --uri.")
    @click.option("--port", type=click.IntRange(1, 65535), help="Its TCP port, instead of --uri.")
    @click.option(
        "--timeout",
        type=FiniteRange(min=0, min_open=True),
        default=DEFAULT_SECONDS,
        show_default=True,
        metavar="SECONDS",
        help="How long the server, and a peer, may take to answer.",
    )
    @functools.wraps(function)
    def command(uri: str | None, host: str | None, port: int | None, **others: Any) -> None:
        function(uri=_resolved(uri, host, port), **others)

    return command


def _resolved(uri: str | None, host: str | None, port: int | None) -> str:
    try:
        return gst_signalling_sync.SignallingClient(uri, host=host, port=port).uri
    except ValueError as error:
        raise click.UsageError(str(error)) from error
