"""Whatever links do, and however late the loop is, each sink gets frames that it can decode, in order and without a gap."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gst_signalling_sync.webrtc.media.encoded_frame import EncodedFrame
from gst_signalling_sync.webrtc.media.sending.encoder_choice import EncoderChoice
from gst_signalling_sync.webrtc.media.sending.encoding import Encoding
from gst_signalling_sync.webrtc.media.sending.encodings import Encodings, Move
from gst_signalling_sync.webrtc.media.sending.fan_out import FanOut, FrameStream

from ...helpers.send_forms import send_form
from ...helpers.stepped_loop import SteppedLoop

FORMS = (send_form("H264"), send_form("VP8"))
LINKS = 5
FPS = 10


class Viewer:
    """A sink that checks what it gets. The data of a frame is the numbers of its encoding and of the frame in this.

    Args:
        made: The timestamps that each encoding has made.
        faults: Gets what is wrong. A sink that raises an error would only get no more frames.

    Attributes:
        timestamp: The timestamp of the last frame.
    """

    def __init__(self, made: dict[int, list[int]], faults: list[str]) -> None:
        self._made = made
        self._faults = faults
        self.timestamp = -1
        self._last: tuple[int, int] | None = None

    def begin(self) -> None:
        """Wait for a keyframe, as a sender does whose source is attached again."""
        self._last = None

    def deliver(self, frame: EncodedFrame, payloads: list[bytes]) -> None:
        encoding, number = frame.data[1], int.from_bytes(frame.data[2:4], "big")
        last, before = self._last, self.timestamp
        if last is None and not frame.keyframe:
            return
        if frame.timestamp <= before:
            self._faults.append(f"{frame.timestamp} after {before}")
        if not frame.keyframe and last != (encoding, number - 1):
            self._faults.append(f"frame {number} of encoding {encoding} after {last}")
        if last is not None and last[0] != encoding:
            missed = [each for each in self._made[last[0]] if before < each < frame.timestamp]
            self._faults += [f"{each} is missing" for each in missed]
        self.timestamp, self._last = frame.timestamp, (encoding, number)


class Feed:
    """A source whose frames are encoded to numbers."""

    def __init__(self) -> None:
        self.loop = SteppedLoop()
        self.viewers: dict[int, Viewer] = {}
        self.faults: list[str] = []
        self.encodings = Encodings(EncoderChoice((), {}, None), "balanced", lambda: "a source")
        self._fan_out = FanOut()
        self._numbers: dict[Encoding, int] = {}
        self.timestamp = 0
        self._now = 0.0
        # The timestamps that each encoding has made.
        self._made: dict[int, list[int]] = {}
        self._known = [Viewer(self._made, self.faults) for _ in range(LINKS)]

    def attach(self, link: int) -> None:
        if link not in self.viewers:
            viewer = self.viewers[link] = self._known[link]
            viewer.begin()
            form = FORMS[link == 0]
            self.encodings.add(viewer, form)
            self._demand_keyframe(viewer)
            self._fan_out.add(viewer, form, self.loop.thread)

    def _demand_keyframe(self, viewer: Viewer) -> None:
        encoding = self.encodings.of(viewer)
        assert encoding is not None
        encoding.keyframes.demand()

    def detach(self, link: int) -> None:
        if link in self.viewers:
            viewer = self.viewers.pop(link)
            self._fan_out.remove(viewer)
            self.encodings.remove(viewer)

    def write(self) -> None:
        self._now += 1 / FPS
        self.timestamp += 90_000 // FPS
        self.encodings.spent(0.001, self._now)
        if not self.encodings.all_behind and not self._fan_out.is_congested:
            self._encode()

    def target(self, link: int) -> int:
        """The target of a link's encoder, in bit/s."""
        encoding = self.encodings.of(self.viewers[link])
        assert encoding is not None
        return encoding.bitrate.target()

    def _encode(self) -> None:
        work = self.encodings.work((64, 48), FPS, (50_000, 1_000_000), self._now)
        for each in work:
            if each.moves:
                self._fan_out.call(self._switch, each.moves, each.stream, self.timestamp)
        for stream, encoding, order, _ in work:
            keyframe = order.keyframe or encoding not in self._numbers
            number = self._numbers[encoding] = self._numbers.get(encoding, -1) + 1
            name = list(self._numbers).index(encoding)
            self._made.setdefault(name, []).append(self.timestamp)
            data = bytes([not keyframe, name]) + number.to_bytes(2, "big")
            frame = EncodedFrame(stream.form.codec, data, self.timestamp, keyframe, self._now)
            encoding.made(frame, self._now)
            self._fan_out.post(stream, frame)

    def _switch(self, moves: list[Move], stream: FrameStream, timestamp: int) -> None:
        for each in moves:
            if self.encodings.arrived(each):
                self._fan_out.switch(each.sink, stream, timestamp)


