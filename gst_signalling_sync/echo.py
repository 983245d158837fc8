"""The echo that a producer answers, so that its data channels can be measured from outside: see ``Producer(echo=...)``."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Final

from .errors import SignallingError

if TYPE_CHECKING:
    from .webrtc.channel import DataChannel

__all__ = ["ECHO_LABEL", "ECHO_PROTOCOL", "ECHO_REFUSAL", "ECHO_THREAD", "echo_on", "is_echo", "refuse_echo"]

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

_CLOSE_SECONDS: Final = 2.0


def is_echo(channel: DataChannel) -> bool:
    """Whether a channel has the subprotocol `ECHO_PROTOCOL`, so that nobody else needs to look after it."""
    return channel.protocol == ECHO_PROTOCOL


def echo_on(channel: DataChannel) -> None:
    """Send every message of a channel back as it came.

    A message that finds the queue full is dropped: the echo never waits, and a peer that does not read its echoes costs no
    memory.

    Args:
        channel: One that `is_echo`.
    """
    channel.message.connect(_send_back, thread=ECHO_THREAD)


def refuse_echo(channel: DataChannel) -> None:
    """Close a channel, and say why; not on the loop.

    Args:
        channel: One that `is_echo`.
    """
    with contextlib.suppress(SignallingError):
        channel.send(ECHO_REFUSAL, timeout=0)
    channel.close(_CLOSE_SECONDS)


def _send_back(channel: DataChannel, data: str | bytes) -> None:
    try:
        channel.send(data, timeout=0)
    except SignallingError as error:
        logger.debug("dropped an echo: %s", error)
