"""`IceConnection`: ICE (RFC 8445) with trickled candidates (RFC 8838) and the time of the last sign of life."""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, cast

from aioice import Candidate, Connection, stun
from aioice.ice import StunProtocol
from aiortc import RTCIceTransport

from ...ice_options import IceOptions
from ...ice_servers import IceServer
from ...threads.datagram_socket import DatagramSocket
from ..ice.relay import RelayTransport
from .addresses import local_addresses
from .candidate import COMPONENT
from .check_transaction import CheckTransaction
from .connectivity_checks import ConnectivityChecks
from .consent_checks import ConsentChecks
from .destinations import is_loopback, may_be_peer
from .gathering import Gathering
from .server_report import ServerReport

__all__ = ["IceConnection", "IceSettings", "SelectedPair", "connection_of"]

_aioice_logger = logging.getLogger("aioice.ice")

_LAST_OF_STUN: Final = 3
"""Maximum of the first byte of STUN messages (RFC 7983 section 7)."""

_MAX_PAIRS: Final = 100

_MAX_LOOPBACK_RELAYS: Final = 2
"""Maximum number of loopback relays that a peer may name in a session. A hostile peer could look for programs of this machine
with them."""


@dataclass(frozen=True, slots=True)
class SelectedPair:
    """The selected candidate pair.

    Attributes:
        local_type: Type of this end's candidate: ``"host"``, ``"srflx"``, ``"prflx"`` or ``"relay"``.
        local_address: Host and port of this end's candidate.
        remote_type: Type of the peer's candidate.
        remote_address: Host and port of the peer's candidate.
        relay_protocol: Protocol between this end and its TURN server: ``"udp"``, ``"tcp"`` or ``"tls"``; None: this end's
            candidate is not relayed.
        server: That TURN server; None: this end's candidate is not relayed.
    """

    local_type: str
    local_address: tuple[str, int]
    remote_type: str
    remote_address: tuple[str, int]
    relay_protocol: str | None = None
    server: str | None = None


@dataclass
class IceSettings:
    """The common settings of the ICE connections of one peer connection.

    Attributes:
        options: Addresses and ports to use, and whether only relays are used.
        servers: STUN and TURN servers. They are set before candidates are gathered.
    """

    options: IceOptions
    servers: tuple[IceServer, ...] = ()
    candidates: int | None = None
    """Maximum number of the peer's candidates; None: no maximum."""
    on_refused_candidate: Callable[[], None] = lambda: None
    """Called for each candidate of the peer that is refused because of that maximum."""


def connection_of(transport: RTCIceTransport) -> Connection:
    """The connection of aioice behind one of aiortc's transports."""
    return transport.iceGatherer._connection


