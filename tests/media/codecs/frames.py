"""Frames that are sent as packets of any size, possibly with losses, and reassembled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from gst_signalling_sync.webrtc.media.encoded_frame import EncodedFrame
from gst_signalling_sync.webrtc.media.receiving.reassembly import VideoReassembly
from gst_signalling_sync.webrtc.media.receiving.timeline import Timeline

__all__ = ["Way", "assert_loss_is_noticed"]

TICKS = 3000


class Way:
    """Receives the packets of one stream of a codec.

    Args:
        codec: The codec's name.
    """

    def __init__(self, codec: str) -> None:
        self.reassembly = VideoReassembly(Timeline(90_000))
        self.frames: list[EncodedFrame] = []
        self._codec = codec
        self._number = 0
        self._timestamp = 0

    def send(self, frames: Iterable[Sequence[bytes]], lose: Callable[[int], bool] = lambda number: False) -> None:
        """Send frames.

        Args:
            frames: The payloads of each frame.
            lose: Whether a packet, given by its number since the first one, is lost for good. Defaults to no loss.
        """
        for payloads in frames:
            for index, payload in enumerate(payloads):
                if not lose(self._number):
                    self.frames += self.reassembly.add(
                        self._codec, self._number, self._timestamp, index == len(payloads) - 1, payload, 0.0
                    )
                self._number += 1
            self._timestamp += TICKS

    def give_up(self) -> None:
        """Give up waiting for what is missing."""
        self.frames += self.reassembly.on_time(10.0)

    @property
    def data(self) -> list[bytes]:
        """The data of each frame that is complete."""
        return [frame.data for frame in self.frames]


def assert_loss_is_noticed(
    codec: str,
    frames: Sequence[bytes],
    packets: Sequence[Sequence[bytes]],
    following: Sequence[bytes],
    keyframe: Sequence[bytes],
    lost: set[int],
) -> None:
    """Fail unless a stream stops at a packet that is lost for good, and continues with the next keyframe.

    Args:
        codec: The codec's name.
        frames: The complete frames; only the first is a keyframe.
        packets: The packets of each frame.
        following: The packets of a frame that comes after them.
        keyframe: The packets of a keyframe that comes after that frame.
        lost: The numbers of the packets that are lost.
    """
    way = Way(codec)
    way.send(packets, lose=lost.__contains__)
    way.send([following])
    way.give_up()
    whole = way.data

    assert whole[: len(frames)] == list(frames[: len(whole)])
    if any(number < sum(map(len, packets)) for number in lost):
        assert len(whole) < len(frames)
        assert way.reassembly.packets_lost or way.reassembly.wants_keyframe
    else:
        assert len(whole) == len(frames) + 1
    way.send([keyframe])
    assert len(way.frames) == len(whole) + 1
    assert way.frames[-1].keyframe
    assert not way.reassembly.wants_keyframe
