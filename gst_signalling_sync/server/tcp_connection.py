"""`TcpConnection`: one TCP connection of the server: when it is read, what is written to it, and how it is dropped.

No write ever waits, so a peer that does not read cannot delay another one. What the system does not take waits in the
transport, within the limits of one peer and of all peers together.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from enum import Enum, auto
from typing import Final, cast

from ..protocol.quota import Buckets, Charge
from .commons import Commons

__all__ = ["GOODBYE_SECONDS", "Reading", "TcpConnection"]

logger = logging.getLogger(__name__)

GOODBYE_SECONDS: Final = 1.0
"""How long a peer may take to close its end once the closing has begun."""

STUCK_BYTES: Final = 8 * 1024
"""Bytes that wait for a peer, beyond what the kernel takes, before it counts as one that does not read."""


class Reading(Enum):
    """Whether a peer is read, and if not, why."""

    ON = auto()
    WAITS_FOR_TURN = auto()
    WAITS_FOR_RATE = auto()
    WAITS_FOR_ANSWER = auto()
    WAITS_FOR_END = auto()
    OVER = auto()


class TcpConnection(asyncio.Protocol):
    """The base of `Connection`, which speaks WebSocket over it.

    Args:
        commons: Shared with the other connections.
        address: Of the other end.
        descriptor: Of its socket.

    Attributes:
        noted: How often each rule refused it something; None: never.
        is_made: Whether it has, or had, a transport.
        is_stuck: Whether the peer does not read what waits for it.
    """

    __slots__ = (
        "_address",
        "_buckets",
        "_commons",
        "_descriptor",
        "_is_final",
        "_is_open",
        "_pause",
        "_reading",
        "_timer",
        "_transport",
        "is_made",
        "is_stuck",
        "noted",
    )

    def __init__(self, commons: Commons, address: str, descriptor: int) -> None:
        self.noted: Counter[str] | None = None
        self.is_made = False
        self.is_stuck = False
        self._commons = commons
        self._address = address
        self._descriptor = descriptor
        self._transport: asyncio.Transport
        self._timer: asyncio.TimerHandle | None = None
        self._reading = Reading.ON
        self._buckets: Buckets | None = None
        # Seconds for which the peer must not be read, because of its rates.
        self._pause = 0.0
        # Whether the WebSocket is open, so that what passes is counted as WebSocket frames.
        self._is_open = False
        # Whether one of the two ends wanted the end.
        self._is_final = False

    def __str__(self) -> str:
        return f"connection from {self._address}"

    def fileno(self) -> int:
        """The descriptor of its socket; -1 once it is closed."""
        return self._descriptor

    @property
    def is_held_up(self) -> bool:
        """Whether the peer is not read at the moment, so that its silence is not its fault."""
        return self._reading is not Reading.ON

    def charge(self, charge: Charge, amount: float = 1) -> None:
        """Charge the peer by a rate; it is not read until its debt is paid.

        Args:
            charge: The limit.
            amount: How much. Defaults to 1.
        """
        if charge not in self._commons.rates.charged:
            return
        if self._buckets is None:
            self._buckets = {}
        pause = self._commons.rates.spend(self._buckets, charge, amount, self._commons.clock())
        if pause > 0:
            self._pause = max(self._pause, pause)
            self._commons.refusals.note(self, charge, "read more slowly, as it sends more than the limit")

    def cut_off(self, reason: str) -> None:
        """Drop the connection at once, together with what was not sent yet.

        Args:
            reason: For the log.
        """
        logger.debug("%s: cut off: %s", self, reason)
        self._abort()

    def exceed(self, rule: str, details: str) -> None:
        """Drop the connection at once because of a limit.

        Args:
            rule: The name of the limit.
            details: The reason in words.
        """
        if not self._transport.is_closing():
            self._commons.refusals.note(self, rule, f"cut off: {details}")
            self._abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to use the transport."""
        # uvloop's transport does not derive from asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self.is_made = True
        self._transport.set_write_buffer_limits(high=STUCK_BYTES)

    def pause_writing(self) -> None:
        """Record that the peer does not read."""
        self.is_stuck = True

    def resume_writing(self) -> None:
        """Record that the peer reads again."""
        self.is_stuck = False
        self._commons.unread.hold(self, 0)

    def connection_lost(self, exc: Exception | None) -> None:
        """Free what belongs to the connection."""
        self._descriptor = -1
        self._cancel_timer()
        self._commons.unread.hold(self, 0)
        self._let_go()

    def _set_reading(self, reading: Reading) -> None:
        before, self._reading = self._reading, reading
        if (before is Reading.ON) is (reading is Reading.ON) or self._transport.is_closing():
            return
        if reading is Reading.ON:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def _transmit(self, data: bytes) -> None:
        """Write without waiting; a peer that leaves too much unread is cut off instead."""
        if self._transport.is_closing():
            return
        maximum = self._commons.limits.unread_bytes
        if self.is_stuck and maximum is not None and self._transport.get_write_buffer_size() > maximum:
            self.exceed("unread_bytes", f"it leaves more than {maximum} bytes unread")
            return
        self._transport.write(data)
        if self._is_open:
            self._commons.tally.bytes_out += len(data)
        if self.is_stuck:
            for holder in self._commons.unread.hold(self, self._transport.get_write_buffer_size()):
                holder.exceed("unread_bytes_in_all", "all peers leave too much unread, and it leaves the most")

    def _end_stream(self) -> None:
        """End this direction, and give the peer a moment to end the other one."""
        if not self._transport.can_write_eof():
            # TLS ends both directions at once.
            self._transport.close()
            return
        # When the other end was faster, uvloop raises RuntimeError and asyncio OSError.
        with contextlib.suppress(RuntimeError, OSError):
            self._transport.write_eof()
        self._limit_goodbye()

    def _limit_goodbye(self) -> None:
        self._cancel_timer()
        reason = f"did not close within {GOODBYE_SECONDS:g} s"
        self._timer = self._commons.loop.call_later(GOODBYE_SECONDS, self.cut_off, reason)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _abort(self) -> None:
        self._is_final = True
        self._transport.abort()
        self._let_go()

    def _let_go(self) -> None:
        """Free what was read.

        This is done here, and neither when the loop reports that the connection is lost, by which time it may have read from
        many others, nor by the garbage collector, as the parser and its generator refer to each other.
        """
