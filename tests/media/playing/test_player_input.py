"""The input of a `Player` is opened once, by `add_player`, and closed once, by the role's `close`."""

from __future__ import annotations

import fcntl
import gc
import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gst_signalling_sync import ConnectError, MediaError, Producer, SignallingServer, connect
from gst_signalling_sync.webrtc.media.playing import input_opening, media_input, player_thread
from gst_signalling_sync.webrtc.media.playing.player import Player, thread_of

from ...helpers.media import number_in
from ...helpers.playing import CLOSE_SECONDS, FPS, SECONDS, Written, film_server, playing, write_file
from ...helpers.ports import reserved_port
from ...helpers.waiting import wait_until


@contextmanager
def fifo(path: Path, content: bytes) -> Iterator[list[BaseException]]:
    """Write a film into a named pipe, once. The list gets the writer's error."""
    os.mkfifo(path)
    errors: list[BaseException] = []

    def write() -> None:
        try:
            path.write_bytes(content)
        except OSError as error:
            errors.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield errors
    finally:
        writer.join(SECONDS)
        assert not writer.is_alive()


@pytest.fixture
def film(tmp_path: Path) -> bytes:
    """Three seconds of numbered frames, which is more than FFmpeg reads to analyse a stream."""
    return write_file(tmp_path / "film.ts", seconds=3, audio=None).read_bytes()


@pytest.mark.parametrize("added", ["before", "after"])
def test_standard_input_is_played(embedded_server: SignallingServer, film: bytes, added: str) -> None:
    script = """
        import sys
        from gst_signalling_sync import Producer
        producer = Producer(sys.argv[1], name="robot")
        if sys.argv[2] == "after":
            producer.start()
        player = producer.add_player("pipe:0")
        with producer:
            player.wait(20)
            print(player.sources[0].frames_written, player.ended, player.error)
    """
    command = [sys.executable, "-c", textwrap.dedent(script), embedded_server.uri, added]
    ended = subprocess.run(command, input=film, capture_output=True, timeout=60, check=False)

    assert (ended.stdout, ended.stderr) == (b"90 True None\n", b"")


