"""ICE (RFC 8445) as a session needs it: the loopback where there is nothing else, consent checks (RFC 7675), signs of life."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, cast

from aioice import Candidate, Connection, stun
from aioice.ice import StunProtocol
from aiortc import RTCIceTransport

from ...threads import clock

__all__ = ["IceConnection", "SelectedPair"]

_aioice_logger = logging.getLogger("aioice.ice")

_LOOPBACK: Final = ("127.0.0.1",)

_COMPONENT: Final = 1
"""The only one that WebRTC has, since RTCP comes by the same as RTP."""


@dataclass(frozen=True, slots=True)
class SelectedPair:
    """The two candidates that everything is sent between.

    Attributes:
        local_type: ``"host"``, ``"srflx"``, ``"prflx"`` or ``"relay"``.
        local_address: Host and port.
        remote_type: As `local_type`.
        remote_address: Host and port.
    """

    local_type: str
    local_address: tuple[str, int]
    remote_type: str
    remote_address: tuple[str, int]


class IceConnection(Connection):
    """An ICE connection of aioice's; lives on the loop.

    Made by `adopt` from aioice's own, hence no constructor.
    """

    heard_at: float | None = None
    """When the last packet came in, of whatever kind; None before the first. On `clock`."""

    clock: Callable[[], float] = staticmethod(clock.now)
    """What `heard_at` is read from, in seconds."""

    round_trip: float | None = None
    """That of the last check that was answered, in seconds; None before one was."""

    round_trips = 0.0
    """The sum of those of all checks, in seconds."""

    checks_answered = 0
    """How many checks were answered."""

    consent: Callable[[IceConnection], Awaitable[None]] | None = None
    """Replaces aioice's consent checks, which end the connection some 30 s after the last answer. Runs as long as the
    connection is established; whoever sets it calls `expire` when consent is gone."""

    @classmethod
    def adopt(cls, transport: RTCIceTransport) -> IceConnection:
        """Give the connection of one of aiortc's transports this class; before it gathers."""
        connection = transport.iceGatherer._connection
        connection.__class__ = cls
        return cast(IceConnection, connection)

    def _Connection__log_info(self, msg: str, *args: object) -> None:
        # At INFO, aioice would tell every step of every session to whoever logs at that level. The level of its logger is not
        # ours to set: it belongs to all users of aioice in the process.
        _aioice_logger.debug(f"%s {msg}", self, *args)

    @property
    def selected_pair(self) -> SelectedPair | None:
        """The nominated pair, None before there is one and after the end."""
        pair = self._nominated.get(_COMPONENT)
        if pair is None:
            return None
        return SelectedPair(pair.local_candidate.type, pair.local_addr, pair.remote_candidate.type, pair.remote_addr)

    async def check(self, seconds: float) -> float | None:
        """Send a STUN binding request to the peer, which every ICE agent must answer (RFC 7675 section 5.1).

        Args:
            seconds: How long to wait for the answer.

        Returns:
            The round trip in seconds; None if there was no answer in time, or there is no nominated pair.
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
            pair.protocol.send_stun(request, pair.remote_addr)
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
        """End the connection, as nothing may be sent to the peer any more (RFC 7675 section 5.1)."""
        if self._query_consent_task is asyncio.current_task():
            # close() would wait for the task that it is called in.
            self._query_consent_task = None
        await self.close()

    async def query_consent(self) -> None:
        """Check that the peer still consents to being sent to; called by aioice."""
        if self.consent is None:
            await super().query_consent()
        else:
            await self.consent(self)

    def data_received(self, data: bytes, component: int) -> None:
        """Take a packet that is not STUN; called by aioice."""
        self.heard_at = self.clock()
        self._queue.put_nowait((data, component))

    def request_received(self, message: stun.Message, addr: tuple[str, int], protocol: StunProtocol) -> None:
        """Take a STUN request; called by aioice."""
        self.heard_at = self.clock()
        super().request_received(message, addr, protocol)

    async def get_component_candidates(self, component: int, addresses: list[str], timeout: int = 5) -> list[Candidate]:
        """Gather the candidates of one component; called by aioice.

        It leaves 127.0.0.1 out, since no other machine reaches it. Where there is no other address, peers can only be on
        this machine: a laptop without a network, a container that has none.

        Args:
            component: 1 for all that WebRTC sends.
            addresses: Those of this machine, without 127.0.0.1.
            timeout: For STUN and TURN servers, in seconds.

        Returns:
            The candidates.
        """
        return await super().get_component_candidates(component, addresses or list(_LOOPBACK), timeout)


class _Check:
    """A STUN transaction that is sent once; aioice's own sends again by its own clock, and forgets late answers."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def response_received(self, message: stun.Message, addr: tuple[str, int]) -> None:
        """Take an answer; called by aioice. One with an error is a sign of life too."""
        if message.check_message_integrity(self._key) and not self.answered.done():
            self.answered.set_result(None)
