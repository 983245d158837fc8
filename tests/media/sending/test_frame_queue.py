"""`FrameQueue`: frames wait in their order, the source hears of a backlog, and a full queue says so."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import pytest

from gst_signalling_sync.webrtc.media.encoded_frame import EncodedFrame
from gst_signalling_sync.webrtc.media.failures import Failures
from gst_signalling_sync.webrtc.media.sending.frame_queue import FrameQueue

MANY = 200


class Transport:
    """Takes a frame only when it is told to."""

    def __init__(self) -> None:
        self.sent: list[int] = []
        self.backlog: list[bool] = []
        self.failures = Failures(logging.getLogger(__name__), lambda: "test", ())
        self.error: Exception | None = None
        self._is_ready = asyncio.Event()
        self.queue = FrameQueue(self._send, self.backlog.append, self.failures)

    async def _send(self, frame: EncodedFrame, payloads: list[bytes]) -> None:
        await self._is_ready.wait()
        if self.error is not None:
            raise self.error
        self.sent.append(frame.timestamp)

    def put(self, number: int) -> None:
        self.queue.put(frame(number), [b"payload"])

    async def go_on(self) -> None:
        self._is_ready.set()
        # One iteration for the frame that waits, and one for the end of the task.
        for _ in range(5):
            await asyncio.sleep(0)


def frame(number: int) -> EncodedFrame:
    return EncodedFrame("VP8", b"frame", number, True, 0.0)


def on_a_loop(test: Callable[[Transport], object]) -> Transport:
    """Run a test on a loop, then have the transport take the frames."""

    async def run() -> Transport:
        transport = Transport()
        test(transport)
        await transport.go_on()
        return transport

    return asyncio.run(run())


def test_frames_are_sent_in_their_order() -> None:
    def put(transport: Transport) -> None:
        for number in range(5):
            transport.put(number)
        assert transport.sent == []

    assert on_a_loop(put).sent == [0, 1, 2, 3, 4]


def test_source_hears_of_a_backlog_and_of_its_end() -> None:
    def put(transport: Transport) -> None:
        for number in range(3):
            transport.put(number)
        assert transport.backlog == []
        assert not transport.queue.is_behind
        transport.put(3)
        assert transport.backlog == [True]
        assert transport.queue.is_behind

    assert on_a_loop(put).backlog == [True, False]


def test_queue_is_full_when_the_transport_takes_nothing() -> None:
    def put(transport: Transport) -> None:
        while not transport.queue.is_full:
            transport.put(len(transport.sent))
        transport.queue.drop()
        assert not transport.queue.is_full
        assert transport.backlog == [True, False]

    assert len(on_a_loop(put).sent) == 1


def test_frames_that_are_sent_again_all_have_room() -> None:
    def put(transport: Transport) -> None:
        transport.queue.put_all([(frame(number), [b"payload"]) for number in range(MANY)])
        assert not transport.queue.is_full

    assert on_a_loop(put).sent == [*range(MANY)]


@pytest.mark.parametrize(("error", "failures"), [(ConnectionError("closed"), 0), (KeyError("a mistake"), 1)])
def test_closed_transport_is_no_failure(error: Exception, failures: int) -> None:
    def put(transport: Transport) -> None:
        transport.error = error
        transport.put(0)

    transport = on_a_loop(put)

    assert (transport.sent, transport.failures.count) == ([], failures)
