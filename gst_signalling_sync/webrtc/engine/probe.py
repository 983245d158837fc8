"""`probe`: candidates of this machine and answers of its STUN and TURN servers, without a session."""

from __future__ import annotations

import asyncio

from ...ice_options import IceOptions
from ...ice_servers import IceServer
from .candidate import shown
from .ice import IceConnection, IceSettings
from .server_report import ServerReport

__all__ = ["probe"]


async def probe(options: IceOptions, servers: tuple[IceServer, ...]) -> tuple[list[ServerReport], list[str]]:
    """Gather candidates as for a session, without a session.

    Args:
        options: Addresses and ports to use.
        servers: STUN and TURN servers to ask.

    Returns:
        The result of each server, and the candidates of this machine, such as ``"host 192.0.2.1:40000"``.
    """
    connection = IceConnection.alone(IceSettings(options, servers))
    gathered = asyncio.Event()
    connection.on_gathered = gathered.set
    try:
        await connection.gather_candidates()
        await gathered.wait()
        return connection.reports, [shown(each) for each in connection.local_candidates]
    finally:
        await connection.close()
