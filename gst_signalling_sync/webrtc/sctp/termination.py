"""`Termination`: the end of an association by SHUTDOWN or the peer's ABORT (RFC 9260 section 9)."""

from __future__ import annotations

from .chunks import SHUTDOWN_ACK, SHUTDOWN_COMPLETE, chunk, parse_cumulative_tsn
from .control_block import ControlBlock
from .events import PeerLeft
from .state import BEGINNING, State

__all__ = ["Termination"]


class Termination:
    """Ends an association in order.

    Args:
        block: The state of the association.
    """

    def __init__(self, block: ControlBlock) -> None:
        self._block = block

    def shutdown(self, now: float) -> None:
        """Begin the shutdown at this end."""
        if self._block.state in BEGINNING:
            self._block.end(None)
        elif self._block.state is State.ESTABLISHED:
            self._block.state = State.SHUTDOWN_PENDING
            self.progress(now)

    def progress(self, now: float) -> None:
        """Continue the shutdown once everything is acknowledged."""
        block = self._block
        if block.state not in (State.SHUTDOWN_PENDING, State.SHUTDOWN_RECEIVED) or not block.sending.is_acknowledged:
            return
        if block.state is State.SHUTDOWN_PENDING:
            self._repeat(State.SHUTDOWN_SENT, block.shutdown_chunk(), now)
        else:
            self._acknowledge(now)

    def _acknowledge(self, now: float) -> None:
        self._repeat(State.SHUTDOWN_ACK_SENT, chunk(SHUTDOWN_ACK), now)

    def _repeat(self, state: State, repeated: bytes, now: float) -> None:
        """Enter a state in which a chunk is sent until its answer comes."""
        self._block.state = state
        self._block.start_timer(repeated, now)
        self._block.control.append(repeated)

    def on_shutdown(self, value: bytes, now: float) -> None:
        """Handle a SHUTDOWN.

        Raises:
            MalformedPacket: It is too short.
        """
        block = self._block
        if block.state in BEGINNING:
            return
        block.sending.on_cumulative_tsn(parse_cumulative_tsn(value), now)
        if block.state in (State.ESTABLISHED, State.SHUTDOWN_PENDING):
            block.state = State.SHUTDOWN_RECEIVED
            block.tell_of_received()
            block.events.append(PeerLeft("shutdown"))
        elif block.state is State.SHUTDOWN_SENT:
            self._acknowledge(now)

    def on_shutdown_ack(self) -> None:
        """Handle a SHUTDOWN ACK."""
        block = self._block
        if block.state in (State.SHUTDOWN_SENT, State.SHUTDOWN_ACK_SENT):
            assert block.peer is not None
            block.send_alone(block.peer.peer_tag, chunk(SHUTDOWN_COMPLETE))
            block.end(None)

    def on_shutdown_complete(self) -> None:
        """Handle a SHUTDOWN COMPLETE."""
        if self._block.state is State.SHUTDOWN_ACK_SENT:
            self._block.end(None)

    def on_abort(self) -> None:
        """Handle an ABORT."""
        self._block.tell_of_received()
        self._block.events.append(PeerLeft("abort"))
        self._block.end(None)