def test_named_pipe_plays_from_its_first_frame(
    embedded_server: SignallingServer, tmp_path: Path, film: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fifo(tmp_path / "pipe", film):
        producer = Producer(embedded_server.uri, name="robot")
        player = producer.add_player(tmp_path / "pipe")
        written = Written(player, monkeypatch)
        with producer:
            player.wait(SECONDS)

    assert written.numbers == list(range(3 * FPS))


def test_pipe_survives_a_start_that_fails(tmp_path: Path, film: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    with reserved_port() as port, fifo(tmp_path / "pipe", film):
        producer = Producer(port=port, name="robot")
        player = producer.add_player(tmp_path / "pipe")
        written = Written(player, monkeypatch)
        with pytest.raises(ConnectError):
            producer.start(timeout=1)
        with SignallingServer(port=port), producer:
            player.wait(SECONDS)

    assert written.numbers == list(range(3 * FPS))


@pytest.mark.parametrize("begins", ["before", "after"], ids=["added before start", "added after start"])
def test_stream_is_opened_once(
    embedded_server: SignallingServer, film: bytes, begins: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    producer = Producer(embedded_server.uri, name="robot")
    with film_server(film) as stream:
        if begins == "after":
            producer.start()
        written = Written(producer.add_player(stream.url), monkeypatch)
        with producer:
            wait_until(lambda: len(written.frames) > FPS, "frames", SECONDS)

        assert len(stream.requests) == 1


def test_closed_role_opens_its_stream_again(embedded_server: SignallingServer, film: bytes) -> None:
    producer = Producer(embedded_server.uri, name="robot")
    with film_server(film) as stream:
        player = producer.add_player(stream.url)
        with producer:
            wait_until(lambda: player.playing, "the first time")
        with producer, connect(embedded_server.uri, name="robot") as session:
            assert number_in(session.video.read()) is not None

        assert len(stream.requests) == 2


def test_player_goes_on_over_a_lost_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_file(tmp_path / "long.mp4", seconds=20, audio=None)
    with reserved_port() as port:
        producer = Producer(port=port, name="robot")
        player = producer.add_player(path)
        written = Written(player, monkeypatch)
        lost = threading.Event()
        producer.connection_lost.connect(lambda producer, error: lost.set())
        with SignallingServer(port=port):
            producer.start()
            wait_until(lambda: len(written.frames) > 5, "some frames")
        assert lost.wait(SECONDS)
        count = len(written.frames)
        with SignallingServer(port=port), producer:
            wait_until(lambda: len(written.frames) > count + 5, "more frames")

    assert written.numbers == list(range(len(written.frames)))


@pytest.mark.parametrize("end", ["close", "close after a start that failed", "forget"])
def test_role_that_is_never_started_gives_its_input_back(tmp_path: Path, film: bytes, end: str) -> None:
    # More than a pipe and FFmpeg's read-ahead hold, so that the writer is still writing.
    with fifo(tmp_path / "pipe", film * 50) as errors:
        producer = Producer("ws://127.0.0.1:1", name="robot")
        producer.add_player(tmp_path / "pipe")
        if "start" in end:
            with pytest.raises(ConnectError):
                producer.start(timeout=1)
        if "close" in end:
            producer.close()
        else:
            del producer
            gc.collect()

    assert [type(error) for error in errors] == [BrokenPipeError]


@pytest.mark.parametrize("begins", ["before its first frame", "in the middle"])
def test_pipe_that_is_silent_does_not_hold_up_close(film: bytes, begins: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb"), os.fdopen(writing, "wb"):
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, len(film))
        assert os.write(writing, film) == len(film)
        player = Player(f"pipe:{reading}")
        written = Written(player, monkeypatch)
        thread_of(player).start()
        if begins == "in the middle":
            wait_until(lambda: len(written.frames) > FPS, "frames", SECONDS)
        # Nothing more is written, and the writer keeps the pipe open.
        began = time.monotonic()
        thread_of(player).close(SECONDS)
        took = time.monotonic() - began

    assert took < 2
    assert not any(thread.name == "gss-player" for thread in threading.enumerate())


def test_pipe_without_a_writer_is_given_up_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(input_opening, "OPEN_SECONDS", 0.3)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(MediaError, match=r"cannot open .*pipe: nothing came within 0\.3 s"):
        Player(tmp_path / "pipe")
    # A fixture asserts that no thread is left that waits for a writer.


def test_pipe_whose_writer_comes_late_is_played(tmp_path: Path, film: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    made: list[Player] = []
    opener = threading.Thread(target=lambda: made.append(Player(path)))
    opener.start()
    path.write_bytes(film)
    opener.join(SECONDS)
    (player,) = made
    written = Written(player, monkeypatch)
    with playing(player):
        player.wait(SECONDS)

    assert written.numbers == list(range(3 * FPS))


def test_descriptor_that_is_none_is_refused() -> None:
    with pytest.raises(MediaError, match="cannot open pipe:987654: Bad file descriptor"):
        Player("pipe:987654")


def test_stream_that_waited_too_long_is_opened_again(film: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    with film_server(film) as stream:
        player = Player(stream.url)
        written = Written(player, monkeypatch)
        monkeypatch.setattr(player_thread, "READ_SECONDS", 0.0)
        with playing(player):
            wait_until(lambda: len(written.frames) > 0, "a frame", SECONDS)

        assert len(stream.requests) == 2


def test_start_waits_for_the_input_that_ffmpeg_still_holds(film: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_input, "READ_SECONDS", 2.0)
    with film_server(film) as stream:
        player = Player(stream.url)
        written = Written(player, monkeypatch)
        thread_of(player).start()
        wait_until(lambda: len(written.frames) >= 80, "all but what the decoder keeps", SECONDS)
        # The stream sends nothing now, and FFmpeg waits for it.
        thread_of(player).close(0.1)
        thread_of(player).start()
        assert len(stream.requests) == 1
        wait_until(lambda: len(written.frames) > 100, "the stream again", SECONDS)
        thread_of(player).close(CLOSE_SECONDS)

        assert len(stream.requests) == 2
