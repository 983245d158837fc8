"""`ControlChunks`: hands each received chunk that is not DATA to the part of the association that handles it."""

from __future__ import annotations

from typing import Final

from .chunks import (
    ABORT,
    COOKIE_ACK,
    COOKIE_ECHO,
    ERROR,
    FORWARD_TSN,
    HEARTBEAT,
    HEARTBEAT_ACK,
    INIT,
    INIT_ACK,
    RE_CONFIG,
    SACK,
    SHUTDOWN,
    SHUTDOWN_ACK,
    SHUTDOWN_COMPLETE,
    ForwardTsn,
    Init,
    MalformedPacket,
    Sack,
    chunk,
)
from .control_block import ControlBlock
from .events import Acknowledged, HeartbeatAnswered
from .heartbeats import Heartbeats
from .initialization import Initialization
from .parameters import UNRECOGNIZED_CHUNK, parameter
from .resets import Resets
from .state import RECEIVING, SENDING
from .termination import Termination

__all__ = ["ControlChunks"]

_MAX_REPORTED_BYTES: Final = 64
"""Maximum of an unknown chunk's value in the ERROR that reports it, in bytes."""


class ControlChunks:
    """The chunks of one association that are not DATA.

    Args:
        block: The state of the association.
        initialization: Handles INIT ACK, COOKIE ECHO, COOKIE ACK and ERROR.
        termination: Handles ABORT and the chunks of the shutdown.
        resets: Handles RE-CONFIG.
        heartbeats: The heartbeats of this end.
    """

    def __init__(
        self,
        block: ControlBlock,
        initialization: Initialization,
        termination: Termination,
        resets: Resets,
        heartbeats: Heartbeats,
    ) -> None:
        self._block = block
        self._initialization = initialization
        self._termination = termination
        self._resets = resets
        self._heartbeats = heartbeats

    def handle(self, kind: int, flags: int, value: bytes, tag: int, now: float) -> bool:
        """Handle a chunk.

        Args:
            kind: Its type.
            flags: Its flags.
            value: Its value.
            tag: The verification tag of its packet.
            now: The time, in seconds.

        Returns:
            Whether to handle the chunks after it in the packet too.

        Raises:
            MalformedPacket: The chunk is malformed.
        """
        block = self._block
        if kind == SACK:
            if block.state in SENDING:
                streams = block.sending.on_sack(Sack.parse(value), now)
                if streams and block.tells_of_acknowledgements:
                    block.events.append(Acknowledged(streams))
        elif kind == FORWARD_TSN:
            if block.state in RECEIVING:
                block.receiving.on_forward_tsn(ForwardTsn.parse(value))
                self._resets.perform_deferred()
        elif kind == RE_CONFIG:
            if block.state in RECEIVING:
                self._resets.on_chunk(value)
        elif kind == HEARTBEAT:
            if block.peer is not None and len(value) <= block.settings.max_packet // 2:
                block.control.append(chunk(HEARTBEAT_ACK, 0, value))
        elif kind == HEARTBEAT_ACK:
            self._on_heartbeat_ack(value, now)
        elif kind == INIT_ACK:
            self._initialization.on_init_ack(Init.parse(value), now)
        elif kind == COOKIE_ECHO:
            return self._initialization.on_cookie_echo(value, tag, now)
        elif kind == COOKIE_ACK:
            self._initialization.on_cookie_ack(now)
        elif kind == ABORT:
            self._termination.on_abort()
        elif kind == SHUTDOWN:
            self._termination.on_shutdown(value, now)
        elif kind == SHUTDOWN_ACK:
            self._termination.on_shutdown_ack()
        elif kind == SHUTDOWN_COMPLETE:
            self._termination.on_shutdown_complete()
        elif kind == ERROR:
            self._initialization.on_error(value, now)
        elif kind == INIT:
            raise MalformedPacket("an INIT must be alone in its packet")
        else:
            return self._on_unknown(kind, flags, value)
        return True

    def _on_heartbeat_ack(self, value: bytes, now: float) -> None:
        for number, round_trip in self._heartbeats.on_answer(value, now):
            self._block.round_trips.measured(round_trip)
            self._block.events.append(HeartbeatAnswered(number, round_trip))

    def _on_unknown(self, kind: int, flags: int, value: bytes) -> bool:
        """Handle an unknown chunk as the two highest bits of its type say (RFC 9260 section 3.2)."""
        if kind & 0x40 and self._block.peer is not None:
            cause = parameter(UNRECOGNIZED_CHUNK, chunk(kind, flags, value[:_MAX_REPORTED_BYTES]))
            self._block.control.append(chunk(ERROR, 0, cause))
        return bool(kind & 0x80)
