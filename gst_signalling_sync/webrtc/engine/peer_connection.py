"""`PeerConnection`: an `RTCPeerConnection` whose transports are this library's. Lives on the loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

from aioice import Candidate
from aiortc import RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from aiortc.rtcconfiguration import RTCBundlePolicy

from ...ice_options import IceOptions
from ...ice_servers import IceServer
from ...protocol.control import CONTROL_STREAM
from ...protocol.messages import SdpType
from ..channel_options import ChannelOptions
from .adopting_connection import AdoptingConnection
from .association_transport import AssociationTransport
from .bundle import bundled_mids, forget, keep_transport
from .candidate import shown
from .capabilities import Capabilities
from .channel import AiortcChannel
from .data import DataTransport, Goodbye, WireChannel
from .dtls import RobustDtlsTransport
from .ice import IceConnection, IceSettings, connection_of
from .rollback import Snapshot
from .rtp_transport import transport_id, transport_stats
from .section import why_unusable
from .server_report import ServerReport
from .stats import RTCStats
from .transceiver import Transceiver

__all__ = ["PeerConnection"]

_END_OF_CANDIDATES: Final = "a=end-of-candidates\r\n"


class PeerConnection:
    """A connection to one peer.

    Args:
        capabilities: The codecs, header extensions and feedback that it offers and accepts.
        ice: Addresses, ports and servers to use. Defaults to ``IceOptions()``.
        ask_servers: Returns the STUN and TURN servers. Defaults to None: those of `ice` are used.
        candidates: Maximum number of the peer's candidates. Defaults to no maximum.
    """

    def __init__(
        self,
        capabilities: Capabilities,
        ice: IceOptions | None = None,
        ask_servers: Callable[[], Awaitable[tuple[IceServer, ...]]] | None = None,
        candidates: int | None = None,
    ) -> None:
        self._capabilities = capabilities
        options = IceOptions() if ice is None else ice
        self._settings = IceSettings(options, () if callable(options.servers) else options.servers, candidates)
        self._ask_servers = ask_servers
        self._connection = AdoptingConnection(capabilities, self._settings, self._adopt)
        self._transceivers: dict[object, Transceiver] = {}
        self._candidate_function: Callable[[str, str], None] | None = None
        self._gathered_function: Callable[[], None] | None = None

    @property
    def aiortc(self) -> RTCPeerConnection:
        """The connection of aiortc, for experts."""
        return self._connection

    # The W3C's states.

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
        """The message by which the peer left in-band; None: it has not left."""
        said = [transport.goodbye for transport in self._dtls_transports()]
        if self.data is not None:
            said.append(self.data.goodbye)
        return next((goodbye for goodbye in said if goodbye is not None), None)

    def on_state(self, function: Callable[[], None]) -> None:
        """Set the function that is called after each change of `state`."""
        self._connection.on("connectionstatechange", function)

    def on_goodbye(self, function: Callable[[Goodbye], None]) -> None:
        """Set the function that is called when the peer leaves in-band. Each transport calls it, so calls may repeat."""
        self._connection.goodbye_function = function

    def on_channel(self, function: Callable[[WireChannel], None]) -> None:
        """Set the function that is called with each data channel that the peer opens."""

        def announce(channel: RTCDataChannel) -> None:
            function(AiortcChannel(channel))

        self._connection.on("datachannel", announce)

    def on_refused_candidate(self, function: Callable[[], None]) -> None:
        """Set the function that is called for each candidate of the peer that is refused because of the maximum."""
        self._settings.on_refused_candidate = function

    # Data.

    @property
    def data(self) -> DataTransport | None:
        """The SCTP association; None: the session has no data section."""
        sctp = self._connection.sctp
        return sctp if isinstance(sctp, AssociationTransport) else None

    def create_channel(self, options: ChannelOptions) -> WireChannel:
        """Create a data channel."""
        return AiortcChannel.create(self._connection, options)

    def create_control_channel(self) -> WireChannel:
        """Create the channel of `protocol.control`, which is not announced to the peer (RFC 8832 section 4).

        It makes the next offer contain a data section, so that later channels of either end need no new negotiation. aiortc's
        ``alwaysNegotiateDataChannels`` forgets channels that exist already.
        """
        return AiortcChannel(self._connection.createDataChannel("", negotiated=True, id=CONTROL_STREAM))

    # Transports.

    @property
    def paths(self) -> list[IceConnection]:
        """The ICE connections. There is one if everything is bundled."""
        return list(self.paths_by_transport.values())

    @property
    def paths_by_transport(self) -> dict[str, IceConnection]:
        """The ICE connections, by the identifiers of their DTLS transports in `stats`."""
        return {
            transport_id(transport): connection
            for transport in self._dtls_transports()
            if isinstance(connection := connection_of(transport.transport), IceConnection)
        }

    def _dtls_transports(self) -> list[RobustDtlsTransport]:
        transports = [transceiver.receiver.transport for transceiver in self._connection.getTransceivers()]
        if self._connection.sctp is not None:
            transports.append(self._connection.sctp.transport)
        return [each for each in dict.fromkeys(transports) if isinstance(each, RobustDtlsTransport)]

    # Media.

    @property
    def transceivers(self) -> list[Transceiver]:
        """The transceivers, in the order in which they were created."""
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
            mid: The mid that its section gets, unless another section has it. Defaults to a number.
            is_bundled: Whether it uses the transport of the present sections. If not, it has its own transport until the offer
                is answered. Defaults to False.
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
        """Forget the transceiver of a section whose place another section has taken."""
        transceiver = next((each for each in self._connection.getTransceivers() if each.mid == mid), None)
        if transceiver is not None:
            self._connection.mids.pop(transceiver, None)
            await forget(self._connection, transceiver)

    # Offer and answer.

    @property
    def local_sdp(self) -> str:
        """The local description, with the candidates that were gathered before it was made."""
        sdp: str = self._connection.localDescription.sdp
        # aiortc adds this line once there is a candidate, although more may come.
        return sdp.replace(_END_OF_CANDIDATES, "") if self.is_gathering else sdp

    # Candidates.

    async def prepare(self) -> None:
        """Ask for the STUN and TURN servers, if each session has its own; called before the first description.

        Raises:
            Exception: `ask_servers` raised this error.
        """
        ask, self._ask_servers = self._ask_servers, None
        if ask is not None:
            self._settings.servers = await ask()

    def on_candidate(self, function: Callable[[str, str], None]) -> None:
        """Set the function that is called with each candidate of this end when it is found.

        Args:
            function: Called with the mid of the media section and the candidate, as in SDP.
        """
        self._candidate_function = function

    def on_gathered(self, function: Callable[[], None]) -> None:
        """Set the function that is called when no more candidates of this end are to come."""
        self._gathered_function = function

    @property
    def is_gathering(self) -> bool:
        """Whether more candidates of this end may come."""
        return any(path.is_gathering for path in self.paths)

    @property
    def server_reports(self) -> list[ServerReport]:
        """The results of the STUN and TURN servers, one for each server. A result with candidates is preferred to others."""
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
        """The candidates of the peer, such as ``"host 192.0.2.1:40000"``."""
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
        """The mid of the first media section that uses an ICE connection."""
        sections = [(each.mid, each.receiver.transport) for each in self._connection.getTransceivers()]
        if self._connection.sctp is not None:
            sections.append((self._connection.sctp.mid, self._connection.sctp.transport))
        mids = (mid for mid, transport in sections if connection_of(transport.transport) is path)
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
            change: Called with the SDP of the answer, and returns the SDP to use.
        """
        answer = await self._connection.createAnswer()
        answer.sdp = change(answer.sdp)
        await self._connection.setLocalDescription(answer)

    def why_unusable(self, kind: SdpType, sdp: str, mid: str) -> str | None:
        """Why a section of a peer's description cannot be used.

        Args:
            kind: Offer or answer.
            sdp: The description, with this section only.
            mid: The mid of the section.

        Returns:
            The reason; None: it can be used.
        """
        sctp = self._connection.sctp
        if isinstance(sctp, AssociationTransport) and sctp.has_ended and sctp.mid == mid:
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
        """Make a description of the peer the remote description.

        Raises:
            Exception: aiortc failed. A part of the description may have been applied; see `snapshot`.
        """
        keep_transport(self._connection, bundled_mids(sdp))
        await self._connection.setRemoteDescription(RTCSessionDescription(sdp=sdp, type=str(kind)))

    def snapshot(self) -> Snapshot:
        """Save the state of the connection, to restore it if a description cannot be applied."""
        return Snapshot(self._connection)

    async def refuse_data(self) -> None:
        """Close all data channels and have none from now on, since the peer accepts none."""
        sctp = self._connection.sctp
        if not isinstance(sctp, AssociationTransport):
            return
        await sctp.refuse()
        private: Any = self._connection
        # Otherwise aiortc would start it again, and wait for a transport that nothing else uses.
        private._RTCPeerConnection__remoteIce.pop(sctp, None)
        transport = sctp.transport
        if all(each.transport is not transport for each in self.transceivers):
            private._RTCPeerConnection__dtlsTransports.discard(transport)
            private._RTCPeerConnection__iceTransports.discard(transport.transport)
            await transport.stop()
            await transport.transport.stop()

    async def add_candidate(self, candidate: Any | None) -> None:
        """Add a candidate of the peer, made by `parse_candidate`; None ends the candidates."""
        await self._connection.addIceCandidate(candidate)

    # The rest.

    async def stats(self) -> list[RTCStats]:
        """The statistics of aiortc for streams and transports."""
        report = await self._connection.getStats()
        # aiortc's report has the transports of media only.
        for transport in self._dtls_transports():
            report.update(transport_stats(transport))
        return list(report.values())

    async def close(self) -> None:
        """Close the connection. Messages that are not sent are lost."""
        await self._connection.close()


def _told(candidates: Iterable[Candidate]) -> list[str]:
    """Candidates without duplicates, as in error messages."""
    return list(dict.fromkeys(map(shown, candidates)))
