"""The messages to a robot that is killed now and then, and the account of what became of each."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from gst_signalling_sync import DataChannel

__all__ = ["Account", "Sender", "account"]

PERIOD: Final = 0.01

IN_HAND_SECONDS: Final = 0.5
"""Seconds before a kill in which a robot may have acknowledged messages that it had not written down."""

_SEND_SECONDS: Final = 60.0


@dataclass(frozen=True)
class Account:
    """What became of the messages.

    Attributes:
        sent: Number of messages that were sent.
        twice: Number that arrived more than once, because the robot had not acknowledged them and they were sent again.
        in_hand: Number that a robot had acknowledged, but not written down, when it was killed.
        lost: Number that are missing for another reason.
    """

    sent: int
    twice: int
    in_hand: int
    lost: list[int]


def account(sent: Sequence[float], taken: Iterable[int], kills: Sequence[float]) -> Account:
    """Account for all messages; each is known by its number.

    Args:
        sent: When each message was sent, in seconds.
        taken: The numbers that the robots wrote down.
        kills: When a robot was killed, by the clock of `sent`.

    Returns:
        The account.
    """
    counts = [0] * len(sent)
    for number in taken:
        counts[number] += 1
    missing = [number for number, count in enumerate(counts) if not count]
    in_hand = [number for number in missing if any(0 <= kill - sent[number] <= IN_HAND_SECONDS for kill in kills)]
    return Account(
        sent=len(sent),
        twice=sum(count > 1 for count in counts),
        in_hand=len(in_hand),
        lost=sorted(set(missing) - set(in_hand)),
    )


class Sender:
    """Sends 100 numbered messages a second, from a thread of its own.

    Args:
        channel: The channel of a session that is resumed and sends again what was not acknowledged.
    """

    def __init__(self, channel: DataChannel) -> None:
        self.sent: list[float] = []
        """When each message was sent, by `time.monotonic`. The index is the message's number."""
        self._channel = channel
        self._stop = threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Send until the block ends."""
        thread = threading.Thread(target=self._send)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def _send(self) -> None:
        due = time.monotonic()
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            number = len(self.sent)
            self.sent.append(time.monotonic())
            self._channel.send(str(number), timeout=_SEND_SECONDS)
            # A delay is not made up for by sending faster.
            due = max(due + PERIOD, time.monotonic())
