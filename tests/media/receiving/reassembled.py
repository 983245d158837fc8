"""A stream of video, and what is reassembled of it."""

from __future__ import annotations

from collections.abc import Iterable

from gst_signalling_sync.webrtc.media.encoded_frame import EncodedFrame
from gst_signalling_sync.webrtc.media.receiving.reassembly import VideoReassembly
from gst_signalling_sync.webrtc.media.receiving.timeline import Timeline

from ...helpers.rtp_streams import Packet

CODECS = ("VP8", "H264")

FRAME_SECONDS = 1 / 30


class Reassembled:
    """A reassembly, its frames, and a clock that the test moves."""

    def __init__(self, patience: float = 0.5) -> None:
        self.reassembly = VideoReassembly(Timeline(90000), patience)
        self.frames: list[EncodedFrame] = []
        self.now = 100.0

    def give(self, packets: Iterable[Packet]) -> list[EncodedFrame]:
        """Give packets at one moment, and return the frames that they complete."""
        before = len(self.frames)
        for packet in packets:
            self.frames += self.reassembly.add(
                packet.codec, packet.sequence_number, packet.timestamp, packet.marker, packet.payload, self.now
            )
        return self.frames[before:]

    def wait(self, seconds: float) -> list[EncodedFrame]:
        """Let time pass, and return the frames that it completes."""
        self.now += seconds
        released = self.reassembly.on_time(self.now)
        self.frames += released
        return list(released)

    def missing(self) -> list[int]:
        return self.reassembly.missing(self.now)
