"""``gst-signalling-sync serve``: the embedded signalling server as a program."""

from __future__ import annotations

import logging
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import click

import gst_signalling_sync

from .limits import LimitType
from .logs import show_logs, show_logs_as_json, verbose_option, verbosity
from .numbers import SECONDS
from .output import end_interrupted_line
from .program import treat_sigterm_as_interrupt
from .systemd import Supervisor, inherited_sockets

if TYPE_CHECKING:
    from gst_signalling_sync import SignallingServer

__all__ = ["serve"]


@click.command(
    epilog="""\b
Examples:
  gst-signalling-sync serve
  gst-signalling-sync serve --host 0.0.0.0
  gst-signalling-sync serve --port 0
  gst-signalling-sync serve --host 0.0.0.0 --allow-origin https://a.example
  gst-signalling-sync serve --host :: --cert c.pem --tokens tokens.toml
"""
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Listen on this address; 0.0.0.0 for every IPv4 address, :: for those of IPv6 too.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8443,
    show_default=True,
    help="Listen on this TCP port; 0 picks a free one.",
)
@click.option(
    "--allow-origin",
    "origins",
    multiple=True,
    metavar="ORIGIN",
    help="Let web pages of this origin connect, such as https://app.example; may be repeated; '*': every page."
    "  [default: localhost and this machine's own names]",
)
@click.option(
    "--allow-host",
    "hosts",
    multiple=True,
    metavar="NAME",
    help="Let clients reach the server by this name; may be repeated; '*': every name."
    "  [default: localhost, every IP address, names without a dot or in .local, this machine's own names]",
)
@click.option(
    "--trusted-proxy",
    "trusted_proxies",
    multiple=True,
    metavar="ADDRESS",
    help="Believe the X-Forwarded-For of a proxy at this address or network; may be repeated.",
)
@click.option(
    "--lease",
    type=SECONDS,
    default=20.0,
    show_default=True,
    help="Remove a peer that answers no ping for this time.",
)
@click.option(
    "--cert",
    type=click.Path(exists=True, dir_okay=False),
    help="Encrypt connections by TLS with the certificate of this file, in PEM; peers connect by wss://.",
)
@click.option("--key", type=click.Path(exists=True, dir_okay=False), help="Its key, in PEM.  [default: in --cert]")
@click.option(
    "--tokens",
    type=click.Path(exists=True, dir_okay=False),
    help="Let in only clients with a token of this TOML file, which may change meanwhile.  [default: everybody]",
)
@click.option("--unique-names", is_flag=True, help="Refuse a producer while another one with its name is registered.")
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Write the log on stderr as text, or as a JSON object in each line.",
)
@click.option(
    "--limit",
    "limits",
    multiple=True,
    type=LimitType(gst_signalling_sync.ServerLimits),
    help="Set a limit, such as connections=200, messages=20:100 (per second, at once) or lists=none; may be repeated."
    " '--limit help' lists all.",
)
@verbose_option
def serve(
    host: str,
    port: int,
    origins: tuple[str, ...],
    hosts: tuple[str, ...],
    trusted_proxies: tuple[str, ...],
    lease: float,
    cert: str | None,
    key: str | None,
    tokens: str | None,
    unique_names: bool,
    log_format: str,
    limits: tuple[tuple[str, Any], ...],
) -> None:
    """Run a signalling server until Ctrl-C.

    Prints the URI that clients on this machine connect to, and warnings on stderr. SIGTERM ends it as Ctrl-C does: its peers
    are told. SIGHUP makes it read its certificate and its tokens again; if it runs on a terminal, which has been closed then,
    SIGHUP ends it. Under systemd it reports when it is ready, answers the watchdog, and serves the sockets that are handed over
    instead of --host and --port.
    """
    treat_sigterm_as_interrupt()
    supervisor = Supervisor(os.environ)
    if not verbosity():
        show_logs(logging.WARNING)
    if log_format == "json":
        show_logs_as_json()
    try:
        with _server(
            host,
            port,
            origins=origins or None,
            hosts=hosts or None,
            trusted_proxies=trusted_proxies,
            limits=gst_signalling_sync.ServerLimits(**dict(limits)),
            lease=lease,
            cert=cert,
            key=key,
            tokens=tokens,
            unique_names=unique_names,
            sockets=inherited_sockets(os.environ),
        ) as server:
            _heed_hangup(server)
            click.echo(server.uri)
            if sys.stderr.isatty():
                click.echo("The signalling server runs; Ctrl-C stops it.", err=True)
            try:
                supervisor.ready(f"serves {server.uri}", server.is_responsive)
                # SIGTERM may come as soon as systemd knows.
                server.serve_forever()
            finally:
                supervisor.stopping()
    except KeyboardInterrupt:
        end_interrupted_line()


def _heed_hangup(server: SignallingServer) -> None:
    if not hasattr(signal, "SIGHUP") or signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        # nohup has the signal ignored.
        return
    if sys.stdin is not None and sys.stdin.isatty():
        signal.signal(signal.SIGHUP, signal.default_int_handler)
    else:
        signal.signal(signal.SIGHUP, lambda number, frame: server.reload())


def _server(host: str, port: int, **options: Any) -> SignallingServer:
    try:
        return gst_signalling_sync.SignallingServer(host, port, **options)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    except OSError as error:
        raise click.UsageError(f"{error.filename}: {error.strerror}") from error
