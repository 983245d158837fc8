"""Sinks change between the two encodings of a source without a gap, a repeated frame, or one that they cannot decode."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise

import pytest

from gst_signalling_sync.threads.loop_thread import LoopThread
from gst_signalling_sync.threads.waiting import Deadline
from gst_signalling_sync.webrtc.media.sending import encoder_load, encodings, keyframe_requests, rate_groups
from gst_signalling_sync.webrtc.media.sending.controlled_track import feed_of
from gst_signalling_sync.webrtc.media.sending.video_source import VideoSource

from ...helpers.filming import filming
from ...helpers.waiting import wait_until
from ...helpers.watched_link import WatchedLink

pytestmark = pytest.mark.usefixtures("_impatient_groups")

HIGH, LOW = 1_000_000, 200_000
SIZE = (160, 120)


@contextmanager
def filmed(loop: LoopThread, codec: str = "VP8") -> Iterator[tuple[VideoSource, ExitStack]]:
    """A source into which frames are written."""
    source = VideoSource(bitrate=(50_000, HIGH), codecs=(codec,))
    with ExitStack() as links:
        links.callback(lambda: feed_of(source).join(Deadline(5)))
        with filming(source, SIZE):
            yield source, links


def watch(
    source: VideoSource, links: ExitStack, loop: LoopThread, codec: str = "VP8", bitrate: int = HIGH
) -> WatchedLink:
    """A link until the block ends."""
    link = WatchedLink(source, loop, codec, bitrate=bitrate)
    links.callback(link.leave)
    return link


def loop_is_idle(loop: LoopThread) -> None:
    """Wait until the loop has done what was asked of it."""
    done = threading.Event()
    loop.call(done.set)
    assert done.wait(10)


@pytest.mark.parametrize("codec", ["VP8", "H264", "VP9"])
def test_link_that_gets_slow_and_recovers_misses_no_frame(loop: LoopThread, codec: str) -> None:
    with filmed(loop, codec) as (source, links):
        good, changing = (watch(source, links, loop, codec) for _ in range(2))
        good.wait_for(HIGH)
        for _ in range(2):
            changing.carries(LOW)
            changing.wait_for(LOW)
            assert good.target == HIGH
            changing.carries(HIGH)
            changing.wait_for(HIGH)
        written = source.frames_written
        wait_until(lambda: source.frames_written >= written + 10, "frames are written")
    loop_is_idle(loop)
    every, its = good.timestamps(), changing.timestamps()

    assert all(earlier < later for earlier, later in pairwise(its))
    begin, end = max(every[0], its[0]), min(every[-1], its[-1])
    assert [each for each in its if begin <= each <= end] == [each for each in every if begin <= each <= end]


def test_frames_are_encoded_once_again_when_the_slow_link_has_left(loop: LoopThread) -> None:
    with filmed(loop) as (source, links):
        watch(source, links, loop)
        slow = WatchedLink(source, loop, bitrate=LOW)
        slow.wait_for(LOW)
        assert source.encoders == {"VP8": "libvpx"}
        slow.leave()

        written, encoded = source.frames_written, source.frames_encoded
        wait_until(lambda: source.frames_written >= written + 20, "frames are written")
        # The camera goes on meanwhile, so the frames that were written are counted last.
        encoded_since = source.frames_encoded - encoded
        assert encoded_since <= source.frames_written - written + 2


def test_slow_links_alone_have_one_encoding(loop: LoopThread) -> None:
    with filmed(loop) as (source, links):
        good = WatchedLink(source, loop, bitrate=HIGH)
        slow = [watch(source, links, loop, bitrate=LOW) for _ in range(2)]
        for each in slow:
            each.wait_for(LOW)
        good.leave()
        slow[0].see(30)
        late = watch(source, links, loop)
        late.wait_for(HIGH)
    for each in slow:
        assert len(each.timestamps()) > 0


@contextmanager
def joining(
    loop: LoopThread, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[VideoSource, ExitStack, WatchedLink, WatchedLink]]:
    """A source, its links, a good one, and one that waits for a keyframe of the slow group, until the block ends."""
    with filmed(loop) as (source, links):
        good, slow, waiting = (watch(source, links, loop) for _ in range(3))
        good.wait_for(HIGH)
        slow.carries(LOW)
        slow.wait_for(LOW)
        slow.see(5)
        monkeypatch.setattr(keyframe_requests, "MERGE_SECONDS", 3600.0)
        waiting.carries(LOW)
        waiting.wait_for(LOW)
        yield source, links, good, waiting


def test_link_gets_the_frames_of_its_own_encoding_until_it_joins_the_other(
    loop: LoopThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    with joining(loop, monkeypatch) as (_, _, good, waiting):
        waiting.timestamps()
        good.timestamps()
        waiting.see(10)
        good.see(10)


def test_link_that_leaves_while_it_joins_and_comes_back_at_once_begins_with_a_keyframe(
    loop: LoopThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    with joining(loop, monkeypatch) as (source, links, _, waiting):
        waiting.leave()
        again = watch(source, links, loop)
        monkeypatch.setattr(keyframe_requests, "MERGE_SECONDS", 0.25)
        assert again.next().keyframe
        again.wait_for(HIGH)


def test_source_whose_links_leave_during_a_move_comes_to_rest(
    loop: LoopThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    with joining(loop, monkeypatch) as (source, links, _, _):
        links.close()
        assert source.encoders == {}
    assert not [thread for thread in threading.enumerate() if thread.name == "gss-video-source"]


def test_link_that_leaves_before_the_loop_has_moved_it_gets_nothing_more(
    loop: LoopThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The source waits soon for a loop that delivers nothing.
    monkeypatch.setattr(rate_groups, "DIVISION_SECONDS", 0.0)
    monkeypatch.setattr(rate_groups, "SLOW_SECONDS", 0.0)
    with filmed(loop) as (source, links):
        good, slow = (watch(source, links, loop) for _ in range(2))
        good.wait_for(HIGH)
        is_held, go_on = threading.Event(), threading.Event()

        def hold() -> None:
            is_held.set()
            go_on.wait(10)
            # On the loop, and so before what the source has posted meanwhile.
            feed_of(source).detach(slow)
            slow.timestamps()

        loop.call(hold)
        assert is_held.wait(10)
        slow.carries(LOW)
        slow.wait_for(LOW)
        go_on.set()
        loop_is_idle(loop)
        good.see(10)
        assert slow.timestamps() == []
        assert source.encoders == {"VP8": "libvpx"}


def test_link_on_which_frames_wait_delays_only_its_own_encoding(loop: LoopThread) -> None:
    with filmed(loop) as (source, links):
        good, slow = watch(source, links, loop), watch(source, links, loop, bitrate=LOW)
        slow.wait_for(LOW)
        slow.see(5)
        slow.is_behind(True)
        loop_is_idle(loop)
        good.timestamps()
        slow.timestamps()

        good.see(15)
        # One may have been on its way.
        assert len(slow.timestamps()) <= 1
        slow.is_behind(False)
        slow.see(5)


def test_link_on_which_frames_wait_joins_the_slow_encoding(loop: LoopThread) -> None:
    with filmed(loop) as (source, links):
        good, slow = (watch(source, links, loop) for _ in range(2))
        good.wait_for(HIGH)
        slow.is_behind(True)
        slow.carries(LOW)
        slow.wait_for(LOW)
        good.see(5)
        slow.is_behind(False)
        slow.see(5)


def test_source_without_time_for_two_encodings_has_one(loop: LoopThread, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder_load, "OVERLOAD_SECONDS", 0.1)
    with filmed(loop) as (source, links):
        good, slow = watch(source, links, loop), watch(source, links, loop, bitrate=LOW)
        slow.wait_for(LOW)
        assert good.target == HIGH
        monkeypatch.setattr(encoder_load, "OVERLOAD", -1.0)

        # The lowest estimate, but at least half of the median.
        good.wait_for(HIGH // 2)
        assert slow.target == HIGH // 2


def test_source_that_is_not_written_to_divides_its_links_too(loop: LoopThread, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encodings, "REPEAT_SECONDS", 0.2)
    source = VideoSource(bitrate=(50_000, HIGH), fps=5)
    with ExitStack() as links:
        links.callback(lambda: feed_of(source).join(Deadline(5)))
        with filming(source, SIZE):
            good, slow = watch(source, links, loop), watch(source, links, loop)
            good.next()
        slow.carries(LOW)
        slow.wait_for(LOW)
        assert good.target == HIGH
        slow.see(3)
