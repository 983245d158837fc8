"""`Player`: files, streams, and what is neither, into the sources of a producer."""

from __future__ import annotations

import os
import signal
import socket
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition

from gst_signalling_sync import EncodedVideoSource, MediaError, Producer, SignallingServer, WaitTimeout, connect
from gst_signalling_sync.webrtc.media.pictures import to_array
from gst_signalling_sync.webrtc.media.playing import playback
from gst_signalling_sync.webrtc.media.playing.media_input import Location, MediaInput, Wish
from gst_signalling_sync.webrtc.media.playing.player import Player
from gst_signalling_sync.webrtc.media.sending.audio_source import AudioSource
from gst_signalling_sync.webrtc.media.sending.video_source import VideoSource

from ...helpers.media import beeps, frequency_of, number_in, numbered_picture, onsets, tone
from ...helpers.playing import CLOSE_SECONDS, FPS, RATE, SECONDS, Chunks, Written, http_server, playing, write_file
from ...helpers.processes import exit_of, in_child, start_script, wait_until_blocked
from ...helpers.waiting import wait_until


@pytest.fixture
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a player catch up after any delay, so that what it plays keeps its place on a machine that is held up."""
    monkeypatch.setattr(playback, "_LATE_SECONDS", SECONDS)


patient = pytest.mark.usefixtures("_patient")


def test_consumer_sees_and_hears_a_file(embedded_server: SignallingServer, tmp_path: Path) -> None:
    producer = Producer(embedded_server.uri, name="robot")
    producer.add_player(write_file(tmp_path / "film.mp4", seconds=10), loop=True)
    with producer, connect(embedded_server.uri, name="robot") as session:
        numbers = [number_in(session.video.read()) for _ in range(20)]
        sound = session.audio.read(24000)

    assert None not in numbers
    # A source that is delayed for a second repeats its frame.
    assert len(set(numbers)) > 15
    assert frequency_of(sound) == pytest.approx(440, abs=2)


@patient
def test_file_plays_once_in_real_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    player = Player(write_file(tmp_path / "film.mp4", seconds=2))
    written = Written(player, monkeypatch)
    with playing(player):
        player.wait(SECONDS)

    assert written.numbers == list(range(60))
    begin = written.pictures[0].captured
    assert begin is not None
    offsets = [each.moment - begin - number / FPS for number, each in enumerate(written.pictures)]
    assert statistics.median(offsets) == pytest.approx(0, abs=0.03)
    assert player.ended
    assert player.error is None


@patient
def test_picture_and_sound_are_in_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    player = Player(write_file(tmp_path / "film.mkv", seconds=3, audio="pcm_s16le", sound=beeps(3)))
    written = Written(player, monkeypatch)
    with playing(player):
        player.wait(SECONDS)

    lengths = [len(each.content) / RATE for each in written.sounds]
    apart = []
    for second, onset in enumerate([0.0, *onsets(written.sound)]):
        index = int(np.searchsorted(np.cumsum(lengths), onset, side="right"))
        heard = (written.sounds[index].captured or 0.0) + onset - sum(lengths[:index])
        apart.append(heard - (written.pictures[second * FPS].captured or 0.0))
    assert apart == pytest.approx([0.0] * 3, abs=0.005)
    # A block of sound is written when it is over, like that of a microphone.
    for each, length in zip(written.sounds, lengths, strict=True):
        assert each.moment >= (each.captured or 0.0) + length


@patient
def test_player_that_is_late_says_when_sound_and_pictures_were_due(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    player = Player(write_file(tmp_path / "film.mkv", seconds=1, audio="pcm_s16le"))
    written = Written(player, monkeypatch)
    collect = player.sources[0].write

    def dawdle(content: Any, captured: float | None = None) -> None:
        collect(content, captured=captured)
        if len(written.pictures) == 1:
            # Longer than the player takes to write the first sound on a busy machine.
            time.sleep(0.3)

    monkeypatch.setattr(player.sources[0], "write", dawdle)
    with playing(player):
        player.wait(SECONDS)

    begin = written.pictures[0].captured
    assert begin is not None
    assert written.sounds[0].moment > begin + 0.3
    assert written.sounds[0].captured == pytest.approx(begin, abs=0.005)
    shown = [(each.captured or 0.0) - begin for each in written.pictures]
    assert shown == pytest.approx([number / FPS for number in range(FPS)], abs=0.005)


def test_recording_of_what_is_played_is_in_sync(embedded_server: SignallingServer, tmp_path: Path) -> None:
    film = write_file(tmp_path / "film.mkv", seconds=3, audio="pcm_s16le", sound=beeps(3))
    producer = Producer(embedded_server.uri, name="robot")
    producer.add_player(film, loop=True)
    copy = tmp_path / "copy.mkv"
    with producer, connect(embedded_server.uri, name="robot") as session, session.record(copy) as recorder:
        wait_until(lambda: recorder.seconds > 4, "four seconds", SECONDS)

    with av.open(copy) as container:
        shown = [(frame.time or 0.0, number_in(to_array(frame))) for frame in container.decode(video=0)]
    with av.open(copy) as container:
        frames = list(container.decode(audio=0))
    # Decoded Opus has values from -1 to 1.
    sound = np.concatenate([32768 * frame.to_ndarray().mean(axis=0) for frame in frames])
    heard = [onset + (frames[0].time or 0) for onset in onsets(sound)]
    # Each frame tells how long ago the last second began. On a busy machine its first frame may be missing.
    apart = []
    for onset in heard:
        moment, number = min(shown, key=lambda each: abs(each[0] - onset))
        assert number is not None
        apart.append((onset - moment + number % FPS / FPS + 0.5) % 1 - 0.5)
    assert len(apart) >= 2
    assert abs(statistics.median(apart)) < 0.04


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
        assert len(written.sound) == pytest.approx(48000, abs=4000)
        assert frequency_of(written.sound[4800:43200]) == pytest.approx(440, abs=1)


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

    assert written.sound.shape[1] == channels
    assert frequency_of(written.sound[4800:43200]) == pytest.approx(440, abs=1)


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
    ("wish", "said"), [({"size": (0, 120)}, "width and height"), ({"fps": 0}, "more than 0"), ({"fps": 1e9}, "at most")]
)
def test_size_or_rate_out_of_range_is_refused(tmp_path: Path, wish: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Player(write_file(tmp_path / "film.mp4"), **wish)


def test_cover_of_a_record_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "song.mp3"
    with av.open(str(path), "w") as container:
        sound = container.add_stream("libmp3lame", rate=48000, layout="mono")
        cover = container.add_stream("mjpeg", rate=1)
        assert isinstance(sound, av.AudioStream)
        assert isinstance(cover, av.VideoStream)
        cover.width, cover.height, cover.pix_fmt = 320, 240, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        picture = av.VideoFrame.from_ndarray(numbered_picture(1), "bgr24").reformat(format="yuvj420p")
        container.mux(cover.encode(picture))
        container.mux(cover.encode(None))
        frame = av.AudioFrame.from_ndarray(tone(440, 48000).reshape(1, -1), "s16", "mono")
        frame.sample_rate = 48000
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))

    with closing_player(Player(path)) as player:
        assert [source.kind for source in player.sources] == ["audio"]


@patient
def test_loop_has_no_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    player = Player(write_file(tmp_path / "film.mkv", audio="pcm_s16le"), loop=True)
    written = Written(player, monkeypatch)
    with playing(player):
        wait_until(lambda: len(written.pictures) >= 4 * 30 + 1, "four rounds", SECONDS)

    assert written.numbers[:120] == list(range(30)) * 4
    assert not player.ended
    starts = [written.pictures[index].captured or 0.0 for index in range(0, 121, 30)]
    assert np.diff(starts) == pytest.approx(1.0, abs=0.05)
    # A gap in the sound would be a click: the tone has whole periods in each round.
    assert np.abs(np.diff(written.sound[:, 0].astype(int))).max() < 1000


def test_start_while_playing_does_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    player = Player(write_file(tmp_path / "film.mp4", audio=None))
    written = Written(player, monkeypatch)
    with playing(player):
        player.start()
        player.wait(SECONDS)

    assert written.numbers == list(range(30))


def test_player_begins_again_after_close(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    player = Player(write_file(tmp_path / "film.mp4", seconds=5, audio=None))
    written = Written(player, monkeypatch)
    with playing(player):
        wait_until(lambda: len(written.pictures) > 5, "some pictures")
    player.close(CLOSE_SECONDS)
    assert not player.playing
    count = len(written.pictures)
    with playing(player):
        wait_until(lambda: len(written.pictures) > count, "a picture")

    assert written.numbers[count] == 0


def test_close_during_wait_ends_it(tmp_path: Path) -> None:
    player = Player(write_file(tmp_path / "film.mp4"), loop=True)
    with playing(player):
        closer = threading.Thread(target=player.close, args=(CLOSE_SECONDS,))
        waiter = threading.Thread(target=player.wait)
        waiter.start()
        closer.start()
        waiter.join(SECONDS)
        closer.join(SECONDS)

        assert not waiter.is_alive()
        assert not player.ended


def test_wait_gives_up_in_time(tmp_path: Path) -> None:
    player = Player(write_file(tmp_path / "film.mp4"), loop=True)
    with pytest.raises(WaitTimeout, match=r"film\.mp4: it was not started after 0 s"):
        player.wait(0)
    with playing(player), pytest.raises(WaitTimeout, match=r"film\.mp4: it still plays after 0\.01 s"):
        player.wait(0.01)


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


@patient
def test_time_stamps_that_begin_anew_do_not_stop_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [write_file(tmp_path / f"{first}.ts", first=first) for first in (0, 30)]
    path = tmp_path / "film.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    player = Player(path)
    written = Written(player, monkeypatch)
    with playing(player):
        player.wait(SECONDS)

    # The decoder may lose a frame at the cut.
    assert len(set(range(60)) - set(written.numbers)) <= 2
    begin, end = written.pictures[0].captured, written.pictures[-1].captured
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


def test_player_that_was_held_up_goes_on_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    player = Player(write_file(tmp_path / "film.mp4", seconds=1.5, audio=None))
    (source,) = player.sources
    moments: list[float] = []
    held_up = threading.Event()

    def write(picture: Any, captured: float | None = None) -> None:
        moments.append(time.monotonic())
        if len(moments) == 10:
            held_up.wait(1.5)

    monkeypatch.setattr(source, "write", write)
    with playing(player):
        player.wait(SECONDS)

    assert moments[-1] - moments[10] > 30 / FPS
    assert "behind" in caplog.text


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file or directory; check the path"),
        (b"", "of no format that FFmpeg knows"),
        (b'{"a": 1}' * 1000, "of no format that FFmpeg knows"),
        (b"\x7fELF" + bytes(10_000), "of no format that FFmpeg knows"),
        (np.random.default_rng(1).bytes(100_000), "of no format that FFmpeg knows"),
    ],
    ids=["missing", "empty", "json", "program", "noise"],
)
def test_what_is_no_media_is_refused(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "film"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(MediaError, match=f"cannot open .*film.*{said}"):
        Player(path)


def test_text_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("remember the milk\n" * 100)

    with pytest.raises(MediaError, match=r"neither video nor audio.*takes it for text"):
        Player(path)


def test_subtitles_alone_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "film.srt"
    path.write_text("1\n00:00:01,000 --> 00:00:02,000\nhello\n")

    with pytest.raises(MediaError, match=r"film\.srt.*neither video nor audio.*subtitle \(\w+\)"):
        Player(path)


@pytest.mark.parametrize("path", ["", "/", "a\0b.mp4", "/dev/null", "nothing:there.mp4", "http://127.0.0.1:1/film.mp4"])
def test_strange_path_is_refused(path: str) -> None:
    with pytest.raises(MediaError, match="cannot open"):
        Player(path)


def test_path_that_is_none_is_refused() -> None:
    with pytest.raises(TypeError):
        Player(7)  # type: ignore[arg-type]


def test_message_does_not_tell_a_password() -> None:
    with pytest.raises(MediaError) as raised:
        Player("http://robot:secret@127.0.0.1:1/film.mp4")

    assert "127.0.0.1" in str(raised.value)
    assert "secret" not in str(raised.value)


def test_file_name_may_look_like_a_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_file(tmp_path / "film.mp4", audio=None).rename("monday:noon.mp4")

    with closing_player(Player("monday:noon.mp4")) as player:
        assert [source.kind for source in player.sources] == ["video"]


def test_character_device_is_a_camera() -> None:
    assert Location.of("/dev/null").format == "v4l2"


@pytest.mark.parametrize(("path", "format"), [("/dev/null", None), ("desktop:0", "x11grab")])
def test_device_is_asked_for_a_size_and_a_rate(path: str, format: str | None) -> None:
    wish = Wish((1280, 720), 29.97)

    assert Location.of(path, format, wish=wish).options == {"video_size": "1280x720", "framerate": "29.97"}
    # Options with FFmpeg's own names take precedence.
    given = {"video_size": "640x480", "input_format": "mjpeg"}
    assert Location.of(path, format, given, wish).options == {**given, "framerate": "29.97"}


def test_file_is_asked_for_nothing(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.touch()

    assert Location.of(path, wish=Wish((1280, 720), 30)).options == {}


@contextmanager
def closing_player(player: Player) -> Iterator[Player]:
    try:
        yield player
    finally:
        player.close(CLOSE_SECONDS)


def test_stream_is_shown_as_it_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = write_file(tmp_path / "film.ts", seconds=10).read_bytes()
    with http_server(lambda stream: stream.write(content)) as url:
        player = Player(url)
        written = Written(player, monkeypatch)
        began = time.monotonic()
        with playing(player):
            # FFmpeg 9 takes the regular end of a stream of unknown length for a lost connection, so that wait() may raise.
            wait_until(lambda: player.ended, "the end of the stream")

    assert time.monotonic() - began < 8
    assert written.numbers[-1] == 299
    # Sound that was written too early would stay out of sync forever.
    assert len(written.sound) / RATE < written.sounds[-1].moment - written.sounds[0].moment + 0.5


def test_stream_that_breaks_off_is_opened_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = write_file(tmp_path / "film.ts", audio=None).read_bytes()
    with http_server(lambda stream: stream.write(content)) as url:
        player = Player(url, loop=True)
        written = Written(player, monkeypatch)
        with playing(player):
            wait_until(lambda: len(written.pictures) > 30, "the second connection")

    assert written.numbers[30] == 0


def test_stream_that_falls_silent_does_not_hold_up_close(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    content = write_file(tmp_path / "film.ts", seconds=3, audio=None).read_bytes()
    go_on = threading.Event()

    def answer(stream: Chunks) -> None:
        stream.write(content)
        go_on.wait(SECONDS)

    with http_server(answer) as url:
        player = Player(url)
        written = Written(player, monkeypatch)
        player.start()
        wait_until(lambda: len(written.pictures) >= 80, "all but what the decoder keeps", SECONDS)
        wait_until(lambda: time.monotonic() - written.pictures[-1].moment > 1, "silence")
        began = time.monotonic()
        player.close(0.2)
        took = time.monotonic() - began
        go_on.set()

    assert took < 4
    assert "FFmpeg still waits" in caplog.text


def test_stream_that_falls_silent_breaks_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("gst_signalling_sync.webrtc.media.playing.media_input.READ_SECONDS", 0.5)
    content = write_file(tmp_path / "film.ts", seconds=3, audio=None).read_bytes()
    go_on = threading.Event()

    def answer(stream: Chunks) -> None:
        stream.write(content)
        go_on.wait(SECONDS)

    with http_server(answer) as url:
        player = Player(url)
        with playing(player), pytest.raises(MediaError, match="broke off: nothing came in time"):
            player.wait(SECONDS)
        go_on.set()


def test_pipe_is_shown_as_it_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    film = write_file(tmp_path / "film.ts", seconds=3, audio=None).read_bytes()
    writer = threading.Thread(target=path.write_bytes, args=(film,))
    writer.start()
    player = Player(path)
    written = Written(player, monkeypatch)
    with playing(player):
        player.wait(SECONDS)
    writer.join(SECONDS)

    assert written.numbers[-1] == 89


def test_opening_a_silent_server_can_be_interrupted() -> None:
    script = """
        import sys
        from gst_signalling_sync.webrtc.media.playing.player import Player
        print("opening", flush=True)
        try:
            Player(sys.argv[1])
        except KeyboardInterrupt:
            print("interrupted")
    """
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/film"
        with start_script(script, url) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "opening\n"
            wait_until_blocked(process)
            began = time.monotonic()
            process.send_signal(signal.SIGINT)
            output, errors = exit_of(process)

    assert (process.returncode, output, errors) == (0, "interrupted\n", "")
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("starter", ["player", "producer"])
def test_interpreter_exits_while_a_player_plays(
    embedded_server: SignallingServer, tmp_path: Path, starter: str
) -> None:
    script = """
        import sys
        from gst_signalling_sync import Producer
        producer = Producer(sys.argv[1])
        player = producer.add_player(sys.argv[2], loop=True)
        (player if sys.argv[3] == "player" else producer).start()
        source = player.sources[0]
        while not source.frames_written:
            pass
        print("playing")
    """
    path = write_file(tmp_path / "film.mp4")
    with start_script(script, embedded_server.uri, str(path), starter) as process:
        output, errors = exit_of(process)

    assert (process.returncode, output, errors) == (0, "playing\n", "")


def test_forked_child_is_told_to_make_its_own(tmp_path: Path) -> None:
    player = Player(write_file(tmp_path / "film.mp4"))

    def use() -> bool:
        for call in (player.start, player.wait, lambda: player.close(1)):
            with pytest.raises(RuntimeError, match="inherited by fork"):
                call()
        return True

    with playing(player):
        assert in_child(use)
