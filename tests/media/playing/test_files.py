"""Files of all kinds, also damaged ones, in the size and frame rate that are asked for."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition

from gst_signalling_sync import EncodedVideoSource, MediaError, Producer, SignallingServer, connect
from gst_signalling_sync.webrtc.media.playing.media_input import Location, MediaInput
from gst_signalling_sync.webrtc.media.playing.player import Player
from gst_signalling_sync.webrtc.media.sending.audio_source import AudioSource
from gst_signalling_sync.webrtc.media.sending.video_source import VideoSource

from ...helpers.media import frequency_of, number_in, numbered_frame, tone
from ...helpers.playing import FPS, SECONDS, Written, closing_player, playing, write_file


@pytest.mark.parametrize(
    ("name", "video", "audio"),
    [
        ("film.mkv", "libvpx", "libopus"),
        ("film.ts", "libx264", "aac"),
        ("film.avi", "mpeg4", "libmp3lame"),
        ("film.h264", "libx264", None),
        ("sound.wav", None, "pcm_s16le"),
        ("sound.flac", None, "flac"),
        ("sound.mp3", None, "libmp3lame"),
    ],
)
def test_file_of_many_kinds_plays_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, video: str | None, audio: str | None
) -> None:
    player = Player(write_file(tmp_path / name, video=video, audio=audio))
    assert [source.kind for source in player.sources] == [
        kind for kind, codec in (("video", video), ("audio", audio)) if codec
    ]
    written = Written(player, monkeypatch)
    with playing(player):
        player.wait(SECONDS)

    if video:
        assert written.numbers == list(range(30))
    if audio:
        assert len(written.samples) == pytest.approx(48000, abs=4000)
        assert frequency_of(written.samples[4800:43200]) == pytest.approx(440, abs=1)


@pytest.mark.parametrize(("layout", "channels"), [("mono", 1), ("stereo", 2), ("5.1", 2)])
def test_sound_has_one_or_two_channels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str, channels: int
) -> None:
    player = Player(write_file(tmp_path / "sound.mka", video=None, audio="ac3", layout=layout))
    (source,) = player.sources
    assert isinstance(source, AudioSource)
    assert (source.rate, source.channels) == (48000, channels)
    written = Written(player, monkeypatch)
    with playing(player):
        player.wait(SECONDS)

    assert written.samples.shape[1] == channels
    assert frequency_of(written.samples[4800:43200]) == pytest.approx(440, abs=1)


def test_source_has_the_frame_rate_of_the_file(tmp_path: Path) -> None:
    with closing_player(Player(write_file(tmp_path / "film.mp4", audio=None))) as player:
        (source,) = player.sources
        assert isinstance(source, EncodedVideoSource)
        assert source.fps == pytest.approx(FPS)


def test_size_and_rate_are_as_asked_for(embedded_server: SignallingServer, tmp_path: Path) -> None:
    producer = Producer(embedded_server.uri, name="robot")
    producer.add_player(write_file(tmp_path / "film.mp4", seconds=10, audio=None), loop=True, size=(160, 100), fps=10)
    with producer, connect(embedded_server.uri, name="robot") as session:
        numbers = [number_in(session.video.read()) for _ in range(20)]

        assert session.video.size == (160, 100)
    assert None not in numbers
    # Every third of the file's frames is played, in real time. If the machine is late, it may be another one.
    steps = [after - before for before, after in pairwise(numbers) if before is not None and after is not None]
    assert np.median(steps) == 3


def test_what_has_the_size_and_the_rate_is_passed_on(tmp_path: Path) -> None:
    with closing_player(Player(write_file(tmp_path / "film.mp4"), size=(320, 240), fps=FPS)) as player:
        assert isinstance(player.sources[0], EncodedVideoSource)


@pytest.mark.parametrize("wish", [{"size": (160, 120)}, {"fps": 29.0}])
def test_what_has_another_size_or_rate_is_encoded(tmp_path: Path, wish: dict[str, Any]) -> None:
    with closing_player(Player(write_file(tmp_path / "film.mp4"), **wish)) as player:
        assert isinstance(player.sources[0], VideoSource)


@pytest.mark.parametrize(
    ("wish", "said"),
    [({"size": (0, 120)}, "a width and a height"), ({"fps": 0}, "more than 0"), ({"fps": 1e9}, "at most")],
)
def test_size_or_rate_out_of_range_is_refused(tmp_path: Path, wish: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Player(write_file(tmp_path / "film.mp4"), **wish)


def test_cover_of_a_record_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "song.mp3"
    with av.open(str(path), "w") as container:
        audio = container.add_stream("libmp3lame", rate=48000, layout="mono")
        cover = container.add_stream("mjpeg", rate=1)
        assert isinstance(audio, av.AudioStream)
        assert isinstance(cover, av.VideoStream)
        cover.width, cover.height, cover.pix_fmt = 320, 240, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        image = av.VideoFrame.from_ndarray(numbered_frame(1), "bgr24").reformat(format="yuvj420p")
        container.mux(cover.encode(image))
        container.mux(cover.encode(None))
        frame = av.AudioFrame.from_ndarray(tone(440, 48000).reshape(1, -1), "s16", "mono")
        frame.sample_rate = 48000
        container.mux(audio.encode(frame))
        container.mux(audio.encode(None))

    with closing_player(Player(path)) as player:
        assert [source.kind for source in player.sources] == ["audio"]


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_file_with_a_tag_that_is_not_utf_8_plays(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_file(tmp_path / f"film.{suffix}", audio=None)
    content = path.read_bytes()
    assert b"Lavf" in content
    path.write_bytes(content.replace(b"Lavf", "L\xe4vf".encode("latin-1")))
    player = Player(path)
    written = Written(player, monkeypatch)
    with playing(player):
        player.wait(SECONDS)

    assert written.numbers[-1] == FPS - 1


def test_damage_in_mid_file_is_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_file(tmp_path / "film.mp4", seconds=2, audio=None)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 1000] = b"\xff" * 1000
    path.write_bytes(content)
    player = Player(path, pass_through=False)
    written = Written(player, monkeypatch)
    with playing(player):
        player.wait(SECONDS)

    assert written.numbers[0] == 0
    assert written.numbers[-10:] == list(range(50, 60))
    assert player.error is None
    # The warning is logged once, however much of the file is damaged.
    assert caplog.text.count("film.mp4: cannot decode some of its video") == 1


def test_file_that_cannot_be_decoded_ends_with_an_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_file(tmp_path / "film.mkv", video="libvpx", audio=None)
    content = bytearray(path.read_bytes())
    # Every frame is overwritten; the file's information about them is not.
    begin = content.index(bytes.fromhex("1f43b675")) + 100
    content[begin:] = b"\xff" * (len(content) - begin)
    path.write_bytes(content)
    player = Player(path, pass_through=False)
    with playing(player):
        with pytest.raises(MediaError, match=r"film\.mkv"):
            player.wait(SECONDS)
        assert player.ended
        assert isinstance(player.error, MediaError)

    assert str(player.error) in caplog.text


@pytest.mark.usefixtures("patient")
def test_timestamps_that_begin_again_do_not_stop_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [write_file(tmp_path / f"{first}.ts", first=first) for first in (0, 30)]
    path = tmp_path / "film.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    player = Player(path)
    written = Written(player, monkeypatch)
    with playing(player):
        player.wait(SECONDS)

    # The decoder may lose a frame at the cut.
    assert len(set(range(60)) - set(written.numbers)) <= 2
    begin, end = written.frames[0].captured, written.frames[-1].captured
    assert begin is not None
    assert end is not None
    assert end - begin == pytest.approx(2, abs=0.5)


def test_track_that_turns_up_on_the_way_is_left_out(tmp_path: Path) -> None:
    silent = write_file(tmp_path / "silent.ts", audio=None)
    talking = write_file(tmp_path / "talking.ts")
    path = tmp_path / "film.ts"
    # FFmpeg looks for tracks in the first seconds, where there is no other track.
    path.write_bytes(silent.read_bytes() * 20 + talking.read_bytes())
    media = MediaInput(Location.of(path))
    kinds = [packet.stream.type for packet in media.packets() if packet.size]
    media.close()

    assert media.audio is None
    assert kinds == ["video"] * 21 * FPS
