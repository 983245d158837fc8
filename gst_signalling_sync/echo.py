"""`Echo`: a producer's echo, by which consumers measure its data channels; see ``Producer(echo=...)``."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Final

from .errors import SignallingError
from .limit_counts import LimitCounts
from .protocol.limits import Rate
from .protocol.quota import TokenBucket
from .threads import clock

if TYPE_CHECKING:
    from .webrtc.session import DataChannel

__all__ = ["ECHO_LABEL", "ECHO_PROTOCOL", "ECHO_REFUSAL", "ECHO_THREAD", "Echo", "is_echo", "refuse_echo"]

logger = logging.getLogger(__name__)

ECHO_PROTOCOL: Final = "echo.gst-signalling-sync"
"""The subprotocol of a data channel whose messages the producer sends back. The name includes ours to be unique, by the
convention of RFC 6455 section 1.9, whose registry RFC 8831 section 6.4 uses."""

ECHO_LABEL: Final = "ping"
"""The usual label of such a channel, which need not have it."""

ECHO_REFUSAL: Final = "echo=False"
"""The message that a producer with ``echo=False`` sends on such a channel before it closes it. It is shorter than any ping."""

ECHO_THREAD: Final = "echo"
"""The name of the callback thread that sends echoes, so that the user's callbacks do not delay them."""

_MESSAGE_COST: Final = 256
"""Bytes that a message counts in addition to its own."""

_CLOSE_SECONDS: Final = 2.0


def is_echo(channel: DataChannel) -> bool:
    """Whether a channel has the subprotocol `ECHO_PROTOCOL`, so that its messages are for nobody else."""
    return channel.protocol == ECHO_PROTOCOL


class Echo:
    """Sends the messages of one session's echo channels back.

    A message is dropped if the queue is full or the rate exceeded. So the echo never waits, and a peer that does not read its
    echoes costs no memory.

    Args:
        rate: Maximum rate, in bytes; None: no maximum.
        met: Counts the limits that the peer meets.
    """

    def __init__(self, rate: Rate | None, met: LimitCounts) -> None:
        self._met = met
        self._bucket = None if rate is None else TokenBucket(rate)

    def on(self, channel: DataChannel) -> None:
        """Send every message of a channel back.

        Args:
            channel: A channel for which `is_echo` is true.
        """
        channel.message.connect(self._send_back, thread=ECHO_THREAD)

    def _send_back(self, channel: DataChannel, data: str | bytes) -> None:
        if self._bucket is not None and not self._bucket.try_spend(len(data) + _MESSAGE_COST, clock.now()):
            self._met.note("echo_bytes")
            return
        try:
            channel.send(data, timeout=0)
        except SignallingError as error:
            logger.debug("dropped an echo: %s", error)


def refuse_echo(channel: DataChannel) -> None:
    """Send the reason on a channel, and close it; not on the loop.

    Args:
        channel: A channel for which `is_echo` is true.
    """
    with contextlib.suppress(SignallingError):
        channel.send(ECHO_REFUSAL, timeout=0)
    channel.close(_CLOSE_SECONDS)
