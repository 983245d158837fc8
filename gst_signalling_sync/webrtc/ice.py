"""aiortc's ICE, which also works on a machine whose only network is the loopback.

aioice leaves 127.0.0.1 out, since no other machine reaches it. Where there is no other address, peers can only be on this
machine: a laptop without a network, a container that has none. `use_loopback` gives a transport the class below.
"""

from __future__ import annotations

from typing import Final

from aioice import Candidate, Connection
from aiortc import RTCIceTransport

__all__ = ["LoopbackConnection", "use_loopback"]

_LOOPBACK: Final = ("127.0.0.1",)


class LoopbackConnection(Connection):
    """An ICE connection that gathers the loopback address where there is no other; lives on the loop.

    Made by `use_loopback` from aioice's own, hence no constructor.
    """

    async def get_component_candidates(self, component: int, addresses: list[str], timeout: int = 5) -> list[Candidate]:
        """Gather the candidates of one component.

        Args:
            component: 1 for all that WebRTC sends.
            addresses: Those of this machine, without 127.0.0.1.
            timeout: For STUN and TURN servers, in seconds.

        Returns:
            The candidates.
        """
        return await super().get_component_candidates(component, addresses or list(_LOOPBACK), timeout)


def use_loopback(transport: RTCIceTransport) -> None:
    """Have a transport use the loopback where there is no other network; on the loop, before it gathers."""
    connection = transport.iceGatherer._connection
    if type(connection) is Connection:
        connection.__class__ = LoopbackConnection
