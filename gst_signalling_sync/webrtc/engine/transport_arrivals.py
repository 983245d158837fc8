"""`TransportArrivals`: sends transport-wide feedback (TWCC) for the packets that arrive by one transport. Lives on the loop."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Coroutine
from typing import Any, Final

from ..bwe.arrival_recorder import ArrivalRecorder
from .codecs import RTCRtpReceiveParameters
from .eager import run_eagerly
from .rtp import TRANSPORT_LAYER_FEEDBACK, TRANSPORT_WIDE

__all__ = ["TransportArrivals"]

_INTERVAL_SECONDS: Final = 0.05
"""Seconds between two messages while packets arrive. Senders that estimate by delay expect 50 to 250 ms. The messages take some
15 kbit/s."""

_VERSION: Final = 2 << 6


class TransportArrivals:
    """Records when packets arrive, and reports it to their sender.

    Args:
        send: Encrypts and sends RTCP.
    """

    def __init__(self, send: Callable[[bytes], Coroutine[Any, Any, None]]) -> None:
        self._send = send
        self._recorder = ArrivalRecorder()
        self._is_wanted = False
        self._media_ssrc = 0
        self._ssrc = 0
        self._alarm: asyncio.TimerHandle | None = None
        # Held here, since asyncio holds tasks only weakly.
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, parameters: RTCRtpReceiveParameters, ssrc: int) -> None:
        """Begin to report if transport-wide feedback was negotiated for a track of the transport.

        Args:
            parameters: The negotiated parameters of the track.
            ssrc: The SSRC of feedback.
        """
        self._ssrc = ssrc
        if any(each.type == "transport-cc" for codec in parameters.codecs for each in codec.rtcpFeedback):
            self._is_wanted = True

    def add(self, sequence_number: int, ssrc: int, now: float) -> None:
        """Record a packet, which is reported to the sender soon.

        Args:
            sequence_number: Transport-wide sequence number, of 16 bits.
            ssrc: The SSRC of its stream.
            now: The time in seconds, on a clock that does not jump.
        """
        if not self._is_wanted:
            return
        self._recorder.add(sequence_number, now)
        self._media_ssrc = ssrc
        if self._alarm is None:
            self._alarm = asyncio.get_running_loop().call_later(_INTERVAL_SECONDS, self._tell)

    def close(self) -> None:
        """Stop reporting."""
        self._is_wanted = False
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _tell(self) -> None:
        self._alarm = None
        for message in self._recorder.messages():
            body = struct.pack("!LL", self._ssrc, self._media_ssrc) + message.pack()
            head = struct.pack("!BBH", _VERSION | TRANSPORT_WIDE, TRANSPORT_LAYER_FEEDBACK, len(body) // 4)
            task = run_eagerly(self._send_message(head + body))
            if task is not None:
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _send_message(self, data: bytes) -> None:
        try:
            await self._send(data)
        except ConnectionError:
            # The session is ending, which is reported elsewhere.
            return
