"""`ConsentChecks`: binding requests on the selected pair, which show that the peer is there (RFC 7675 section 5.1)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

from aioice import Connection, stun

from ...threads import clock
from ..ice.stun import Attribute, Kind, Message, Method
from .candidate import COMPONENT

__all__ = ["ConsentChecks"]


class ConsentChecks(Connection):
    """An ICE connection of aioice's that checks its peer when it is asked to. Lives on the loop."""

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

    consent: Callable[[ConsentChecks], Awaitable[None]] | None = None
    """Replaces aioice's consent checks, which end the connection some 30 s after the last answer. It runs while the connection
    is established, and has to call `expire` when consent has expired."""

    async def check(self, seconds: float, size: int | None = None) -> float | None:
        """Send a STUN binding request to the peer, which every ICE agent must answer (RFC 7675 section 5.1).

        Args:
            seconds: Maximum time to wait for the answer.
            size: Size of the UDP payload, with the framing of a relay, in bytes. Defaults to the minimum.

        Returns:
            The round trip, in seconds; None: no answer came in time, or there is no nominated pair.
        """
        pair = self._nominated.get(COMPONENT)
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


class _Check:
    """A STUN transaction whose request is sent once. aioice's own repeats the request, and forgets late answers."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def response_received(self, message: stun.Message, addr: tuple[str, int]) -> None:
        """Handle an answer, which is a sign of life even if it is an error; called by aioice."""
        if message.check_message_integrity(self._key) and not self.answered.done():
            self.answered.set_result(None)
