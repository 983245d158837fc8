"""Receives the packets of one consumer's video, counts its frames, and for the viewer also decodes them.

It replaces aiortc's way from packet to frame, which passes a frame on only when the next one begins, and which would cost this
machine more than the producers that are measured.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import Final

import av
from aiortc import RTCRtpReceiver
from aiortc.codecs.vpx import VpxPayloadDescriptor
from aiortc.rtp import RTCP_PSFB_APP, RtcpPsfbPacket, RtpPacket, pack_remb_fci
from av.video.codeccontext import VideoCodecContext

from benchmarks.video.scene import read_timestamp
from benchmarks.video.workload import Window

__all__ = ["FrameCounter", "Viewer"]

ESTIMATE_SECONDS: Final = 0.5
KEYFRAME_REQUEST_SECONDS: Final = 0.3


class FrameCounter:
    """Counts complete frames: all packets up to one with the marker bit, without a gap in their sequence numbers.

    All methods are called on the loop. The counter replaces the receiver's own packet handler, and reports the workload's
    bitrate as this consumer's estimate.

    Args:
        receiver: The receiver whose packets to take.
        bitrate: Bit/s to report.
        on_frame: Called with each complete frame, as VP8, and its SSRC; None: frames are only counted.
    """

    def __init__(
        self, receiver: RTCRtpReceiver, bitrate: int, on_frame: Callable[[bytes, int], None] | None = None
    ) -> None:
        self._receiver = receiver
        self._bitrate = bitrate
        self._on_frame = on_frame
        self._next_estimate = 0.0
        self._expected: int | None = None
        self._whole = False
        self._payloads: list[bytes] = []
        self._arrivals: list[tuple[float, int]] = []
        self._size = 0
        receiver._handle_rtp_packet = self._on_packet  # type: ignore[method-assign]

    @property
    def count(self) -> int:
        """Number of complete frames so far."""
        return len(self._arrivals)

    def within(self, window: Window) -> tuple[float, float]:
        """The frame rate and bitrate in a window.

        Returns:
            Complete frames per second, and their kbit/s.
        """
        seconds = window.end - window.start
        sizes = [size for arrival, size in self._arrivals if window.start <= arrival < window.end]
        return len(sizes) / seconds, sum(sizes) * 8e-3 / seconds

    async def _on_packet(self, packet: RtpPacket, arrival_time_ms: int) -> None:
        now = time.monotonic()
        if packet.payload:
            self._take(packet, now)
        if now >= self._next_estimate:
            self._next_estimate = now + ESTIMATE_SECONDS
            fci = pack_remb_fci(self._bitrate, [packet.ssrc])
            await self._receiver._send_rtcp(RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=1, media_ssrc=0, fci=fci))

    def _take(self, packet: RtpPacket, now: float) -> None:
        if packet.sequence_number != self._expected:
            self._whole = False
        self._expected = (packet.sequence_number + 1) & 0xFFFF
        self._size += len(packet.payload)
        if self._on_frame is not None:
            self._payloads.append(packet.payload)
        if not packet.marker:
            return
        if self._whole:
            self._arrivals.append((now, self._size))
            if self._on_frame is not None:
                self._on_frame(_joined(self._payloads), packet.ssrc)
        self._payloads.clear()
        self._size = 0
        self._whole = True


class Viewer:
    """Decodes the frames of one consumer on a thread of its own, and reads the timestamps in them.

    Args:
        request_keyframe: Called on the thread with the SSRC that shall send a keyframe.
    """

    def __init__(self, request_keyframe: Callable[[int], None]) -> None:
        self._request_keyframe = request_keyframe
        self._frames: queue.SimpleQueue[tuple[bytes, int] | None] = queue.SimpleQueue()
        # Only the thread appends to it; it is read when the window is over.
        self._seen: list[tuple[float, float | None]] = []
        self._thread = threading.Thread(target=self._decode_all, daemon=True)
        self._thread.start()

    def add(self, frame: bytes, source: int) -> None:
        """Decode a complete frame."""
        self._frames.put((frame, source))

    @property
    def has_frame(self) -> bool:
        """Whether a frame was decoded and its timestamp read."""
        return any(latency is not None for _, latency in self._seen[:])

    def within(self, window: Window) -> tuple[list[float], int]:
        """The frames that were decoded in a window.

        Returns:
            Latencies in seconds, and the number of frames whose timestamps could not be read.
        """
        latencies = [latency for moment, latency in self._seen[:] if window.start <= moment < window.end]
        readable = [latency for latency in latencies if latency is not None]
        return readable, len(latencies) - len(readable)

    def close(self) -> None:
        """Stop the thread."""
        self._frames.put(None)
        self._thread.join()

    def _decode_all(self) -> None:
        decoder = VideoCodecContext.create("libvpx", "r")
        decoder.thread_count = 1
        started = False
        next_request = 0.0
        while (item := self._frames.get()) is not None:
            frame, source = item
            started = started or _is_keyframe(frame)
            if started:
                for decoded in decoder.decode(av.Packet(frame)):
                    self._look_at(decoded)
            elif time.monotonic() >= next_request:
                next_request = time.monotonic() + KEYFRAME_REQUEST_SECONDS
                self._request_keyframe(source)

    def _look_at(self, frame: av.VideoFrame) -> None:
        decoded = time.monotonic()
        drawn = read_timestamp(frame.to_ndarray()[: frame.height])
        self._seen.append((decoded, None if drawn is None else decoded - drawn))


def _joined(payloads: list[bytes]) -> bytes:
    return b"".join([VpxPayloadDescriptor.parse(payload)[1] for payload in payloads])


def _is_keyframe(frame: bytes) -> bool:
    """RFC 6386 section 9.1: the inverse key frame flag is the lowest bit of the first octet."""
    return not frame[0] & 1
