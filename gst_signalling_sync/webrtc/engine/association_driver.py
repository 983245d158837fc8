"""`AssociationDriver`: drives an `Association`, as datagrams and the time go in, and packets and events come out."""

from __future__ import annotations

import asyncio
import logging
from typing import Final, cast

from aiortc import RTCSctpCapabilities

from ...threads import clock
from ..sctp import Association, Event, MalformedPacket, Received, Settings
from .channel_transport import ChannelTransport
from .datagrams import MAX_PACKET
from .dtls import RobustDtlsTransport

__all__ = ["AssociationDriver"]

logger = logging.getLogger(__name__)

_MAX_BATCH: Final = 8
"""Maximum number of packets of a peer of this library that one acknowledgement is for, if they come together. The peer's
``Max.Burst``, and the maximum growth of its window, are the same number."""

_MAX_FOREIGN_BATCH: Final = 2
"""The same for other peers, whose window may grow by a packet for each acknowledgement (RFC 9260 sections 6.2 and 7.2.1)."""


class AssociationDriver(ChannelTransport):
    """An SCTP transport whose association is one of `webrtc.sctp`. Lives on the loop."""

    _peer_reads_dates = False
    _core: Association | None = None
    _dtls: RobustDtlsTransport | None = None
    _told_state = "new"
    _alarm: asyncio.TimerHandle | None = None
    _alarm_at = 0.0
    _is_driving = False
    _drives_again = False
    # The number of packets received since the association was driven.
    _undriven = 0

    @property
    def peer_reads_dates(self) -> bool:
        """Whether the peer reads dated messages, so that it is a peer of this library."""
        return self._peer_reads_dates

    @peer_reads_dates.setter
    def peer_reads_dates(self, reads: bool) -> None:
        self._peer_reads_dates = reads
        if self._core is not None:
            # Acknowledgements matter only for resets that have to wait.
            self._core.tells_of_acknowledgements = not reads

    @property
    def state(self) -> str:
        """``"new"``, ``"connecting"``, ``"connected"`` or ``"closed"``."""
        return self._told_state

    @property
    def association(self) -> Association | None:
        """The association; None before it has begun."""
        return self._core

    @property
    def maxChannels(self) -> int | None:
        """Maximum number of channels; None before the association has begun."""
        return self._core.streams if self._core is not None else None

    @property
    def has_ended(self) -> bool:
        """Whether the association has ended. No other one begins."""
        return self._told_state == "closed" and self._core is not None

    # The beginning and the end, called by aiortc.

    async def start(self, remoteCaps: RTCSctpCapabilities | None, remotePort: int) -> None:
        """Begin the association, as the peer does too (RFC 8841 section 9.3)."""
        if self._told_state != "new":
            return
        self._told_state = "connecting"
        if remoteCaps is not None:
            self._remote_max_message_size = remoteCaps.maxMessageSize
        self._data_channel_id = 1 if self.is_server else 0
        # No maximum of retransmissions: `Liveness` decides whether a silent peer is gone.
        self._core = Association(
            Settings(
                port=self.port,
                peer_port=remotePort,
                max_packet=MAX_PACKET,
                max_init_retransmits=None,
                max_retransmits=None,
            )
        )
        self._core.tells_of_acknowledgements = not self._peer_reads_dates
        self._dtls = cast(RobustDtlsTransport, self.transport)
        self._dtls._register_data_receiver(self)
        self._dtls.on_data = self._handle_packet
        self._dtls.on_batch_end = self._end_batch
        now = clock.now()
        self._core.connect(now)
        self._drive(now)

    async def stop(self) -> None:
        """Abort the association."""
        if self._core is not None:
            self._core.abort()
            self._drive()
        if self._dtls is not None:
            self._dtls.on_data = self._dtls.on_batch_end = None
            self._dtls._unregister_data_receiver(self)
        self._close()

    def _close(self) -> None:
        if self._told_state == "closed":
            return
        self._told_state = "closed"
        self._cancel()
        self._on_closed()
        # No more events follow, so the listeners are released.
        self.remove_all_listeners()

    # Arriving packets.

    async def _handle_data(self, data: bytes) -> None:
        # Called for packets that DTLS does not give to `_handle_packet`.
        self._handle_packet(data, False)

    def _handle_packet(self, packet: bytes, more_follows: bool) -> None:
        core = self._core
        if core is None:
            return
        now = clock.now()
        try:
            core.receive(packet, now)
        except MalformedPacket as error:
            logger.debug("dropped a packet of SCTP: %s", error)
        self._undriven += 1
        # One acknowledgement is sent for packets that come together.
        if not more_follows or self._undriven >= (_MAX_BATCH if self._peer_reads_dates else _MAX_FOREIGN_BATCH):
            self._drive(now)

    def _end_batch(self) -> None:
        if self._undriven:
            self._drive()

    # Leaving packets, and time.

    def _drive(self, now: float | None = None) -> None:
        """Send the association's packets, and handle its events.

        Args:
            now: The time, if it was just read. Defaults to None: it is read here.
        """
        if self._is_driving:
            self._drives_again = True
            return
        core, dtls = self._core, self._dtls
        assert core is not None
        assert dtls is not None
        self._is_driving = self._drives_again = True
        self._undriven = 0
        try:
            while self._drives_again:
                # Events come first, so that answers share a packet with the acknowledgement.
                if core.events:
                    self._tell(core)
                self._drives_again = False
                packets = core.take_packets(clock.now() if now is None else now)
                if packets:
                    dtls.send_data(packets)
                if core.events:
                    self._tell(core)
                now = None
        except ConnectionError:
            # The DTLS transport closed first, which ends this one too.
            self._cancel()
            return
        finally:
            self._is_driving = False
        self._set_alarm(core)

    def _set_alarm(self, core: Association) -> None:
        at = core.next_timeout()
        # A timer that finds nothing due costs less than setting one for every message.
        if at is None or (self._alarm is not None and self._alarm_at <= at):
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_at = at
        self._alarm = asyncio.get_running_loop().call_later(max(0.0, at - clock.now()), self._on_alarm)

    def _on_alarm(self) -> None:
        self._alarm = None
        if self._core is not None:
            now = clock.now()
            self._core.handle_timeout(now)
            self._drive(now)

    def _cancel(self) -> None:
        """Cancel all timers."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    # The association's events.

    def _tell(self, core: Association) -> None:
        while core.events:
            for event in core.take_events():
                try:
                    if type(event) is Received:
                        self._on_received(event)
                    else:
                        self._on_event(event)
                except Exception:
                    # A listener of one of aiortc's objects raised. The association and its acknowledgements go on.
                    logger.exception("a receiver raised for %s of a data channel", type(event).__name__)

    def _on_received(self, received: Received) -> None:
        """Handle a message."""
        raise NotImplementedError

    def _on_event(self, event: Event) -> None:
        """Handle any other event."""
        raise NotImplementedError

    def _on_closed(self) -> None:
        """Handle the end of the association, after which no event follows."""
        raise NotImplementedError