class IceConnection(ConsentChecks, ConnectivityChecks):
    """An ICE connection of aioice's. Lives on the loop.

    There is no constructor: `adopt` makes it from aioice's own connection.
    """

    settings: IceSettings
    """Addresses, ports and servers to use."""

    on_candidate: Callable[[IceConnection, Candidate], None] | None = None
    """Called with each candidate of this end when it is found."""

    on_gathered: Callable[[], None] | None = None
    """Called when no more candidates of this end are to come."""

    bytes_in = 0
    """Bytes of received packets, without STUN."""

    bytes_out = 0
    """Bytes of sent packets, without STUN."""

    on_datagram: Callable[[bytes], bool] | None = None
    """Called with each arriving packet that is not STUN. Returns whether it handled the packet; if not, aiortc does."""

    is_in_batch = False
    """Whether the arriving packets came together."""

    on_batch_end: Callable[[], None] | None = None
    """Called after the last of several packets that came together."""

    @classmethod
    def adopt(cls, transport: RTCIceTransport, settings: IceSettings) -> IceConnection:
        """Give the connection of one of aiortc's transports this class, before it gathers.

        Args:
            transport: The transport.
            settings: The settings of its peer connection.
        """
        return cls._convert(connection_of(transport), settings)

    @classmethod
    def alone(cls, settings: IceSettings) -> IceConnection:
        """Make a connection that no transport uses, to gather candidates.

        Args:
            settings: Addresses, ports and servers to use.
        """
        return cls._convert(Connection(ice_controlling=True), settings)

    @classmethod
    def _convert(cls, connection: Connection, settings: IceSettings) -> IceConnection:
        connection.__class__ = cls
        converted = cast(IceConnection, connection)
        converted.settings = settings
        converted._checked_again = []
        return converted

    def _Connection__log_info(self, msg: str, *args: object) -> None:
        # aioice logs every step of every session at INFO. The level of its logger is not changed, since it belongs to all users
        # of aioice in the process.
        _aioice_logger.debug(f"%s {msg}", self, *args)

    @property
    def selected_pair(self) -> SelectedPair | None:
        """The nominated pair; None before there is one, and after the end."""
        pair = self._nominated.get(COMPONENT)
        if pair is None:
            return None
        transport = pair.protocol.transport
        server = transport.relay.server if isinstance(transport, RelayTransport) else None
        return SelectedPair(
            pair.local_candidate.type,
            pair.local_addr,
            pair.remote_candidate.type,
            pair.remote_addr,
            None if server is None else "tls" if server.is_secure else server.transport,
            None if server is None else str(server),
        )

    async def sendto(self, data: bytes, component: int) -> None:
        """Send a packet."""
        self.bytes_out += len(data)
        await super().sendto(data, component)

    def send_now(self, data: bytes) -> None:
        """Send a packet at once.

        Raises:
            ConnectionError: There is no nominated pair.
        """
        pair = self._nominated.get(COMPONENT)
        if pair is None:
            raise ConnectionError("cannot send a packet: ICE is not connected")
        self.bytes_out += len(data)
        pair.protocol.transport.sendto(data, pair.remote_addr)

    def send_segments_now(self, data: bytes, size: int) -> None:
        """Send packets at once.

        Args:
            data: The packets, one after another.
            size: Size of each packet, in bytes. The last one may be smaller.

        Raises:
            ConnectionError: There is no nominated pair.
        """
        pair = self._nominated.get(COMPONENT)
        if pair is None:
            raise ConnectionError("cannot send packets: ICE is not connected")
        self.bytes_out += len(data)
        transport = pair.protocol.transport
        if isinstance(transport, DatagramSocket):
            transport.send_segments(data, size, pair.remote_addr)
            return
        for start in range(0, len(data), size):
            transport.sendto(data[start : start + size], pair.remote_addr)

    def data_received(self, data: bytes, component: int) -> None:
        """Handle a packet that is not STUN; called by aioice, also with what only begins like STUN."""
        if not data or data[0] <= _LAST_OF_STUN:
            return
        self.bytes_in += len(data)
        if self.on_datagram is None or not self.on_datagram(data):
            self._queue.put_nowait((data, component))

    def note_heard(self, addr: tuple[Any, ...]) -> None:
        """Record that a packet which is not STUN came from an address, if that can be the peer's.

        Anybody can send such a packet, and whether it is the peer's is known only after decryption.
        """
        address = addr[:2]
        pair = self._nominated.get(COMPONENT)
        if pair is None or pair.remote_addr == address or any(each.remote_addr == address for each in self._check_list):
            self.heard_at = self.clock()

    def check_incoming(self, message: stun.Message, addr: tuple[str, int], protocol: StunProtocol) -> None:
        """Handle a STUN request of the peer, which is authenticated; called by aioice."""
        self.heard_at = self.clock()
        super().check_incoming(message, addr, protocol)

    @property
    def reports(self) -> list[ServerReport]:
        """The results of the servers."""
        return [] if self.gathering is None else self.gathering.reports

    async def gather_candidates(self) -> None:
        """Gather, and wait until there is a candidate, or there can be none; called by aioice."""
        if self._local_candidates_start:
            return
        self._local_candidates_start = True
        self.gathering = Gathering(self, self.settings.options, self.settings.servers, self._on_gathered)
        await self.gathering.run()
        self._local_candidates_end = True

    async def close(self) -> None:
        """Close the connection, and stop gathering."""
        self._stop_pacing()
        if self.gathering is not None:
            asked = self.gathering.stop()
            if asked:
                await asyncio.wait(asked)
        # All relays at once: aioice closes them one at a time, and each would wait for its server.
        for protocol in self._protocols:
            if protocol.local_candidate.type == "relay":
                protocol.transport.close()
        await super().close()

    # Called by `Gathering`.

    def new_protocol(self) -> StunProtocol:
        """Make the protocol object of a socket or relay."""
        return _Datagrams(self)

    def add_host(self, protocol: StunProtocol) -> None:
        """Add a socket or relay, and pair it with the candidates of the peer that are known already."""
        self._protocols.append(protocol)
        for remote in self._remote_candidates:
            self._pair_remote_candidate(remote)
        self.sort_check_list()

    def add_candidate(self, candidate: Candidate) -> None:
        """Add a candidate of this end, and report it."""
        self._local_candidates.append(candidate)
        if self.on_candidate is not None:
            self.on_candidate(self, candidate)

    def _on_gathered(self) -> None:
        if self._closing:
            return
        if self.on_gathered is not None:
            self.on_gathered()
        # All pairs may have failed before. aioice did not give up then, since more candidates were expected.
        if self._early_checks_done and not self._check_list_maybe_complete():
            self._check_list_maybe_fail()

    # Called by aiortc.

    async def add_remote_candidate(self, remote_candidate: Candidate | None) -> None:
        """Add a candidate of the peer; None ends the candidates.

        Checks go to any address that the peer names, so it could have this end send packets to others. So addresses that no
        peer can have are left out, and the number of pairs is limited (RFC 8445 sections 6.1.2.5 and 19.5.1).
        """
        if remote_candidate is not None:
            maximum = self.settings.candidates
            is_more = maximum is not None and len(self._remote_candidates) >= maximum
            if is_more:
                self.settings.on_refused_candidate()
            if is_more or len(self._check_list) >= _MAX_PAIRS or not self._may_reach(remote_candidate):
                _aioice_logger.debug("%s left out the peer's candidate %s", self, remote_candidate)
                return
        await super().add_remote_candidate(remote_candidate)

    def _may_reach(self, candidate: Candidate) -> bool:
        host = candidate.host
        if not may_be_peer(host):
            return False
        if host != "::1" and not host.startswith("127."):
            return True
        # No other machine reaches the loopback address. A machine without a network has no other one, and may run a relay.
        if any(is_loopback(each.host) for each in local_addresses(self.settings.options)):
            return True
        known = sum(is_loopback(each.host) for each in self._remote_candidates)
        return candidate.type == "relay" and known < _MAX_LOOPBACK_RELAYS


