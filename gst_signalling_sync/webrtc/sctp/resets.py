"""`Resets`: performs the resets of streams of `Reconfiguration` (RFC 6525) on what an association sends and receives."""

from __future__ import annotations

from collections.abc import Iterable

from .control_block import ControlBlock
from .events import IncomingReset, OutgoingReset
from .reconfiguration import ResetRequest
from .state import BEGINNING

__all__ = ["Resets"]


class Resets:
    """The resets of both ends.

    Args:
        block: The state of the association.
    """

    def __init__(self, block: ControlBlock) -> None:
        self._block = block

    def request(self, streams: Iterable[int]) -> None:
        """Request a reset of outgoing streams, and hold back what is sent on them until the answer."""
        block, streams = self._block, list(streams)
        if block.state not in BEGINNING and block.peer is not None and not block.peer.supports_re_config:
            block.events.append(OutgoingReset(streams, False))
            return
        for stream in streams:
            block.sending.queue.hold(stream)
        block.reconfiguration.want(streams)

    def on_chunk(self, value: bytes) -> None:
        """Handle a RE-CONFIG chunk.

        Raises:
            MalformedPacket: One of its parameters is too short.
        """
        block = self._block
        reconfiguration, receiving = block.reconfiguration, block.receiving
        for told in reconfiguration.on_chunk(value, receiving.cumulative_tsn):
            if isinstance(told, bytes):
                block.control.append(told)
            elif isinstance(told, ResetRequest):
                if told.last_tsn <= receiving.cumulative_tsn:
                    self._perform(told)
                else:
                    receiving.hold(told.last_tsn, told.streams)
                    block.control.append(reconfiguration.defer(told))
            else:
                self._on_answer(told)

    def _on_answer(self, reset: OutgoingReset) -> None:
        block = self._block
        if reset.is_performed:
            block.sending.reset(reset.streams)
        for stream in reset.streams:
            block.sending.queue.release(stream)
        block.events.append(reset)

    def perform_deferred(self) -> None:
        """Perform the peer's reset that waits for chunks before it, if they have arrived."""
        deferred = self._block.reconfiguration.deferred
        if deferred is not None and deferred.last_tsn <= self._block.receiving.cumulative_tsn:
            self._perform(deferred)

    def _perform(self, request: ResetRequest) -> None:
        block = self._block
        # Messages that precede the reset are delivered first.
        block.tell_of_received()
        block.receiving.reset(request.streams)
        block.events.append(IncomingReset(request.streams))
        block.control.append(block.reconfiguration.perform(request))