Link = st.integers(0, LINKS - 1)
Bitrates = st.sampled_from([100_000, 300_000, 900_000, 2_000_000])
Actions = st.one_of(
    st.tuples(st.just("attach"), Link),
    st.tuples(st.just("detach"), Link),
    st.tuples(st.just("carries"), Link, Bitrates),
    st.tuples(st.just("behind"), Link, st.booleans()),
    st.tuples(st.just("ask"), Link),
    st.tuples(st.just("write"), st.integers(1, 60), st.integers(0, 3)),
    st.tuples(st.just("loop"), st.integers(1, 5)),
    st.tuples(st.just("loop"), st.none()),
)


@settings(deadline=None)
@given(st.lists(Bitrates, min_size=LINKS, max_size=LINKS), st.lists(Actions, min_size=20, max_size=150))
def test_sinks_can_decode_what_they_get(bitrates: list[int], actions: list[tuple[Any, ...]]) -> None:
    feed = Feed()
    for link, bitrate in enumerate(bitrates):
        feed.attach(link)
        feed.encodings.report_estimate(feed.viewers[link], bitrate, True)
    for action in actions:
        viewer = feed.viewers.get(action[1]) if action[0] in ("carries", "behind", "ask") else None
        match action:
            case ("attach", link):
                feed.attach(link)
            case ("detach", link):
                feed.detach(link)
            case ("carries", _, bitrate) if viewer is not None:
                feed.encodings.report_estimate(viewer, bitrate, True)
            case ("behind", _, is_behind) if viewer is not None:
                feed.encodings.report_backlog(viewer, is_behind)
            case ("ask", _) if viewer is not None and (encoding := feed.encodings.of(viewer)) is not None:
                encoding.keyframes.demand()
            case ("write", frames, calls):
                for _ in range(frames):
                    feed.write()
                    feed.loop.run(calls)
            case ("loop", calls):
                feed.loop.run(calls)
        assert bool(feed.encodings) == bool(feed.viewers)
        assert feed.faults == []
    feed.loop.run()
    assert feed.faults == []
    for link in range(LINKS):
        feed.detach(link)
    assert not feed.encodings


def divided(feed: Feed) -> None:
    """Write frames until two of the links go to the slow group; the loop has not delivered the last one yet."""
    for link in range(LINKS):
        feed.attach(link)
        feed.encodings.report_estimate(feed.viewers[link], 1_000_000 if link < 3 else 200_000, True)
    for _ in range(100):
        feed.loop.run()
        feed.write()
        if feed.target(LINKS - 1) == 200_000:
            return
    raise AssertionError("the links are not divided")


def test_slow_links_get_a_bitrate_of_their_own() -> None:
    feed = Feed()
    divided(feed)

    assert [feed.target(link) for link in range(LINKS)] == [1_000_000] * 3 + [200_000] * 2


def test_sink_that_is_attached_again_before_the_loop_has_moved_it_gets_the_fast_frames() -> None:
    feed = Feed()
    divided(feed)
    for link in (3, 4):
        feed.detach(link)
        feed.attach(link)
    feed.loop.run()
    # A keyframe is requested, but two of them are never that close.
    for _ in range(5):
        feed.write()
        feed.loop.run()

    assert {viewer.timestamp for viewer in feed.viewers.values()} == {feed.timestamp}
    assert feed.faults == []
