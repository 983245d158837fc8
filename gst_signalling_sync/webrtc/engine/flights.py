"""`Flights`: repeats the flights of a DTLS handshake (RFC 6347 section 4.2.4).

OpenSSL sends a flight again after one second, then after two (RFC 6347 section 4.2.4.1), which is long for a session that takes
a tenth of a second to connect. Browsers begin with 50 ms. This does so too, in addition to OpenSSL: it sends the same datagrams
again, and the other end drops those that it has. This matters most for the last flight, which has no answer: without it, one
end is connected and the other is not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from .eager import run_eagerly

__all__ = ["REPEAT_SECONDS", "Flights"]

REPEAT_SECONDS: Final = (0.05, 0.1, 0.2, 0.4)
"""Seconds between the repetitions of a flight, which end with the next flight. The server's last flight has no next one, and is
sent five times.

A received datagram does not end them, since it may be a repetition of the other end's, which OpenSSL drops silently.
"""


class Flights:
    """The flights that one end of a handshake sends. Lives on the loop.

    Args:
        send: Sends a datagram.
        is_answered: Returns whether the last flight has been answered.
    """

    def __init__(self, send: Callable[[bytes], Awaitable[None]], is_answered: Callable[[], bool]) -> None:
        self._send = send
        self._is_answered = is_answered
        self._alarm: asyncio.TimerHandle | None = None
        # Held here, since asyncio holds tasks only weakly.
        self._repetition: asyncio.Task[None] | None = None

    def repeat(self, flight: Sequence[bytes]) -> None:
        """Repeat a flight that was just sent, instead of the one before it."""
        self._repeat_later(flight, 0)

    def stop(self) -> None:
        """Repeat nothing more."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _repeat_later(self, flight: Sequence[bytes], times: int) -> None:
        self.stop()
        loop = asyncio.get_running_loop()
        self._alarm = loop.call_later(REPEAT_SECONDS[times], self._on_alarm, flight, times)

    def _on_alarm(self, flight: Sequence[bytes], times: int) -> None:
        self._alarm = None
        if self._is_answered():
            return
        # The alarm comes first, since sending may stop it.
        if times + 1 < len(REPEAT_SECONDS):
            self._repeat_later(flight, times + 1)
        self._repetition = run_eagerly(self._send_again(flight))

    async def _send_again(self, flight: Sequence[bytes]) -> None:
        try:
            for datagram in flight:
                await self._send(datagram)
        except ConnectionError:
            self.stop()
