"""``gst-signalling-sync list``: lists the producers, or the passive consumers, of a signalling server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

import gst_signalling_sync

from .logs import verbose_option
from .output import json_option, peer_fields, print_json, printable, remaining_meta, stdout_is_terminal
from .server_options import server_options

if TYPE_CHECKING:
    from .. import Endpoint, Peer

__all__ = ["list_"]


@click.command(
    "list",
    epilog="""\b
Examples:
  gst-signalling-sync list
  gst-signalling-sync list --uri ws://robot.local:8443
  gst-signalling-sync list --consumers
  gst-signalling-sync list --json | jq -r '.[].name'
""",
)
@click.option("--consumers", is_flag=True, help="List the passive consumers, which producers start sessions with.")
@json_option("Print one JSON array of objects with id, name and meta.")
@server_options
@verbose_option
def list_(endpoint: Endpoint, timeout: float, consumers: bool, as_json: bool) -> None:
    """List the producers of a signalling server.

    In a pipe it prints one line per producer: id, name and the rest of its meta, separated by tabs.
    """
    if consumers:
        peers = gst_signalling_sync.list_consumers(endpoint, timeout=timeout)
    else:
        peers = gst_signalling_sync.list_producers(endpoint, timeout=timeout)
    if as_json:
        print_json([peer_fields(peer) for peer in peers])
    elif not peers:
        click.echo(f"There are no {'passive consumers' if consumers else 'producers'} at {endpoint.uri}.", err=True)
    elif stdout_is_terminal():
        _print_table(peers)
    else:
        for peer in peers:
            click.echo("\t".join(_cells(peer)))


def _cells(peer: Peer) -> tuple[str, str, str]:
    return printable(peer.id), printable(peer.name or ""), printable(remaining_meta(peer))


def _print_table(peers: list[Peer]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("id", no_wrap=True)
    table.add_column("name", style="bold", overflow="fold")
    table.add_column("meta", overflow="fold")
    for peer in peers:
        table.add_row(*(Text(cell) for cell in _cells(peer)))
    Console().print(table)