class _Datagrams(StunProtocol):
    """Receives datagrams. aioice's own class tries to read each as STUN, which costs an exception for all others.

    It also repeats connectivity checks sooner than aioice's class does.
    """

    async def request(
        self,
        request: stun.Message,
        addr: tuple[str, int],
        integrity_key: bytes | None = None,
        retransmissions: int | None = None,
    ) -> tuple[stun.Message, tuple[str, int]]:
        """Execute a STUN transaction.

        Returns:
            The response, and the address that it came from.

        Raises:
            stun.TransactionError: The response is an error, or none came.
        """
        if integrity_key is None:
            return await super().request(request, addr, retransmissions=retransmissions)
        assert isinstance(self.receiver, IceConnection)
        request.add_message_integrity(integrity_key)
        transaction = CheckTransaction(self, request, addr, integrity_key, self.receiver.checks_under_way)
        transactions = cast(dict[bytes, CheckTransaction], self.transactions)
        transactions[request.transaction_id] = transaction
        try:
            return await transaction.run()
        finally:
            del transactions[request.transaction_id]

    def datagram_received(self, data: bytes | str, addr: tuple[Any, ...]) -> None:
        """Handle a datagram; called by the socket's transport."""
        assert isinstance(data, bytes)
        if data and data[0] > _LAST_OF_STUN:
            assert isinstance(self.receiver, IceConnection)
            self.receiver.note_heard(addr)
            self.receiver.data_received(data, COMPONENT)
            return
        try:
            super().datagram_received(data, addr)
        except struct.error as error:
            # An attribute has another length than its type. Anybody can send this.
            _aioice_logger.debug("dropped a malformed STUN message: %s", error)

    def datagrams_received(self, datagrams: list[bytes], addr: tuple[Any, ...]) -> None:
        """Handle datagrams that came together; called by the socket's transport."""
        connection = self.receiver
        assert isinstance(connection, IceConnection)
        connection.is_in_batch = True
        try:
            for datagram in datagrams:
                self.datagram_received(datagram, addr)
        finally:
            connection.is_in_batch = False
            if connection.on_batch_end is not None:
                connection.on_batch_end()
