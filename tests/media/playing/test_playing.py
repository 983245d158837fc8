"""A player plays in real time and in sync, from its start to its close."""

from __future__ import annotations

import statistics
import threading
import time
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from gst_signalling_sync import Producer, SignallingServer, WaitTimeout, connect
from gst_signalling_sync.webrtc.media.frame_conversion import to_array
from gst_signalling_sync.webrtc.media.playing.player import Player, thread_of

from ...helpers.media import beeps, frequency_of, number_in, onsets
from ...helpers.playing import CLOSE_SECONDS, FPS, RATE, SECONDS, Written, playing, write_file
from ...helpers.waiting import wait_until


def test_consumer_sees_and_hears_a_file(embedded_server: SignallingServer, tmp_path: Path) -> None:
    producer = Producer(embedded_server.uri, name="robot")
    producer.add_player(write_file(tmp_path / "film.mp4", seconds=10), loop=True)
    with producer, connect(embedded_server.uri, name="robot") as session:
        numbers = [number_in(session.video.read()) for _ in range(20)]
        audio = session.audio.read(24000)

    assert None not in numbers
    # A source that is delayed for a second repeats its frame.
    assert len(set(numbers)) > 15
    assert frequency_of(audio) == pytest.approx(440, abs=2)


@pytest.mark.usefixtures("patient")
def test_file_plays_once_in_real_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    player = Player(write_file(tmp_path / "film.mp4", seconds=2))
    written = Written(player, monkeypatch)
    with playing(player):
        player.wait(SECONDS)

    assert written.numbers == list(range(60))
    begin = written.frames[0].captured
    assert begin is not None
    offsets = [each.moment - begin - number / FPS for number, each in enumerate(written.frames)]
    assert statistics.median(offsets) == pytest.approx(0, abs=0.03)
    assert player.ended
    assert player.error is None


@pytest.mark.usefixtures("patient")
def test_frame_and_sound_are_in_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    player = Player(write_file(tmp_path / "film.mkv", seconds=3, audio="pcm_s16le", samples=beeps(3)))
    written = Written(player, monkeypatch)
    with playing(player):
        player.wait(SECONDS)

    lengths = [len(each.content) / RATE for each in written.audio]
    apart = []
    for second, onset in enumerate([0.0, *onsets(written.samples)]):
        index = int(np.searchsorted(np.cumsum(lengths), onset, side="right"))
        heard = (written.audio[index].captured or 0.0) + onset - sum(lengths[:index])
        apart.append(heard - (written.frames[second * FPS].captured or 0.0))
    assert apart == pytest.approx([0.0] * 3, abs=0.005)
    # A block of sound is written when it is over, like that of a microphone.
    for each, length in zip(written.audio, lengths, strict=True):
        assert each.moment >= (each.captured or 0.0) + length


@pytest.mark.usefixtures("patient")
def test_player_that_is_late_says_when_sound_and_frames_were_due(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    player = Player(write_file(tmp_path / "film.mkv", seconds=1, audio="pcm_s16le"))
    written = Written(player, monkeypatch)
    collect = player.sources[0].write

    def dawdle(content: Any, captured: float | None = None) -> None:
        collect(content, captured=captured)
        if len(written.frames) == 1:
            # Longer than the player takes to write the first sound on a busy machine.
            time.sleep(0.3)

    monkeypatch.setattr(player.sources[0], "write", dawdle)
    with playing(player):
        player.wait(SECONDS)

    begin = written.frames[0].captured
    assert begin is not None
    assert written.audio[0].moment > begin + 0.3
    assert written.audio[0].captured == pytest.approx(begin, abs=0.005)
    shown = [(each.captured or 0.0) - begin for each in written.frames]
    assert shown == pytest.approx([number / FPS for number in range(FPS)], abs=0.005)


def test_recording_of_what_is_played_is_in_sync(embedded_server: SignallingServer, tmp_path: Path) -> None:
    film = write_file(tmp_path / "film.mkv", seconds=3, audio="pcm_s16le", samples=beeps(3))
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
    samples = np.concatenate([32768 * frame.to_ndarray().mean(axis=0) for frame in frames])
    heard = [onset + (frames[0].time or 0) for onset in onsets(samples)]
    # Each frame tells how long ago the last second began. On a busy machine its first frame may be missing.
    apart = []
    for onset in heard:
        moment, number = min(shown, key=lambda each: abs(each[0] - onset))
        assert number is not None
        apart.append((onset - moment + number % FPS / FPS + 0.5) % 1 - 0.5)
    assert len(apart) >= 2
    assert abs(statistics.median(apart)) < 0.04


@pytest.mark.usefixtures("patient")
def test_loop_has_no_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    player = Player(write_file(tmp_path / "film.mkv", audio="pcm_s16le"), loop=True)
    written = Written(player, monkeypatch)
    with playing(player):
        wait_until(lambda: len(written.frames) >= 4 * 30 + 1, "four rounds", SECONDS)

    assert written.numbers[:120] == list(range(30)) * 4
    assert not player.ended
    starts = [written.frames[index].captured or 0.0 for index in range(0, 121, 30)]
    assert np.diff(starts) == pytest.approx(1.0, abs=0.05)
    # A gap in the sound would be a click: the tone has whole periods in each round.
    assert np.abs(np.diff(written.samples[:, 0].astype(int))).max() < 1000


def test_start_while_playing_does_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    player = Player(write_file(tmp_path / "film.mp4", audio=None))
    written = Written(player, monkeypatch)
    with playing(player):
        thread_of(player).start()
        player.wait(SECONDS)

    assert written.numbers == list(range(30))


def test_player_begins_again_after_close(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    player = Player(write_file(tmp_path / "film.mp4", seconds=5, audio=None))
    written = Written(player, monkeypatch)
    with playing(player):
        wait_until(lambda: len(written.frames) > 5, "some frames")
    thread_of(player).close(CLOSE_SECONDS)
    assert not player.playing
    count = len(written.frames)
    with playing(player):
        wait_until(lambda: len(written.frames) > count, "a frame")

    assert written.numbers[count] == 0


def test_close_during_wait_ends_it(tmp_path: Path) -> None:
    player = Player(write_file(tmp_path / "film.mp4"), loop=True)
    with playing(player):
        closer = threading.Thread(target=thread_of(player).close, args=(CLOSE_SECONDS,))
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


def test_player_that_was_held_up_goes_on_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    player = Player(write_file(tmp_path / "film.mp4", seconds=1.5, audio=None))
    (source,) = player.sources
    moments: list[float] = []
    held_up = threading.Event()

    def write(frame: Any, captured: float | None = None) -> None:
        moments.append(time.monotonic())
        if len(moments) == 10:
            held_up.wait(1.5)

    monkeypatch.setattr(source, "write", write)
    with playing(player):
        player.wait(SECONDS)

    assert moments[-1] - moments[10] > 30 / FPS
    assert "continues without catching up" in caplog.text
