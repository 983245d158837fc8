"""What players send as it is (H264 and VP8 without B-frames, Opus), and what they encode."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.bitstream import BitStreamFilterContext
from hypothesis import given
from hypothesis import strategies as st

from gst_signalling_sync import AudioSource, EncodedVideoSource, MediaError, VideoSource
from gst_signalling_sync.threads.loop_thread import LoopThread
from gst_signalling_sync.threads.waiting import Deadline
from gst_signalling_sync.webrtc.media.codecs.opus import samples_of
from gst_signalling_sync.webrtc.media.encoded_frame import EncodedFrame
from gst_signalling_sync.webrtc.media.playing.player import Player, thread_of
from gst_signalling_sync.webrtc.media.sending.controlled_track import feed_of
from gst_signalling_sync.webrtc.media.sending.encoded_audio_source import EncodedAudioSource

from ...helpers.media import numbered_frame
from ...helpers.playing import playing, write_file
from ...helpers.send_forms import send_form
from ...helpers.waiting import wait_until
from .test_encoded_again import HIGH, Link
from .units import units_of

SECONDS = 40.0
CLOSE_SECONDS = 2.0


def h264_film(path: Path, b_frames: int, frames: int = 20) -> Path:
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=30)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        stream.options = {"preset": "ultrafast", "g": "10", "bf": str(b_frames), "x264-params": "b-adapt=0"}
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(numbered_frame(number), "bgr24").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 30)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def kinds_of_sources(player: Player) -> list[type]:
    try:
        return [type(source) for source in player.sources]
    finally:
        thread_of(player).close(CLOSE_SECONDS)


def frames_of(path: Path) -> list[list[bytes]]:
    """The NAL units of the frames of a film, without its parameter sets, which keyframes get in any case."""
    with av.open(path) as container:
        stream = container.streams.video[0]
        annex_b = BitStreamFilterContext("h264_mp4toannexb", stream)
        packets = [each for packet in container.demux(stream) if packet.size for each in annex_b.filter(packet)]
        return [without_parameters(bytes(packet)) for packet in packets]


def without_parameters(data: bytes) -> list[bytes]:
    return [unit for unit in units_of(data) if unit[0] & 0x1F not in (7, 8)]


@pytest.mark.parametrize(
    ("name", "video", "audio", "sources"),
    [
        ("film.mp4", "libx264", "aac", [EncodedVideoSource, AudioSource]),
        ("film.ts", "libx264", None, [EncodedVideoSource]),
        ("film.webm", "libvpx", "libopus", [EncodedVideoSource, EncodedAudioSource]),
        ("film.avi", "mpeg4", None, [VideoSource]),
        ("sound.ogg", None, "libopus", [EncodedAudioSource]),
    ],
)
def test_what_is_encoded_already_is_passed_through(
    tmp_path: Path, name: str, video: str | None, audio: str | None, sources: list[type]
) -> None:
    film = write_file(tmp_path / name, video=video, audio=audio)

    assert kinds_of_sources(Player(film)) == sources
    assert kinds_of_sources(Player(film, pass_through=False)) == [
        VideoSource if issubclass(each, VideoSource | EncodedVideoSource) else AudioSource for each in sources
    ]


def test_film_with_b_frames_is_encoded(tmp_path: Path) -> None:
    assert kinds_of_sources(Player(h264_film(tmp_path / "film.mp4", b_frames=2))) == [VideoSource]


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv", "film.ts"])
def test_frames_are_those_of_the_film(tmp_path: Path, loop: LoopThread, name: str) -> None:
    film = h264_film(tmp_path / name, b_frames=0)
    player = Player(film)
    (source,) = player.sources
    assert isinstance(source, EncodedVideoSource)
    link = Link(source, loop, [HIGH])
    with playing(player):
        sent = [link.frames.get(timeout=SECONDS) for _ in range(20)]
    link.leave()

    assert [without_parameters(frame.data) for frame in sent] == frames_of(film)
    assert [frame.keyframe for frame in sent] == [number % 10 == 0 for number in range(20)]
    for frame in sent:
        if frame.keyframe:
            assert {7, 8} <= {unit[0] & 0x1F for unit in units_of(frame.data)}


def test_packets_of_sound_are_those_of_the_file(tmp_path: Path, loop: LoopThread) -> None:
    path = write_file(tmp_path / "sound.ogg", video=None, audio="libopus")
    player = Player(path)
    (source,) = player.sources
    assert isinstance(source, EncodedAudioSource)
    packets: list[bytes] = []
    timestamps: list[int] = []

    class Listener:
        def deliver(self, frame: EncodedFrame, payloads: list[bytes]) -> None:
            packets.extend(payloads)
            timestamps.append(frame.timestamp)

    async def attach() -> None:
        feed_of(source).attach(Listener(), send_form("opus"), loop)

    loop.run(attach(), Deadline(5), "attaching")
    with av.open(path) as container:
        written = [bytes(packet) for packet in container.demux(audio=0) if packet.size]
    with playing(player):
        wait_until(lambda: len(packets) == len(written), "all of it", SECONDS)

    assert packets == written
    assert timestamps == [timestamps[0] + 960 * number for number in range(len(written))]


@pytest.mark.parametrize(
    ("packet", "samples"),
    [
        (b"\x00", 480),
        (b"\x18", 2880),
        (b"\x78", 960),
        (b"\xe0", 120),
        (b"\xf8", 960),
        (b"\xf9", 1920),
        (b"\xfa", 1920),
        (b"\xfb\x03", 2880),
    ],
)
def test_packets_of_opus_tell_how_long_they_are(packet: bytes, samples: int) -> None:
    assert samples_of(packet) == samples


@given(st.binary(max_size=20))
def test_any_packet_of_opus_has_a_length_or_is_refused(packet: bytes) -> None:
    try:
        assert 120 <= samples_of(packet) <= 5760
    except ValueError:
        return


def test_stream_that_comes_back_with_b_frames_is_told(tmp_path: Path) -> None:
    film = h264_film(tmp_path / "film.mp4", b_frames=0)
    player = Player(film)
    thread_of(player).close(CLOSE_SECONDS)
    h264_film(film, b_frames=2)
    with playing(player), pytest.raises(MediaError, match="with B-frames"):
        player.wait(SECONDS)
