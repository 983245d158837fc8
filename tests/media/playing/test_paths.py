"""What a player is given: what is no media is refused, and devices are asked for a size and a frame rate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gst_signalling_sync import MediaError
from gst_signalling_sync.webrtc.media.playing.media_input import Location, Wish
from gst_signalling_sync.webrtc.media.playing.player import Player

from ...helpers.playing import closing_player, write_file


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
