"""ICE (RFC 8445) with trickled candidates (RFC 8838), consent checks (RFC 7675) and signs of life."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, cast

from aioice import Candidate, Connection, stun
from aioice.ice import CandidatePair, StunProtocol
from aiortc import RTCIceTransport

from ...ice_options import IceOptions
from ...ice_servers import IceServer
from ...threads import clock
from ...threads.datagram_socket import DatagramSocket
from ..ice.relay import RelayTransport
from ..ice.stun import Attribute, Kind, Message, Method
from .addresses import local_addresses
from .destinations import is_loopback, may_be_peer
from .gathering import Gathering, ServerReport

__all__ = ["IceConnection", "IceSettings", "SelectedPair", "probe"]

_aioice_logger = logging.getLogger("aioice.ice")

_DIRECT_FIRST_SECONDS: Final = 0.3
"""Seconds that pairs with a relay wait for those without one. The first pair that answers is used, and a relay that is near may
answer before a hole is punched (RFC 5128 section 3.3)."""

_CHECK_SECONDS: Final = 0.02
"""Seconds between two new checks: Ta of RFC 8445 section 14.2, with the value that aioice has."""

_MAX_PAIRS: Final = 100

_MAX_LOOPBACK_RELAYS: Final = 2
"""Maximum number of loopback relays that a peer may name in a session. A hostile peer could look for programs of this machine
with them."""

_COMPONENT: Final = 1
"""The only component of WebRTC, since RTCP and RTP share it."""


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


class IceConnection(Connection):
    """An ICE connection of aioice's. Lives on the loop.

    There is no constructor: `adopt` makes it from aioice's own connection.
    """

    settings: IceSettings
    """Addresses, ports and servers to use."""

    on_candidate: Callable[[IceConnection, Candidate], None] | None = None
    """Called with each candidate of this end when it is found."""

    on_gathered: Callable[[], None] | None = None
    """Called when no more candidates of this end are to come."""

    gathering: Gathering | None = None
    """The gathering of candidates; None before it begins."""

    _pacing: asyncio.Task[None] | None = None
    _checks_began_at: float | None = None
    _checked_again: list[CandidatePair]

    heard_at: float | None = None
    """When the last packet of any kind arrived, on `clock`; None before the first."""

    clock: Callable[[], float] = staticmethod(clock.now)
    """The clock of `heard_at`, in seconds."""

    round_trip: float | None = None
    """The round trip of the last answered check, in seconds; None before the first answer."""

    round_trips = 0.0
    """The sum of the round trips of all checks, in seconds."""

    checks_answered = 0
    """The number of answered checks."""

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

    consent: Callable[[IceConnection], Awaitable[None]] | None = None
    """Replaces aioice's consent checks, which end the connection some 30 s after the last answer. It runs while the connection
    is established, and has to call `expire` when consent has expired."""

    @classmethod
    def adopt(cls, transport: RTCIceTransport, settings: IceSettings) -> IceConnection:
        """Give the connection of one of aiortc's transports this class, before it gathers.

        Args:
            transport: The transport.
            settings: The settings of its peer connection.
        """
        connection = transport.iceGatherer._connection
        connection.__class__ = cls
        adopted = cast(IceConnection, connection)
        adopted.settings = settings
        adopted._checked_again = []
        return adopted

    def _Connection__log_info(self, msg: str, *args: object) -> None:
        # aioice logs every step of every session at INFO. The level of its logger is not changed, since it belongs to all users
        # of aioice in the process.
        _aioice_logger.debug(f"%s {msg}", self, *args)

    @property
    def selected_pair(self) -> SelectedPair | None:
        """The nominated pair; None before there is one, and after the end."""
        pair = self._nominated.get(_COMPONENT)
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

    async def check(self, seconds: float, size: int | None = None) -> float | None:
        """Send a STUN binding request to the peer, which every ICE agent must answer (RFC 7675 section 5.1).

        Args:
            seconds: Maximum time to wait for the answer.
            size: Size of the UDP payload, with the framing of a relay, in bytes. Defaults to the minimum.

        Returns:
            The round trip, in seconds; None: no answer came in time, or there is no nominated pair.
        """
        pair = self._nominated.get(_COMPONENT)
        if pair is None or self.remote_password is None:
            return None
        request = self.build_request(pair, nominate=False)
        key = self.remote_password.encode()
        request.add_message_integrity(key)
        transaction = _Check(key)
        transactions = cast(dict[bytes, _Check], pair.protocol.transactions)
        transactions[request.transaction_id] = transaction
        sent = self.clock()
        try:
            if size is None:
                pair.protocol.send_stun(request, pair.remote_addr)
            else:
                framing = 4 if pair.local_candidate.type == "relay" else 0
                filled = _as_check(request).encode_check(key, size - framing)
                pair.protocol.transport.sendto(filled, pair.remote_addr)
            await asyncio.wait_for(transaction.answered, seconds)
        except TimeoutError:
            return None
        finally:
            del transactions[request.transaction_id]
        self.heard_at = self.clock()
        self.round_trip = self.heard_at - sent
        self.round_trips += self.round_trip
        self.checks_answered += 1
        return self.round_trip

    async def expire(self) -> None:
        """End the connection, since consent has expired (RFC 7675 section 5.1)."""
        if self._query_consent_task is asyncio.current_task():
            # `close` would wait for the task that it is called in.
            self._query_consent_task = None
        await self.close()

    async def query_consent(self) -> None:
        """Run the consent checks; called by aioice."""
        if self.consent is None:
            await super().query_consent()
        else:
            await self.consent(self)

    async def sendto(self, data: bytes, component: int) -> None:
        """Send a packet."""
        self.bytes_out += len(data)
        await super().sendto(data, component)

    def send_now(self, data: bytes) -> None:
        """Send a packet at once.

        Raises:
            ConnectionError: There is no nominated pair.
        """
        pair = self._nominated.get(_COMPONENT)
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
        pair = self._nominated.get(_COMPONENT)
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
        """Handle a packet that is not STUN; called by aioice."""
        self.heard_at = self.clock()
        self.bytes_in += len(data)
        if self.on_datagram is None or not self.on_datagram(data):
            self._queue.put_nowait((data, component))

    def request_received(self, message: stun.Message, addr: tuple[str, int], protocol: StunProtocol) -> None:
        """Handle a STUN request; called by aioice."""
        self.heard_at = self.clock()
        super().request_received(message, addr, protocol)

    @property
    def is_gathering(self) -> bool:
        """Whether more candidates of this end may come."""
        return self.gathering is not None and self.gathering.is_active

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
        if self._pacing is not None:
            self._pacing.cancel()
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
            most = self.settings.candidates
            is_more = most is not None and len(self._remote_candidates) >= most
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

    # Called by aioice.

    def check_incoming(self, message: stun.Message, addr: tuple[str, int], protocol: StunProtocol) -> None:
        """Handle the peer's check of a pair; called by aioice.

        This end's check of the pair, if it is under way, is sent again at once, as in RFC 8445 section 7.3.1.4, which aioice
        does not implement. The check may have been dropped by a firewall or relay that lets it pass now, and would otherwise be
        repeated half a second later.
        """
        super().check_incoming(message, addr, protocol)
        for pair in self._check_list:
            is_meant = pair.protocol is protocol and pair.remote_addr == addr
            if is_meant and pair.state is CandidatePair.State.IN_PROGRESS and pair not in self._checked_again:
                self._checked_again.append(pair)
                if pair.task is not None:
                    pair.task.cancel()
                    pair.task = None
                self.check_start_task(pair)

    def _remote_candidates_expected(self) -> bool:
        # There may be more pairs as long as either end may have more candidates.
        return self.is_gathering or super()._remote_candidates_expected()

    def _check_periodic(self) -> bool:
        if self._check_list_done or not self._check_list:
            return not self._check_list_done and self._remote_candidates_expected()
        if self._pacing is None:
            self._pacing = asyncio.create_task(self._pace())
        # aioice now waits for the outcome, and does not begin checks itself.
        return False

    async def _pace(self) -> None:
        while self._begin_check():
            await asyncio.sleep(_CHECK_SECONDS)

    def _begin_check(self) -> bool:
        """Begin the next check, if there is one.

        Returns:
            Whether there may be another check.
        """
        if self._check_list_done:
            return False
        if self._checks_began_at is None:
            self._checks_began_at = self.clock()
        holds_relays = self.clock() < self._checks_began_at + _DIRECT_FIRST_SECONDS and any(
            not _is_relayed(pair) for pair in self._check_list
        )
        for state in (CandidatePair.State.WAITING, CandidatePair.State.FROZEN):
            for pair in self._check_list:
                if pair.state is state and not (holds_relays and _is_relayed(pair)):
                    self.check_start_task(pair)
                    return True
        return holds_relays or self._remote_candidates_expected()


async def probe(options: IceOptions, servers: tuple[IceServer, ...]) -> tuple[list[ServerReport], list[str]]:
    """Gather candidates as for a session, without a session.

    Args:
        options: Addresses and ports to use.
        servers: STUN and TURN servers to ask.

    Returns:
        The result of each server, and the candidates of this machine, such as ``"host 192.0.2.1:40000"``.
    """
    connection = Connection(ice_controlling=True)
    connection.__class__ = IceConnection
    assert isinstance(connection, IceConnection)
    connection.settings = IceSettings(options, servers)
    connection._checked_again = []
    gathered = asyncio.Event()
    connection.on_gathered = gathered.set
    try:
        await connection.gather_candidates()
        await gathered.wait()
        found = [(each.type, each.host, each.port) for each in connection.local_candidates]
        hosts = [f"{kind} [{host}]:{port}" if ":" in host else f"{kind} {host}:{port}" for kind, host, port in found]
        return connection.reports, hosts
    finally:
        await connection.close()


def _as_check(request: stun.Message) -> Message:
    """Convert a request of aioice's to a message of `webrtc.ice.stun`, which can have attributes that aioice does not know."""
    role = Attribute.ICE_CONTROLLING if "ICE-CONTROLLING" in request.attributes else Attribute.ICE_CONTROLLED
    tie_breaker: int = request.attributes["ICE-CONTROLLING" if role is Attribute.ICE_CONTROLLING else "ICE-CONTROLLED"]
    attributes = (
        (Attribute.USERNAME, request.attributes["USERNAME"].encode()),
        (Attribute.PRIORITY, request.attributes["PRIORITY"].to_bytes(4)),
        (role, tie_breaker.to_bytes(8)),
    )
    return Message(Method.BINDING, Kind.REQUEST, request.transaction_id, attributes)


def _is_relayed(pair: CandidatePair) -> bool:
    return "relay" in (pair.local_candidate.type, pair.remote_candidate.type)


class _Datagrams(StunProtocol):
    """Receives datagrams. aioice's own class tries to read each as STUN, which costs an exception for all others."""

    def datagram_received(self, data: bytes | str, addr: tuple[Any, ...]) -> None:
        """Handle a datagram; called by the socket's transport."""
        assert isinstance(data, bytes)
        # RFC 7983 section 7: the first byte of STUN is 0 to 3.
        if data and data[0] > 3:
            self.receiver.data_received(data, _COMPONENT)
        else:
            super().datagram_received(data, addr)

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


class _Check:
    """A STUN transaction whose request is sent once. aioice's own repeats the request, and forgets late answers."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def response_received(self, message: stun.Message, addr: tuple[str, int]) -> None:
        """Handle an answer, which is a sign of life even if it is an error; called by aioice."""
        if message.check_message_integrity(self._key) and not self.answered.done():
            self.answered.set_result(None)
