"""The decoder's thread: what it drops when it is too slow, how it recovers from errors, and how it ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from queue import SimpleQueue

import pytest

from gst_signalling_sync.threads.loop_thread import LoopThread
from gst_signalling_sync.threads.waiting import Deadline
from gst_signalling_sync.webrtc.media.encoded_frame import EncodedFrame
from gst_signalling_sync.webrtc.media.failures import DecodingError
from gst_signalling_sync.webrtc.media.receiving.decoder_thread import DecoderThread

from ...helpers.processes import run_script
from ...helpers.waiting import wait_until

SECONDS = 10.0


def frame(number: int, keyframe: bool = False, size: int = 10, seconds: float | None = None) -> EncodedFrame:
    arrived = time.monotonic() if seconds is None else seconds
    return EncodedFrame("VP8", bytes(size), number, keyframe, arrived)


class Decoding:
    """A decoder's thread that decodes with a function of the test."""

    def __init__(self, loop: LoopThread) -> None:
        self.loop = loop
        self.decoded: SimpleQueue[int] = SimpleQueue()
        self.keyframe_requests = 0
        self.do: Callable[[EncodedFrame], None] = lambda frame: None
        self.thread = DecoderThread("test-decoder", self._decode, self._request_keyframe)

    def put(self, *frames: EncodedFrame) -> None:
        async def put() -> None:
            for each in frames:
                self.thread.put(each)

        self.loop.run(put(), Deadline(SECONDS), "putting frames")

    def next(self) -> int:
        return self.decoded.get(timeout=SECONDS)

    def end(self) -> bool:
        async def end() -> bool:
            self.thread.end()
            return await self.thread.wait_ended(SECONDS)

        return self.loop.run(end(), Deadline(SECONDS), "ending")

    def _decode(self, frame: EncodedFrame) -> None:
        self.do(frame)
        self.decoded.put(frame.timestamp)

    def _request_keyframe(self) -> None:
        self.keyframe_requests += 1


@pytest.fixture
def decoding() -> Iterator[Decoding]:
    loop = LoopThread("test")
    decoding = Decoding(loop)
    yield decoding
    assert decoding.end()
    loop.close()


def test_frames_are_decoded_in_order_from_the_first_keyframe(decoding: Decoding) -> None:
    decoding.put(frame(1), frame(2, keyframe=True), frame(3), frame(4))

    assert [decoding.next() for _ in range(3)] == [2, 3, 4]
    assert decoding.keyframe_requests == 1


def test_thread_is_a_daemon_that_begins_with_the_first_frame(decoding: Decoding) -> None:
    def threads() -> list[threading.Thread]:
        return [thread for thread in threading.enumerate() if thread.name == "gss-test-decoder"]

    assert threads() == []
    decoding.put(frame(1, keyframe=True))
    (thread,) = threads()
    assert thread.daemon


@pytest.mark.parametrize("error", [DecodingError("damaged"), KeyError("a mistake of ours")])
def test_after_an_error_decoding_goes_on_with_a_keyframe(decoding: Decoding, error: Exception) -> None:
    def fail(frame: EncodedFrame) -> None:
        if frame.timestamp == 2:
            raise error

    decoding.do = fail
    decoding.put(frame(1, keyframe=True), frame(2), frame(3), frame(4, keyframe=True), frame(5))

    assert [decoding.next() for _ in range(3)] == [1, 4, 5]
    assert decoding.keyframe_requests >= 1
    assert decoding.thread.failures.count == 1
    assert decoding.thread.failures.newest is None


def busy(decoding: Decoding) -> tuple[threading.Event, threading.Event]:
    """Keep the thread busy with the first frame. Returns events: it has begun, and it may end."""
    has_begun, may_end = threading.Event(), threading.Event()

    def block(frame: EncodedFrame) -> None:
        has_begun.set()
        assert may_end.wait(SECONDS)

    decoding.do = block
    return has_begun, may_end


def test_thread_that_falls_behind_skips_to_the_next_keyframe(decoding: Decoding) -> None:
    has_begun, may_end = busy(decoding)
    decoding.put(frame(0, keyframe=True))
    assert has_begun.wait(SECONDS)

    decoding.put(*(frame(number) for number in range(1, 100)))
    assert decoding.keyframe_requests > 0
    assert decoding.thread.waiting <= 60
    may_end.set()
    wait_until(lambda: decoding.thread.waiting == 0, "all is dropped")
    decoding.put(frame(100), frame(101, keyframe=True), frame(102))

    assert [decoding.next() for _ in range(3)] == [0, 101, 102]


