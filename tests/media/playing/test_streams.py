"""Streams and pipes, which may fall silent or break off."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from gst_signalling_sync import MediaError
from gst_signalling_sync.webrtc.media.playing.player import Player, thread_of

from ...helpers.playing import RATE, SECONDS, Chunks, Written, http_server, playing, write_file
from ...helpers.processes import exit_of, start_script, wait_until_blocked
from ...helpers.waiting import wait_until


@contextmanager
def silent_stream(folder: Path) -> Iterator[str]:
    """The URL of a stream that falls silent after 3 s, and stays open."""
    content = write_file(folder / "film.ts", seconds=3, audio=None).read_bytes()
    go_on = threading.Event()

    def answer(stream: Chunks) -> None:
        stream.write(content)
        go_on.wait(SECONDS)

    with http_server(answer) as url:
        yield url
        go_on.set()


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
    assert len(written.samples) / RATE < written.audio[-1].moment - written.audio[0].moment + 0.5


def test_stream_that_breaks_off_is_opened_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = write_file(tmp_path / "film.ts", audio=None).read_bytes()
    with http_server(lambda stream: stream.write(content)) as url:
        player = Player(url, loop=True)
        written = Written(player, monkeypatch)
        with playing(player):
            wait_until(lambda: len(written.frames) > 30, "the second connection")

    assert written.numbers[30] == 0


def test_stream_that_falls_silent_does_not_hold_up_close(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with silent_stream(tmp_path) as url:
        player = Player(url)
        written = Written(player, monkeypatch)
        thread_of(player).start()
        wait_until(lambda: len(written.frames) >= 80, "all but what the decoder keeps", SECONDS)
        wait_until(lambda: time.monotonic() - written.frames[-1].moment > 1, "silence")
        began = time.monotonic()
        thread_of(player).close(0.2)
        took = time.monotonic() - began

    assert took < 4
    assert "FFmpeg still waits" in caplog.text


def test_stream_that_falls_silent_breaks_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("gst_signalling_sync.webrtc.media.playing.media_input.READ_SECONDS", 0.5)
    with silent_stream(tmp_path) as url:
        player = Player(url)
        with playing(player), pytest.raises(MediaError, match="broke off: nothing came in time"):
            player.wait(SECONDS)


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
        from gst_signalling_sync import Player
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
