"""The echo that every producer answers, so that its data channels can be measured from outside: see `echo_on`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from .errors import SignallingError

if TYPE_CHECKING:
    from .webrtc.channel import DataChannel

__all__ = ["ECHO_LABEL", "ECHO_PROTOCOL", "echo_on"]

logger = logging.getLogger(__name__)

ECHO_PROTOCOL: Final = "echo.gst-signalling-sync"
"""The subprotocol of a data channel whose messages the producer sends back. It is unlikely to be anybody else's; that a
subprotocol's name says whose it is, is the convention of RFC 6455 section 1.9, whose registry RFC 8831 section 6.4 uses."""

ECHO_LABEL: Final = "ping"
"""The label that such a channel usually has; the subprotocol alone decides."""


def echo_on(channel: DataChannel) -> bool:
    """Send every message of a channel back as it came, if the other end opened it for that.

    A message that finds the queue full is dropped: the echo never delays a callback, and a peer that does not read its
    echoes costs no memory.

    Args:
        channel: Any channel of a session, just opened.

    Returns:
        Whether it is one with the subprotocol `ECHO_PROTOCOL`, so that nobody else needs to look after it.
    """
    if channel.protocol != ECHO_PROTOCOL:
        return False
    channel.message.connect(_send_back)
    return True


def _send_back(channel: DataChannel, data: str | bytes) -> None:
    try:
        channel.send(data, timeout=0)
    except SignallingError as error:
        logger.debug("dropped an echo: %s", error)
