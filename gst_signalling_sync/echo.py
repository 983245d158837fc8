"""The echo that a producer answers, so that its data channels can be measured from outside: see ``Producer(echo=...)``."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Final

from .errors import SignallingError
from .protocol.limits import Rate
from .protocol.quota import TokenBucket
from .threads import clock

if TYPE_CHECKING:
    from .webrtc.channel import DataChannel

__all__ = ["ECHO_LABEL", "ECHO_PROTOCOL", "ECHO_REFUSAL", "ECHO_THREAD", "Echo", "is_echo", "refuse_echo"]

logger = logging.getLogger(__name__)

ECHO_PROTOCOL: Final = "echo.gst-signalling-sync"
"""The subprotocol of a data channel whose messages the producer sends back. It is unlikely to be anybody else's; that a
subprotocol's name says whose it is, is the convention of RFC 6455 section 1.9, whose registry RFC 8831 section 6.4 uses."""

ECHO_LABEL: Final = "ping"
"""The label that such a channel usually has; the subprotocol alone decides."""

ECHO_REFUSAL: Final = "echo=False"
"""What a producer that echoes nothing says on such a channel before it closes it. Shorter than any ping."""

ECHO_THREAD: Final = "echo"
"""The callback thread that echoes, so that no callback of the user's delays them."""

_MESSAGE_COST: Final = 256
"""What a message counts beside its own bytes."""

_CLOSE_SECONDS: Final = 2.0


def is_echo(channel: DataChannel) -> bool:
    """Whether a channel has the subprotocol `ECHO_PROTOCOL`, so that nobody else needs to look after it."""
    return channel.protocol == ECHO_PROTOCOL


class Echo:
    """Sends the messages of one session's echo channels back as they came.

    A message that finds the queue full, or is beyond the rate, is dropped: the echo never waits, and a peer that does not read
    its echoes costs no memory.

    Args:
        rate: In bytes; None: no limit.
    """

    def __init__(self, rate: Rate | None) -> None:
        self._bucket = None if rate is None else TokenBucket(rate)

    def on(self, channel: DataChannel) -> None:
        """Send every message of a channel back.

        Args:
            channel: One that `is_echo`.
        """
        channel.message.connect(self._send_back, thread=ECHO_THREAD)

    def _send_back(self, channel: DataChannel, data: str | bytes) -> None:
        if self._bucket is not None and not self._bucket.take(len(data) + _MESSAGE_COST, clock.now()):
            channel.session.link.met.note("echo_bytes")
            return
        try:
            channel.send(data, timeout=0)
        except SignallingError as error:
            logger.debug("dropped an echo: %s", error)


def refuse_echo(channel: DataChannel) -> None:
    """Close a channel, and say why; not on the loop.

    Args:
        channel: One that `is_echo`.
    """
    with contextlib.suppress(SignallingError):
        channel.send(ECHO_REFUSAL, timeout=0)
    channel.close(_CLOSE_SECONDS)
