"""`PeerConnection`: an `RTCPeerConnection` whose transports are this library's, and what is asked of it. Lives on the loop."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, Literal, cast

from aioice import Candidate
from aiortc import (
    RTCConfiguration,
    RTCDataChannel,
    RTCIceTransportPolicy,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.rtcconfiguration import RTCBundlePolicy
from aiortc.rtcpeerconnection import allocate_mid

from ...ice_options import IceOptions, IceServer
from ...protocol.control import CONTROL_STREAM
from ...protocol.messages import SdpType
from ..channel_options import ChannelOptions
from .association_transport import AssociationTransport
from .bundle import bundled_mids, forget, keep_transport
from .capabilities import Capabilities, rebound
from .channel import AiortcChannel
from .data import DataTransport, Goodbye, WireChannel
from .dtls import RobustDtlsTransport
from .gathering import ServerReport
from .ice import IceConnection, IceSettings
from .rollback import Snapshot
from .rtp_transport import transport_id, transport_stats
from .sctp import BundlingSctpTransport
from .section import why_unusable
from .stats import RTCStats
from .transceiver import Transceiver

__all__ = ["PeerConnection"]

_END_OF_CANDIDATES: Final = "a=end-of-candidates\r\n"

SCTP_VARIABLE: Final = "GST_SIGNALLING_SCTP"
"""The environment variable that says whose SCTP carries data channels, for tests and benchmarks: a key of `_SCTP`."""

SctpKind = Literal["own", "aiortc"]

_SCTP: Final[dict[str, type[BundlingSctpTransport] | type[AssociationTransport]]] = {
    "own": AssociationTransport,
    "aiortc": BundlingSctpTransport,
}


class _Connection(RTCPeerConnection):
    """aiortc's, which gives every transport that it makes the class that this library has for it.

    Args:
        capabilities: What it offers and takes, in the place of aiortc's tables.
        settings: Of its ICE connections.
        adopt: Is told of each of them.
        sctp: Whose SCTP it has.
    """

    def __init__(
        self,
        capabilities: Capabilities,
        settings: IceSettings,
        adopt: Callable[[IceConnection], None],
        sctp: SctpKind,
    ) -> None:
        # Without a configuration aiortc would ask a public STUN server.
        policy = RTCIceTransportPolicy.RELAY if settings.options.relay_only else RTCIceTransportPolicy.ALL
        self.configuration = RTCConfiguration(iceServers=[], iceTransportPolicy=policy)
        super().__init__(self.configuration)
        self.mids: dict[object, str] = {}
        self.settings = settings
        self.adopt_path = adopt
        self.sctp_kind = sctp
        self._tables = {
            "CODECS": capabilities.codecs,
            "HEADER_EXTENSIONS": capabilities.extensions,
            "find_common_codecs": capabilities.common_codecs,
            "find_common_header_extensions": capabilities.common_extensions,
            "filter_preferred_codecs": capabilities.preferred_codecs,
        }

    async def createOffer(self) -> RTCSessionDescription:
        # aiortc asks for one for each new transceiver, and then for data channels.
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
        await rebound(RTCPeerConnection.setRemoteDescription, self, **self._tables)(sessionDescription)

    goodbye_function: Callable[[Goodbye], None] | None = None
    """Is told when the peer says in-band that it leaves."""

    def _RTCPeerConnection__createDtlsTransport(self) -> RobustDtlsTransport:
        transport = super()._RTCPeerConnection__createDtlsTransport()  # type: ignore[misc]
        RobustDtlsTransport.adopt(transport)
        path = IceConnection.adopt(transport.transport, self.settings)
        path.consent = _judged_elsewhere
        self.adopt_path(path)
        assert isinstance(transport, RobustDtlsTransport)
        transport.on_goodbye = self._on_goodbye
        return transport

    def _RTCPeerConnection__createSctpTransport(self) -> None:
        super()._RTCPeerConnection__createSctpTransport()  # type: ignore[misc]
        assert self.sctp is not None
        _SCTP[self.sctp_kind].adopt(self.sctp)
        assert isinstance(self.sctp, BundlingSctpTransport | AssociationTransport)
        self.sctp.on_goodbye = self._on_goodbye

    def _on_goodbye(self, goodbye: Goodbye) -> None:
        if self.goodbye_function is not None:
            self.goodbye_function(goodbye)


async def _judged_elsewhere(path: IceConnection) -> None:
    """In the place of aioice's consent checks: whoever has the connection judges by `IceConnection.check`."""


