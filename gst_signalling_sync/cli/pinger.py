"""`Pinger`: sends messages to a peer that echoes them, and measures their round trips."""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .. import ChannelClosed, SignallingError, WaitTimeout
from .durations import Durations
from .echo import ECHO_REFUSAL

if TYPE_CHECKING:
    from .. import DataChannel

__all__ = ["MIN_SIZE", "EchoRefused", "Ping", "Pinger", "RoundTrips", "check_refusal"]

MIN_SIZE: Final = 16
"""Minimum size of a message: eight digits each for the pinger and for the sequence number identify it."""


class EchoRefused(SignallingError):
    """The producer does not echo."""

    def __init__(self) -> None:
        super().__init__("it answers no pings: its program says Producer(echo=False)")


def check_refusal(channel: DataChannel) -> None:
    """Raise `EchoRefused` if a channel was closed for that reason."""
    while True:
        try:
            if channel.recv(timeout=0) == ECHO_REFUSAL:
                raise EchoRefused
        except (ChannelClosed, WaitTimeout):
            return


@dataclass(frozen=True, slots=True)
class Ping:
    """The outcome of one message.

    Attributes:
        sequence: Its number, from 1.
        round_trip: Seconds until it came back; None: it did not come back in time.
    """

    sequence: int
    round_trip: float | None


class RoundTrips(Durations):
    """Statistics of the round trip times of pings, in seconds."""


class Pinger:
    """Sends a message at each interval, and recognises it by its content when it comes back, in any order.

    Args:
        channel: An open channel on which the other end echoes.
        size: Bytes of a message, at least `MIN_SIZE`.
        text: Whether to send strings instead of bytes.
        interval: Seconds from one message to the next.
        wait: Seconds that a message may take to come back.
        count: Number of messages. Defaults to None: until `stop`.
    """

    def __init__(
        self, channel: DataChannel, size: int, text: bool, interval: float, wait: float, count: int | None = None
    ) -> None:
        self._channel = channel
        self._size = size
        self._text = text
        self._interval = interval
        self._wait = wait
        self._count = math.inf if count is None else count
        self._token = secrets.token_hex(4)
        # Number and time of each message under way, in the order in which they were sent.
        self._under_way: dict[str | bytes, tuple[int, float]] = {}
        self.transmitted = 0

    def stop(self, wait: float = math.inf) -> None:
        """Send no more messages; those under way are still waited for.

        Args:
            wait: Seconds that a message may take to come back from now on, if that is less than before.
        """
        self._count = 0
        self._wait = min(self._wait, wait)

    def run(self) -> Iterator[Ping]:
        """Send and receive.

        Yields:
            Each message once it came back, or was given up.

        Raises:
            ChannelClosed: The channel or its session ended.
            EchoRefused: The producer was made with ``echo=False``.
            MessageTooLarge: The other end accepts no message of that size.
        """
        next_send = time.perf_counter()
        while True:
            now = time.perf_counter()
            if self.transmitted < self._count and now >= next_send:
                self._send(now)
                # At most one interval late, so that no burst follows a pause.
                next_send = max(next_send + self._interval, now)
            if not self._under_way and self.transmitted >= self._count:
                return
            until = next_send if self.transmitted < self._count else math.inf
            ping = self._receive(until)
            if ping is not None:
                yield ping

    def _send(self, now: float) -> None:
        sequence = self.transmitted + 1
        text = f"{self._token}{sequence:08x}".ljust(self._size, ".")
        message = text if self._text else text.encode()
        try:
            self._channel.send(message, timeout=self._wait)
        except ChannelClosed:
            check_refusal(self._channel)
            raise
        self._under_way[message] = (sequence, now)
        self.transmitted = sequence

    def _receive(self, until: float) -> Ping | None:
        """Wait for a message to come back, or for the time of the next action."""
        oldest = next(iter(self._under_way), None)
        if oldest is not None:
            until = min(until, self._under_way[oldest][1] + self._wait)
        try:
            message = self._channel.recv(timeout=max(0.0, until - time.perf_counter()))
        except WaitTimeout:
            if oldest is None or time.perf_counter() < self._under_way[oldest][1] + self._wait:
                return None
            return Ping(self._under_way.pop(oldest)[0], None)
        now = time.perf_counter()
        if message == ECHO_REFUSAL:
            raise EchoRefused
        if message not in self._under_way:
            return None
        sequence, sent = self._under_way.pop(message)
        return Ping(sequence, now - sent if now - sent <= self._wait else None)
