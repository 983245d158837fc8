"""The options for the networks of a session: ICE servers and interfaces."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from .. import IceOptions

__all__ = ["ice_options"]


def ice_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of STUN and TURN servers and network interfaces; it gets `ice`."""

    @click.option(
        "--ice-server",
        "servers",
        multiple=True,
        metavar="URI",
        help="A STUN or TURN server, stun:host or turn://user:password@host; may be repeated.  [env var:"
        " GST_SIGNALLING_ICE_SERVERS, URIs separated by spaces, which other users of this machine do not see]",
    )
    @click.option("--relay-only", is_flag=True, help="Go through a TURN server in any case.")
    @click.option(
        "--interface",
        "interfaces",
        multiple=True,
        metavar="NAME",
        help="Use only this network interface or network; with ! before it: all but this one. May be repeated.",
    )
    @click.option(
        "--ice-cafile",
        metavar="FILE",
        help="CA certificates in PEM format to trust for a turns: server, instead of the system's.  [env var:"
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
