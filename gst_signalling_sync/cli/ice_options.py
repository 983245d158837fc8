"""The options that say how a session finds its way through networks."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from gst_signalling_sync.ice_options import IceOptions

__all__ = ["ice_options"]


def ice_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of STUN and TURN servers and network interfaces; it gets `ice`."""

    @click.option(
        "--ice-server",
        "servers",
        multiple=True,
        metavar="URI",
        help="A STUN or TURN server, stun:host or turn://user:password@host; may be given again.  [env var:"
        " GST_SIGNALLING_ICE_SERVERS, URIs separated by spaces, which other users of this machine do not see]",
    )
    @click.option("--relay-only", is_flag=True, help="Go through a TURN server, whatever the network is.")
    @click.option(
        "--interface",
        "interfaces",
        multiple=True,
        metavar="NAME",
        help="Use this network interface, or network, only; with ! before it: not this one. May be given again.",
    )
    @click.option(
        "--ice-cafile",
        metavar="FILE",
        help="CA certificates in PEM format that a turns: server is trusted by, instead of the system's.  [env var:"
        " GST_SIGNALLING_ICE_CAFILE]",
    )
    @functools.wraps(function)
    def command(
        servers: tuple[str, ...],
        relay_only: bool,
        interfaces: tuple[str, ...],
        ice_cafile: str | None,
        **others: Any,
    ) -> None:
        try:
            ice = IceOptions(servers, relay_only=relay_only or None, interfaces=interfaces, cafile=ice_cafile)
        except ValueError as error:
            raise click.UsageError(str(error)) from error
        function(ice=ice, **others)

    return command
