"""The frames and the tone of ``demo``."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from rich.console import Console

from gst_signalling_sync.cli.demo.children import Child
from gst_signalling_sync.cli.demo.measurement import Measurement
from gst_signalling_sync.cli.demo.pattern import HEIGHT, WIDTH, MovingPattern, seconds_since
from gst_signalling_sync.cli.demo.processor import ProcessorUse
from gst_signalling_sync.cli.demo.screen import drawing
from gst_signalling_sync.cli.demo.tone import RATE, Tone, frequency_of

from .command import Command, is_one_line, run
from .recordings import frame_in

pytestmark = pytest.mark.slow


def test_measures_frames_and_hears_the_tone() -> None:
    began = time.monotonic()
    finished = run("demo", "--seconds", "3", "--json")
    seconds = time.monotonic() - began
    assert (finished.returncode, finished.stderr) == (0, "")
    summary = json.loads(finished.stdout)
    assert 0 < summary["frames_per_second"] < 60
    assert 0 < summary["cores_used"] <= summary["cores"] * 1.1
    assert len(summary["consumers"]) == 2
    for consumer in summary["consumers"]:
        latency = consumer["latency_ms"]
        # The latency is at most the duration of the run: beside other tests, the machine may delay frames.
        assert 0 < latency["min"] <= latency["p50"] <= latency["max"] < seconds * 1000
        assert consumer["tone_hz"] == pytest.approx(440, abs=5)


def test_pipe_gets_frame_rate_latency_and_tone() -> None:
    with Command("demo", "--seconds", "2", "--consumers", "1") as demo:
        assert "frames/s, latency p50 " in demo.line_with(" s: ")
        demo.line_with(" frames, ")
        demo.line_with("The tone of 440 Hz was heard by 1 of 1 consumer")
        demo.line_with("2 processes drew, encoded and decoded video in software on ")


def test_what_was_measured_before_all_were_connected_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    measurement = Measurement("ws://127.0.0.1:8443", 1)
    child = measurement.consumers[0].child = cast(Child, SimpleNamespace(process_id=7))

    def report(count: int, seconds: float) -> None:
        counts = {"sent": count, "received": count, "frames": count, "lost": 0, "tone": None}
        measured = {"round_trips": [seconds], "latencies": [seconds], "cpu_seconds": count / 100}
        measurement.add(child, {**counts, **measured})

    measurement.add(child, {"connected_seconds": 3.0})
    report(10, 5.0)
    now += 1
    report(20, 4.0)
    assert measurement.is_running
    now += 2
    report(70, 0.001)

    summary = measurement.summary()
    assert (summary["messages_to_producer"], summary["messages_from_producer"], summary["frames"]) == (50, 50, 50)
    assert summary["round_trip_ms"]["max"] == summary["latency_ms"]["max"] == 1.0
    assert (summary["seconds"], summary["cores_used"]) == (2.0, 0.25)
    assert summary["frames_per_second"] == summary["consumers"][0]["frames_per_second"] == 25.0


@pytest.mark.parametrize(
    ("seconds", "load", "said"),
    [
        (1.0, 0.5, "2 processes drew, encoded and decoded video in software on 0.5 of 4 cores; waiting"),
        (7.0, 0.5, "on 3.5 of 4 cores (load 0.5): the cores were busy"),
        (1.0, 9.0, "on 0.5 of 4 cores (load 9.0): the cores were busy"),
    ],
)
def test_end_says_what_the_figures_are_made_of(seconds: float, load: float, said: str) -> None:
    use = ProcessorUse(4)
    use.add(1, 3.0)
    use.begin()
    use.add(1, 3.0 + seconds / 2)
    use.add(2, seconds / 2)
    assert said in use.explanation(2.0, load)


def test_save_keeps_a_frame(tmp_path: Path) -> None:
    file = tmp_path / "frame.png"
    finished = run("demo", "--seconds", "1", "--consumers", "1", "--save", str(file))
    assert finished.returncode == 0
    assert f"A frame is in {file}." in finished.stdout
    grey = frame_in(file).mean(axis=2).astype(np.uint8)
    assert seconds_since(grey, 0) is not None


def test_absent_directory_exits_with_1_before_it_begins() -> None:
    finished = run("demo", "--save", "/nowhere/at/all/frame.png")
    assert (finished.returncode, finished.stdout) == (1, "")
    assert is_one_line(finished.stderr)


def test_table_fits_into_80_columns() -> None:
    drawn = drawn_at(80)
    assert "…" not in drawn
    assert "tone" in drawn
    assert len(drawn.splitlines()) == 9


@pytest.mark.parametrize("columns", [60, 40])
def test_table_of_a_narrow_terminal_has_what_is_most_important(columns: int) -> None:
    drawn = drawn_at(columns)
    assert "…" not in drawn
    assert "tone" not in drawn
    assert all(whole in drawn for whole in ("consumer 2", "round trip", "frames", "latency"))
    assert max(map(len, drawn.splitlines())) <= columns


def test_moving_pattern_tells_its_age() -> None:
    pattern = MovingPattern()
    for drawn in (0.0, 1.5, 1677.7, 1677.75, 98765.4321):
        grey = pattern.draw(drawn).mean(axis=2).astype(np.uint8)
        assert grey.shape == (HEIGHT, WIDTH)
        assert seconds_since(grey, drawn + 0.0123) == pytest.approx(0.0123, abs=0.0002)


def test_frame_without_squares_tells_no_age() -> None:
    grey = MovingPattern().draw(3.0).mean(axis=2).astype(np.uint8)
    assert seconds_since(255 - grey, 3.0) is None
    assert seconds_since(grey[:-2], 3.0) is None


def test_tone_goes_on_where_it_was_left() -> None:
    tone = Tone(440)
    audio = np.concatenate([tone.next(length) for length in (1600, 1, 30_000, 16_399)])[:, np.newaxis]
    assert frequency_of(audio) == pytest.approx(440, abs=1)
    assert np.abs(np.diff(audio[:, 0].astype(int))).max() < 400
    assert len(audio) == RATE
    assert frequency_of(np.zeros((RATE // 4, 2), np.int16)) is None


def drawn_at(columns: int) -> str:
    """The demo's table on a terminal with a number of columns."""
    measurement = Measurement("ws://127.0.0.1:8443", 2)
    for consumer in measurement.consumers:
        consumer.connected_seconds = 0.2
        consumer.tone = 440
        consumer.round_trips.add(0.12345)
        consumer.latencies.add(0.12345)
    drawn = io.StringIO()
    Console(file=drawn, width=columns).print(drawing(measurement, "10 s to go"))
    return drawn.getvalue()
