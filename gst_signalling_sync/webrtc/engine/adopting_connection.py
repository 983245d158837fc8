"""`AdoptingConnection`: a peer connection of aiortc's that gives its transports the classes of this package."""

from __future__ import annotations

from collections.abc import Callable

from aiortc import (
    InvalidStateError,
    RTCConfiguration,
    RTCIceTransportPolicy,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.rtcpeerconnection import allocate_mid

from .association_transport import AssociationTransport
from .capabilities import Capabilities, rebound
from .consent_checks import ConsentChecks
from .data import Goodbye
from .dtls import RobustDtlsTransport
from .ice import IceConnection, IceSettings

__all__ = ["AdoptingConnection"]


class AdoptingConnection(RTCPeerConnection):
    """A peer connection of aiortc's whose transports get this library's classes.

    Args:
        capabilities: What it offers and accepts, in the place of aiortc's tables.
        settings: The settings of its ICE connections.
        adopt: Called with each ICE connection.
    """

    def __init__(
        self,
        capabilities: Capabilities,
        settings: IceSettings,
        adopt: Callable[[IceConnection], None],
    ) -> None:
        # Without a configuration aiortc would ask a public STUN server.
        policy = RTCIceTransportPolicy.RELAY if settings.options.relay_only else RTCIceTransportPolicy.ALL
        self.configuration = RTCConfiguration(iceServers=[], iceTransportPolicy=policy)
        super().__init__(self.configuration)
        self.mids: dict[object, str] = {}
        self.settings = settings
        self.adopt_path = adopt
        self._tables = {
            "CODECS": capabilities.codecs,
            "HEADER_EXTENSIONS": capabilities.extensions,
            "find_common_codecs": capabilities.common_codecs,
            "find_common_header_extensions": capabilities.common_extensions,
            "filter_preferred_codecs": capabilities.preferred_codecs,
        }

    goodbye_function: Callable[[Goodbye], None] | None = None
    """Called when the peer leaves in-band."""

    async def createOffer(self) -> RTCSessionDescription:
        """Make an offer with the capabilities and mids of this connection."""
        # aiortc calls `allocate_mid` for each new transceiver, and then for data channels.
        new = iter([each for each in self.getTransceivers() if each.mid is None and not each.stopped])

        def allocate(taken: set[str]) -> str:
            wish = self.mids.get(next(new, None))
            if wish is None or wish in taken:
                return allocate_mid(taken)
            taken.add(wish)
            return wish

        create = rebound(RTCPeerConnection.createOffer, self, allocate_mid=allocate, **self._tables)
        offer: RTCSessionDescription = await create()
        return offer

    async def setRemoteDescription(self, sessionDescription: RTCSessionDescription) -> None:
        """Apply a description of the peer by the capabilities of this connection."""
        await rebound(RTCPeerConnection.setRemoteDescription, self, **self._tables)(sessionDescription)

    async def _RTCPeerConnection__connect(self) -> None:
        try:
            await super()._RTCPeerConnection__connect()  # type: ignore[misc]
        except InvalidStateError:
            # The connection was closed meanwhile. Nobody waits for this task, so its error would only be logged.
            if self.signalingState != "closed":
                raise

    def _RTCPeerConnection__createDtlsTransport(self) -> RobustDtlsTransport:
        transport = RobustDtlsTransport.adopt(super()._RTCPeerConnection__createDtlsTransport())  # type: ignore[misc]
        transport.on_goodbye = self._on_goodbye
        path = IceConnection.adopt(transport.transport, self.settings)
        path.consent = _judged_elsewhere
        self.adopt_path(path)
        return transport

    def _RTCPeerConnection__createSctpTransport(self) -> None:
        super()._RTCPeerConnection__createSctpTransport()  # type: ignore[misc]
        assert self.sctp is not None
        AssociationTransport.adopt(self.sctp).on_goodbye = self._on_goodbye

    def _on_goodbye(self, goodbye: Goodbye) -> None:
        if self.goodbye_function is not None:
            self.goodbye_function(goodbye)


async def _judged_elsewhere(path: ConsentChecks) -> None:
    """Take the place of aioice's consent checks, and do nothing: `Watch` checks by `IceConnection.check`."""
