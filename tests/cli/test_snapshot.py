"""``snapshot``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from gst_signalling_sync import Producer, encode_still, save_still

from ..helpers.media import has_colour_bars, number_in
from .command import is_one_line, run
from .recordings import frame_in

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("suffix", ["png", "jpg", "jpeg", "PNG"])
def test_saves_a_frame(uri: str, robot: Producer, tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"robot.{suffix}"
    finished = run("snapshot", "robot", str(file), "--uri", uri)
    assert (finished.returncode, finished.stderr) == (0, "")
    assert finished.stdout.startswith(f"{file}: 320x240, ")
    frame = frame_in(file)
    assert frame.shape == (240, 320, 3)
    assert has_colour_bars(frame)
    assert number_in(frame) is not None


def test_json_is_one_document(uri: str, robot: Producer, tmp_path: Path) -> None:
    file = tmp_path / "robot.png"
    document = json.loads(run("snapshot", str(robot.peer_id), str(file), "--uri", uri, "--json").stdout)
    assert document == {
        "file": str(file),
        "bytes": file.stat().st_size,
        "width": 320,
        "height": 240,
        "name": "robot",
        "id": robot.peer_id,
    }


def test_file_that_cannot_be_written_exits_with_1(uri: str, robot: Producer, tmp_path: Path) -> None:
    file = tmp_path / "full.png"
    file.symlink_to("/dev/full")
    finished = run("snapshot", "robot", str(file), "--uri", uri)
    assert finished.returncode == 1
    assert is_one_line(finished.stderr)
    assert "No space left" in finished.stderr


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize("size", [(1, 1), (3, 17), (240, 320)])
def test_any_size_can_be_saved(tmp_path: Path, suffix: str, size: tuple[int, int]) -> None:
    frame = np.full((*size, 3), (40, 90, 200), np.uint8)
    file = tmp_path / f"still{suffix}"
    assert save_still(file, frame) == file.stat().st_size
    assert np.abs(frame_in(file).astype(int) - frame).max() <= (0 if suffix == ".png" else 6)


def test_formats_of_arrays() -> None:
    grey = np.arange(64, dtype=np.uint8).reshape(8, 8)
    assert encode_still(grey, format="gray8").startswith(b"\x89PNG")
    assert encode_still(grey.repeat(3).reshape(8, 8, 3), "jpeg", "rgb24").startswith(b"\xff\xd8")


def test_bad_input_is_refused(tmp_path: Path) -> None:
    frame = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(ValueError, match="kind must be 'png' or 'jpeg'"):
        encode_still(frame, "gif")
    with pytest.raises(ValueError, match="shape"):
        encode_still(frame[0])
    with pytest.raises(ValueError, match=r"\.png, \.jpg"):
        save_still(tmp_path / "still.gif", frame)
    with pytest.raises(FileNotFoundError):
        save_still(tmp_path / "absent" / "still.png", frame)
