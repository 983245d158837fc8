"""`ControlChannel`: the in-band messages of two peers of this library; see `protocol.control`. Lives on the loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Final

from ..errors import ProtocolError
from ..protocol.control import ControlMessage, parse_control, serialise_control
from ..protocol.limits import Rate
from ..protocol.quota import TokenBucket
from ..threads import clock
from .engine.data import WireChannel
from .message import Message

__all__ = ["ControlChannel"]

logger = logging.getLogger(__name__)

_RATE: Final = Rate(20, 200)
"""Maximum rate of messages from a peer. A renegotiation has two descriptions and up to 128 candidates."""

_MAX_MALFORMED: Final = 10


class ControlChannel:
    """The control channel of one peer connection.

    Args:
        wire: The channel on stream `protocol.control.CONTROL_STREAM`.
        named: Name of the session in log lines.
        on_message: Called with each message of the peer.
        opened: Called when the channel is open.
    """

    def __init__(
        self,
        wire: WireChannel,
        named: str,
        on_message: Callable[[ControlMessage], None],
        opened: Callable[[], None] = lambda: None,
    ) -> None:
        self._wire = wire
        self._named = named
        self._on_message = on_message
        self._opened = opened
        self._bucket = TokenBucket(_RATE)
        self._malformed = 0
        self._settled = asyncio.Event()
        self._has_complained = False
        self.version = 0
        """The version that both ends speak; 0: the peer has not announced one."""
        wire.observe(self, 0)

    @property
    def is_spoken(self) -> bool:
        """Whether the peer announced that it speaks the protocol."""
        return self.version > 0

    @property
    def is_open(self) -> bool:
        """Whether messages reach the peer."""
        return self.is_spoken and self._wire.state == "open"

    @property
    def buffered_amount(self) -> int:
        """Bytes that are buffered because the peer has not received them."""
        return self._wire.buffered_amount

    def say(self, message: ControlMessage) -> bool:
        """Send a message.

        Returns:
            Whether the channel is open. If not, the message was not sent.

        Raises:
            ProtocolError: The message is too large.
        """
        if not self.is_open:
            return False
        self._wire.transmit([serialise_control(message)])
        return True

    async def wait_open(self, seconds: float) -> None:
        """Wait until the channel is open or closed, if the peer speaks the protocol.

        Args:
            seconds: Maximum time to wait.
        """
        if self.is_spoken and self._wire.state == "connecting":
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._settled.wait(), seconds)

    # Called by the wire.

    def on_open(self) -> None:
        """Handle the opening of the channel."""
        self._settled.set()
        self._opened()

    def on_room(self) -> None:
        """Do nothing, since no message waits for room."""

    def on_close(self) -> None:
        """Handle the end of the channel."""
        self._settled.set()

    def on_message(self, message: Message) -> None:
        """Handle a message of the peer, which is not trusted."""
        if not self.is_spoken:
            return
        if not self._bucket.try_spend(1, clock.now()):
            self._complain("more messages than a peer needs")
            return
        try:
            parsed = parse_control(message)
        except ProtocolError as error:
            self._complain(str(error))
            self._malformed += 1
            if self._malformed >= _MAX_MALFORMED:
                self._wire.stop_receiving()
            return
        if parsed is not None:
            self._on_message(parsed)

    def _complain(self, what: str) -> None:
        # One warning per connection, so that a peer cannot fill the log.
        level = logging.DEBUG if self._has_complained else logging.WARNING
        self._has_complained = True
        logger.log(level, "%s: dropped an in-band message: %s", self._named, what)