class PeerConnection:
    """A connection to one peer.

    Args:
        capabilities: The codecs, header extensions and feedback that it offers and takes.
        ice: Which addresses, ports and servers to use; None: what there is.
        ask_servers: Asks for the STUN and TURN servers; None: those of `ice`.
        candidates: How many candidates of the peer are taken; None: all.
        sctp: Whose SCTP carries data channels: this library's ``"own"`` or ``"aiortc"``. Defaults to what `SCTP_VARIABLE`
            says, and without it to ``"own"``.

    Raises:
        ValueError: There is no such SCTP.
    """

    def __init__(
        self,
        capabilities: Capabilities,
        ice: IceOptions | None = None,
        ask_servers: Callable[[], Awaitable[tuple[IceServer, ...]]] | None = None,
        candidates: int | None = None,
        sctp: SctpKind | None = None,
    ) -> None:
        self._capabilities = capabilities
        options = IceOptions() if ice is None else ice
        self._settings = IceSettings(options, () if options.asks_for_servers else options.ask_servers(), candidates)
        self._ask_servers = ask_servers
        self._connection = _Connection(capabilities, self._settings, self._adopt, _sctp_kind(sctp))
        self._transceivers: dict[object, Transceiver] = {}
        self._candidate_function: Callable[[str, str], None] | None = None
        self._gathered_function: Callable[[], None] | None = None

    @property
    def aiortc(self) -> RTCPeerConnection:
        """The connection itself, for experts."""
        return self._connection

    # The states, in the W3C's words.

    @property
    def state(self) -> str:
        """``connectionState``; aiortc has no ``"disconnected"``."""
        return self._connection.connectionState

    @property
    def ice_state(self) -> str:
        """``iceConnectionState``."""
        return self._connection.iceConnectionState

    @property
    def signaling_state(self) -> str:
        """``signalingState``."""
        return self._connection.signalingState

    @property
    def goodbye(self) -> Goodbye | None:
        """How the peer said in-band that it leaves, None if it did not."""
        said = [transport.goodbye for transport in self._dtls_transports()]
        if self.data is not None:
            said.append(self.data.goodbye)
        return next((goodbye for goodbye in said if goodbye is not None), None)

    def on_state(self, function: Callable[[], None]) -> None:
        """Have a function called after each change of `state`."""
        self._connection.on("connectionstatechange", function)

    def on_goodbye(self, function: Callable[[Goodbye], None]) -> None:
        """Have a function called when the peer says in-band that it leaves; by each of its transports, hence repeatedly."""
        self._connection.goodbye_function = function

    def on_channel(self, function: Callable[[WireChannel], None]) -> None:
        """Have a function called with each data channel that the peer opens."""

        def announce(channel: RTCDataChannel) -> None:
            function(AiortcChannel(channel))

        self._connection.on("datachannel", announce)

    def on_refused_candidate(self, function: Callable[[], None]) -> None:
        """Have a function called with each candidate of the peer that is not taken because there are as many as may be."""
        self._settings.on_refused_candidate = function

    # Data.

    @property
    def data(self) -> DataTransport | None:
        """The SCTP association; None where the session has no data section."""
        sctp = self._connection.sctp
        return sctp if isinstance(sctp, BundlingSctpTransport | AssociationTransport) else None

    def create_channel(self, options: ChannelOptions) -> WireChannel:
        """Create a data channel."""
        return AiortcChannel.create(self._connection, options)

    def create_control_channel(self) -> WireChannel:
        """Create the channel of `protocol.control`, which an end that does not know it is not told of (RFC 8832 section 4).

        So it also has the next offer contain a data section, and a channel that either end wants later needs no new
        negotiation; aiortc's ``alwaysNegotiateDataChannels`` forgets the channels that there are already.
        """
        return AiortcChannel(self._connection.createDataChannel("", negotiated=True, id=CONTROL_STREAM))

    # Transports.

    @property
    def paths(self) -> list[IceConnection]:
        """The ICE connections, one where everything is bundled."""
        return list(self.paths_by_transport.values())

    @property
    def paths_by_transport(self) -> dict[str, IceConnection]:
        """The ICE connections by the identifier that the transport over it has in `stats`."""
        return {
            transport_id(transport): connection
            for transport in self._dtls_transports()
            if isinstance(connection := transport.transport.iceGatherer._connection, IceConnection)
        }

    def _dtls_transports(self) -> list[RobustDtlsTransport]:
        transports = [transceiver.receiver.transport for transceiver in self._connection.getTransceivers()]
        if self._connection.sctp is not None:
            transports.append(self._connection.sctp.transport)
        return [each for each in dict.fromkeys(transports) if isinstance(each, RobustDtlsTransport)]

    # Media.

    @property
    def transceivers(self) -> list[Transceiver]:
        """The transceivers, in the order in which they came to be."""
        found = self._connection.getTransceivers()
        self._transceivers = {
            each: self._transceivers.get(each) or Transceiver(each, self._capabilities) for each in found
        }
        return list(self._transceivers.values())

    def add_transceiver(
        self, kind: str, direction: str, mid: str | None = None, is_bundled: bool = False
    ) -> Transceiver:
        """Add a transceiver, which the next offer contains.

        Args:
            kind: ``"audio"`` or ``"video"``.
            direction: The W3C's ``RTCRtpTransceiverDirection``.
            mid: The identifier that its section gets if no other section has it; None: a number.
            is_bundled: Whether it goes by the transport of the sections that there are; otherwise it has one of its own until
                that is answered.
        """
        configuration = self._connection.configuration
        before = configuration.bundlePolicy
        configuration.bundlePolicy = RTCBundlePolicy.MAX_BUNDLE if is_bundled else before
        try:
            added = self._connection.addTransceiver(kind, direction=direction)
        finally:
            configuration.bundlePolicy = before
        if mid is not None:
            self._connection.mids[added] = mid
        return next(each for each in self.transceivers if each.wraps(added))

    async def forget(self, mid: str) -> None:
        """Have no transceiver for a section any more whose place another has taken."""
        transceiver = next((each for each in self._connection.getTransceivers() if each.mid == mid), None)
        if transceiver is not None:
            self._connection.mids.pop(transceiver, None)
            await forget(self._connection, transceiver)

    # Offer and answer.

    @property
    def local_sdp(self) -> str:
        """The local description, with the candidates that were gathered before it was made."""
        sdp: str = self._connection.localDescription.sdp
        # aiortc takes a search that has found something for one that has found everything.
        return sdp.replace(_END_OF_CANDIDATES, "") if self.is_gathering else sdp

    # Candidates.

    async def prepare(self) -> None:
        """Ask for the STUN and TURN servers where each session has its own; before the first description.

        Raises:
            Exception: Whatever is asked raises.
        """
        ask, self._ask_servers = self._ask_servers, None
        if ask is not None:
            self._settings.servers = await ask()

    def on_candidate(self, function: Callable[[str, str], None]) -> None:
        """Have a function called with each candidate of this end as it is found.

        Args:
            function: Takes the mid of its media section, and the candidate as in SDP.
        """
        self._candidate_function = function

    def on_gathered(self, function: Callable[[], None]) -> None:
        """Have a function called when no more candidates of this end are to come."""
        self._gathered_function = function

    @property
    def is_gathering(self) -> bool:
        """Whether more candidates of this end may come."""
        return any(path.is_gathering for path in self.paths)

    @property
    def server_reports(self) -> list[ServerReport]:
        """What the STUN and TURN servers said: of each the one that tells the most, where several transports asked it."""
        found: dict[str, ServerReport] = {}
        for report in (report for path in self.paths for report in path.reports):
            known = found.get(report.server)
            if known is None or not known.candidates:
                found[report.server] = report
        return list(found.values())

    @property
    def problems(self) -> list[str]:
        """What failed on this machine while candidates were gathered."""
        found = (problem for path in self.paths if path.gathering is not None for problem in path.gathering.problems)
        return list(dict.fromkeys(found))

    @property
    def local_candidates(self) -> list[str]:
        """The candidates of this end, such as ``"host 192.0.2.1:40000"``."""
        return _told(candidate for path in self.paths for candidate in path.local_candidates)

    @property
    def remote_candidates(self) -> list[str]:
        """Those of the peer, likewise."""
        return _told(candidate for path in self.paths for candidate in path.remote_candidates)

    def _adopt(self, path: IceConnection) -> None:
        path.on_candidate = self._on_candidate
        path.on_gathered = self._on_gathered

    def _on_candidate(self, path: IceConnection, candidate: Candidate) -> None:
        mid = self._mid_of(path)
        if self._candidate_function is not None and mid is not None:
            self._candidate_function(mid, f"candidate:{candidate.to_sdp()}")

    def _on_gathered(self) -> None:
        if self._gathered_function is not None and not self.is_gathering:
            self._gathered_function()

    def _mid_of(self, path: IceConnection) -> str | None:
        """The mid of the first media section that goes by an ICE connection."""
        sections = [(each.mid, each.receiver.transport) for each in self._connection.getTransceivers()]
        if self._connection.sctp is not None:
            sections.append((self._connection.sctp.mid, self._connection.sctp.transport))
        mids = (mid for mid, transport in sections if transport.transport.iceGatherer._connection is path)
        return next(mids, None)

    @property
    def has_remote_description(self) -> bool:
        """Whether the peer's description was applied."""
        return self._connection.remoteDescription is not None

    async def offer(self) -> None:
        """Make an offer the local description, and gather."""
        await self._connection.setLocalDescription(await self._connection.createOffer())

    async def answer(self, change: Callable[[str], str]) -> None:
        """Make an answer the local description, and gather.

        Args:
            change: Is given the answer's SDP, and returns what is to be said instead.
        """
        answer = await self._connection.createAnswer()
        answer.sdp = change(answer.sdp)
        await self._connection.setLocalDescription(answer)

    def why_unusable(self, kind: SdpType, sdp: str, mid: str) -> str | None:
        """Why a section of a peer's description cannot be used.

        Args:
            kind: Of the description.
            sdp: The description with this section alone.
            mid: Of the section.

        Returns:
            The reason, or None if it can be used.
        """
        sctp = self._connection.sctp
        if isinstance(sctp, BundlingSctpTransport | AssociationTransport) and sctp.has_ended and sctp.mid == mid:
            return "its data channels were closed"
        known = (each for each in self._connection.getTransceivers() if each.mid == mid)
        transceiver = next(known, None)
        return why_unusable(
            sdp,
            kind is SdpType.ANSWER,
            self._capabilities,
            transceiver._preferred_codecs if transceiver is not None else (),
        )

    async def apply(self, kind: SdpType, sdp: str) -> None:
        """Make a description of the peer's the remote description.

        Raises:
            Exception: Whatever aiortc stumbles over; some of the description may have been applied, see `snapshot`.
        """
        keep_transport(self._connection, bundled_mids(sdp))
        await self._connection.setRemoteDescription(RTCSessionDescription(sdp=sdp, type=str(kind)))

    def snapshot(self) -> Snapshot:
        """What the connection is now, to go back to it if a description cannot be applied."""
        return Snapshot(self._connection)

    async def refuse_data(self) -> None:
        """Have no data channels: the peer takes none. Those that there are, are closed."""
        sctp = self._connection.sctp
        if not isinstance(sctp, BundlingSctpTransport | AssociationTransport):
            return
        await sctp.refuse()
        private: Any = self._connection
        # Or aiortc would start it again, and wait for a transport that nothing else uses to be connected.
        private._RTCPeerConnection__remoteIce.pop(sctp, None)
        transport = sctp.transport
        if all(each.transport is not transport for each in self.transceivers):
            private._RTCPeerConnection__dtlsTransports.discard(transport)
            private._RTCPeerConnection__iceTransports.discard(transport.transport)
            await transport.stop()
            await transport.transport.stop()

    async def add_candidate(self, candidate: Any | None) -> None:
        """Add a candidate of the peer's, made by `parse_candidate`; None: there are no more."""
        await self._connection.addIceCandidate(candidate)

    # The rest.

    async def stats(self) -> list[RTCStats]:
        """What aiortc knows of streams and transports."""
        report = await self._connection.getStats()
        # aiortc's own has the transports that media goes by, and no others.
        for transport in self._dtls_transports():
            report.update(transport_stats(transport))
        return list(report.values())

    async def close(self) -> None:
        """Close the connection; what is not sent is lost."""
        await self._connection.close()


def _sctp_kind(given: SctpKind | None) -> SctpKind:
    kind = given or os.environ.get(SCTP_VARIABLE) or "own"
    if kind not in _SCTP:
        raise ValueError(f"the SCTP must be one of {', '.join(_SCTP)}, not {kind!r}: see ${SCTP_VARIABLE}")
    return cast(SctpKind, kind)


def _told(candidates: Iterable[Candidate]) -> list[str]:
    """Each candidate once, as an error message has it."""
    told = (
        f"{each.type} [{each.host}]:{each.port}" if ":" in each.host else f"{each.type} {each.host}:{each.port}"
        for each in candidates
    )
    return list(dict.fromkeys(told))
