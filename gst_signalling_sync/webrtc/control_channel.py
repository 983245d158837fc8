"""`ControlChannel`: what peers of this library say to each other in-band; see `protocol.control`. Lives on the loop."""

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
"""Messages taken from a peer: 20 a second, and 200 at once. A renegotiation is two descriptions and up to 128 candidates."""

_MAX_MALFORMED: Final = 10


class ControlChannel:
    """The control channel of one peer connection.

    Args:
        wire: On stream `protocol.control.CONTROL_STREAM`.
        named: The session as log lines name it.
        on_message: Is given what the peer says.
        opened: Called when the peer hears what is said.
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
        """Of what both ends speak; 0: the peer has not announced that it speaks any."""
        wire.observe(self, 0)

    @property
    def is_spoken(self) -> bool:
        """Whether the peer announced that it speaks it."""
        return self.version > 0

    @property
    def is_open(self) -> bool:
        """Whether the peer hears what is said."""
        return self.is_spoken and self._wire.state == "open"

    @property
    def buffered_amount(self) -> int:
        """Bytes that wait for the peer to take them."""
        return self._wire.buffered_amount

    def say(self, message: ControlMessage) -> bool:
        """Send a message.

        Returns:
            Whether the peer speaks the control channel; if not, nothing was sent.

        Raises:
            ProtocolError: The message is too large.
        """
        if not self.is_open:
            return False
        self._wire.transmit([serialise_control(message)])
        return True

    async def wait_open(self, seconds: float) -> None:
        """Wait until the channel of a peer that speaks it is open, or closed; at most so long."""
        if self.is_spoken and self._wire.state == "connecting":
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._settled.wait(), seconds)

    # Called by the wire.

    def on_open(self) -> None:
        """Wake who waits."""
        self._settled.set()
        self._opened()

    def on_room(self) -> None:
        """Nothing waits for it."""

    def on_close(self) -> None:
        """Wake who waits."""
        self._settled.set()

    def on_message(self, message: Message) -> None:
        """Take a message of the peer, which is not trusted."""
        if not self.is_spoken:
            return
        if not self._bucket.take(1, clock.now()):
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
        # Once per connection: a peer shall not fill the log of this machine.
        level = logging.DEBUG if self._has_complained else logging.WARNING
        self._has_complained = True
        logger.log(level, "%s: dropped an in-band message: %s", self._named, what)
