"""`CheckTransaction`: the STUN transaction of a connectivity check, with its retransmissions (RFC 8445 section 14.3)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Final, Protocol

from aioice import stun

__all__ = ["CheckTransaction", "intervals"]

_MIN_RTO_SECONDS: Final = 0.1
"""Minimum RTO, in seconds. With the 0.5 of RFC 8445, sessions take seconds to connect where a fifth of the packets is lost.
Browsers repeat a check within 0.05 s until it is answered."""

_TA_SECONDS: Final = 0.02
"""Ta of RFC 8445 section 14.2: the time between two new checks, in seconds."""

_GROWTH: Final = 1.5
_MAX_RTO_SECONDS: Final = 4.0

_TRANSACTION_SECONDS: Final = 60.0
"""Seconds after which a check that was not answered has failed, about as in RFC 8489 section 6.2.1."""


class StunSender(Protocol):
    """Sends STUN messages."""

    def send_stun(self, message: stun.Message, addr: tuple[str, int]) -> None:
        """Send a message."""


def intervals(checks: int) -> Iterator[float]:
    """The seconds between two transmissions of a check; after the last ones the check has failed.

    Args:
        checks: Number of checks that are under way. The more there are, the slower each is repeated, so that together they
            send no more than a packet in Ta.
    """
    interval = max(_MIN_RTO_SECONDS, _TA_SECONDS * checks)
    total = 0.0
    while total < _TRANSACTION_SECONDS:
        yield interval
        total += interval
        interval = min(_GROWTH * interval, max(interval, _MAX_RTO_SECONDS))


class CheckTransaction:
    """A request that is repeated until it is answered. Lives on the loop.

    Args:
        sender: Sends the request.
        request: The request, with its MESSAGE-INTEGRITY.
        addr: The address to send it to.
        key: Key of the answer's MESSAGE-INTEGRITY.
        checks: Number of checks that are under way, with this one.
    """

    def __init__(
        self, sender: StunSender, request: stun.Message, addr: tuple[str, int], key: bytes, checks: int
    ) -> None:
        self._sender = sender
        self._request = request
        self._addr = addr
        self._key = key
        self._intervals = intervals(checks)
        self._answered: asyncio.Future[tuple[stun.Message, tuple[str, int]]] = (
            asyncio.get_running_loop().create_future()
        )
        self._timer: asyncio.TimerHandle | None = None

    def response_received(self, message: stun.Message, addr: tuple[str, int]) -> None:
        """Handle a response; called by aioice. One that is not authenticated is dropped (RFC 8489 section 9.1.4)."""
        if self._answered.done() or not message.check_message_integrity(self._key):
            return
        if message.message_class == stun.Class.RESPONSE:
            self._answered.set_result((message, addr))
        else:
            self._answered.set_exception(stun.TransactionFailed(message))

    async def run(self) -> tuple[stun.Message, tuple[str, int]]:
        """Send the request until it is answered.

        Returns:
            The response, and the address that it came from.

        Raises:
            stun.TransactionFailed: The response is an error.
            stun.TransactionTimeout: No response came.
        """
        try:
            self._send()
            return await self._answered
        finally:
            if self._timer is not None:
                self._timer.cancel()

    def _send(self) -> None:
        if self._answered.done():
            return
        interval = next(self._intervals, None)
        if interval is None:
            self._answered.set_exception(stun.TransactionTimeout())
            return
        self._timer = asyncio.get_running_loop().call_later(interval, self._send)
        self._sender.send_stun(self._request, self._addr)
