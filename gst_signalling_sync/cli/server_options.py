"""The options for the signalling server that a command connects to."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

import gst_signalling_sync

from .logs import verbosity
from .numbers import SECONDS

__all__ = ["DEFAULT_SECONDS", "server_options"]

DEFAULT_SECONDS: Final = 10.0
"""Default of ``--timeout``: how long the server and the peers may take to answer."""


def server_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a signalling server and ``--timeout``; it gets `endpoint` and `timeout`."""

    @click.option(
        "--uri",
        metavar="URI",
        help="The signalling server: ws://, wss:// or gstwebrtc://.  [env var: GST_SIGNALLING_URI; default:"
        " ws://127.0.0.1:8443]",
    )
    @click.option("--host", help="The server's host name or address, instead of --uri.")
    @click.option("--port", type=click.IntRange(1, 65535), help="The server's TCP port, instead of --uri.")
    @click.option(
        "--token-file",
        metavar="FILE",
        help="A file with the bearer token, read before each connection; -: from stdin, once.  [env var of the token"
        " itself: GST_SIGNALLING_TOKEN]",
    )
    @click.option(
        "--cafile",
        metavar="FILE",
        help="CA certificates to trust instead of the system's.  [env var: GST_SIGNALLING_CAFILE]",
    )
    @click.option("--insecure", is_flag=True, help="Do not check the server's certificate.")
    @click.option("--proxy", metavar="URI", help="The HTTP or SOCKS proxy to connect through; '': no proxy.")
    @click.option(
        "--timeout",
        type=SECONDS,
        default=DEFAULT_SECONDS,
        show_default=True,
        help="How long the server, and a peer, may take to answer.",
    )
    @functools.wraps(function)
    def command(
        uri: str | None,
        host: str | None,
        port: int | None,
        token_file: str | None,
        cafile: str | None,
        insecure: bool,
        proxy: str | None,
        **others: Any,
    ) -> None:
        try:
            address = _uri(uri, host, port)
            token = None if token_file is None else _token(token_file)
            endpoint = gst_signalling_sync.Endpoint(address, token=token, cafile=cafile, insecure=insecure, proxy=proxy)
        except ValueError as error:
            raise click.UsageError(str(error)) from error
        if insecure and not verbosity():
            click.echo(f"gst-signalling-sync: warning: the certificate of {endpoint.uri} is not checked", err=True)
        function(endpoint=endpoint, **others)

    return command


def _uri(uri: str | None, host: str | None, port: int | None) -> str | None:
    """The URI that the options name; None: the environment's."""
    if host is None and port is None:
        return uri
    if uri is not None:
        raise click.UsageError("give either --uri, or --host and --port, not both")
    bare = (host or "127.0.0.1").removeprefix("[").removesuffix("]")
    return f"ws://[{bare}]:{port or 8443}" if ":" in bare else f"ws://{bare}:{port or 8443}"


def _token(file: str) -> str | Callable[[], str]:
    """The token in a file, which may change while the command runs."""
    if file == "-":
        return sys.stdin.readline().strip()
    path = Path(file)

    def read() -> str:
        return path.read_text(encoding="ascii").strip()

    try:
        is_empty = not read()
    except OSError as error:
        raise click.UsageError(f"--token-file {file}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise click.UsageError(f"--token-file {file}: the token must be ASCII") from None
    if is_empty:
        raise click.UsageError(f"--token-file {file}: the file must hold a token, not be empty")
    return read