def test_what_waits_is_bounded_in_bytes(decoding: Decoding) -> None:
    has_begun, may_end = busy(decoding)
    decoding.put(frame(0, keyframe=True))
    assert has_begun.wait(SECONDS)

    decoding.put(*(frame(number, keyframe=True, size=4 * 1024 * 1024) for number in range(1, 50)))

    assert decoding.thread.waiting <= 6
    may_end.set()


def test_frames_that_waited_for_two_seconds_are_too_old(decoding: Decoding) -> None:
    has_begun, may_end = busy(decoding)
    now = time.monotonic()
    decoding.put(frame(0, keyframe=True, seconds=now))
    assert has_begun.wait(SECONDS)

    decoding.put(frame(1, seconds=now + 1.0), frame(2, seconds=now + 2.5), frame(3, keyframe=True, seconds=now + 2.6))
    may_end.set()

    assert [decoding.next() for _ in range(2)] == [0, 3]


def test_pause_does_not_make_frames_too_old(decoding: Decoding) -> None:
    now = time.monotonic()
    decoding.put(frame(0, keyframe=True, seconds=now))
    assert decoding.next() == 0
    wait_until(lambda: not decoding.thread.waiting, "it is done with it")

    decoding.put(frame(1, seconds=now + 60.0), frame(2, seconds=now + 60.01))

    assert [decoding.next() for _ in range(2)] == [1, 2]
    assert decoding.keyframe_requests == 0


def test_end_does_not_wait_for_what_is_queued(decoding: Decoding) -> None:
    has_begun, may_end = busy(decoding)
    decoding.put(frame(0, keyframe=True), *(frame(number) for number in range(1, 40)))
    assert has_begun.wait(SECONDS)

    async def tell() -> None:
        decoding.thread.end()

    decoding.loop.run(tell(), Deadline(SECONDS), "telling it to end")
    may_end.set()

    assert decoding.end()
    assert decoding.decoded.qsize() == 1


def test_waiting_for_the_end_is_bounded(decoding: Decoding, caplog: pytest.LogCaptureFixture) -> None:
    has_begun, may_end = busy(decoding)
    decoding.put(frame(0, keyframe=True))
    assert has_begun.wait(SECONDS)

    async def end() -> bool:
        decoding.thread.end()
        return await decoding.thread.wait_ended(0.05)

    assert not decoding.loop.run(end(), Deadline(SECONDS), "ending")
    assert "gss-test-decoder" in caplog.text
    may_end.set()


def test_who_waited_for_the_end_finds_no_thread(decoding: Decoding, monkeypatch: pytest.MonkeyPatch) -> None:
    run = threading.Thread.run

    def run_and_be_slow_to_return(thread: threading.Thread) -> None:
        run(thread)
        time.sleep(0.1)

    monkeypatch.setattr(threading.Thread, "run", run_and_be_slow_to_return)
    decoding.put(frame(0, keyframe=True))
    decoding.next()

    assert decoding.end()
    assert "gss-test-decoder" not in [thread.name for thread in threading.enumerate()]


def test_after_the_end_nothing_is_decoded(decoding: Decoding) -> None:
    assert decoding.end()
    decoding.put(frame(0, keyframe=True))

    assert decoding.end()
    assert decoding.decoded.empty()


def test_interpreter_exits_in_the_middle_of_decoding() -> None:
    code, output, errors = run_script(
        """
        import asyncio, time
        from gst_signalling_sync.threads.loop_thread import LoopThread
        from gst_signalling_sync.threads.waiting import Deadline
        from gst_signalling_sync.webrtc.media.receiving.decoder_thread import DecoderThread
        from gst_signalling_sync.webrtc.media.encoded_frame import EncodedFrame

        loop = LoopThread("test")
        thread = DecoderThread("test-decoder", lambda frame: time.sleep(0.01), lambda: None)

        async def put():
            for number in range(50):
                thread.put(EncodedFrame("VP8", b"", number, True, time.monotonic()))

        loop.run(put(), Deadline(5), "putting")
        print("exiting", flush=True)
        """
    )

    assert (code, output, errors) == (0, "exiting\n", "")
