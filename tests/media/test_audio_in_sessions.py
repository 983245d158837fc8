"""Audio as robots use it: a speaker that can be silenced at once, 16 kHz float32 in both directions, reads without waiting."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from gst_signalling_sync import Producer, Session, SessionClosed, WaitTimeout, connect

from ..helpers.filming import filming, humming
from ..helpers.media import frequency_of
from ..helpers.waiting import Heard, wait_until

SECONDS = 20.0


def tone(seconds: float, frequency: float = 440.0, rate: int = 48000) -> NDArray[np.float32]:
    samples = 0.5 * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)
    return samples.astype(np.float32)


def test_what_was_cleared_is_not_heard(producer: Producer) -> None:
    speaker = producer.add_audio()
    still_heard = []
    with connect(producer.uri, name="robot") as session:
        for _ in range(5):
            speaker.write(tone(30))
            # The sound begins with silence, for as long as this program was delayed since the last round.
            wait_until(lambda: abs(frequency_of(session.audio.read(4800)) - 440) < 10, "the tone is heard")
            assert 20 < speaker.queued < 30

            speaker.clear()
            assert speaker.queued == 0
            session.audio.read_available()
            speaker.write(tone(1, 1000))
            blocks = [session.audio.read(480) for _ in range(80)]
            still_heard.append(
                next(number for number, block in enumerate(blocks) if abs(frequency_of(block) - 1000) < 120)
            )
            assert abs(frequency_of(np.concatenate(blocks[40:])) - 1000) < 10
            speaker.clear()
            session.audio.read_available()
    # 100 ms were under way. A machine that is delayed in one of the rounds sends more at once.
    assert sorted(still_heard)[2] < 10, still_heard


def test_draining_waits_until_all_is_sent(producer: Producer) -> None:
    speaker = producer.add_audio()
    with connect(producer.uri, name="robot") as session:
        speaker.write(tone(1))
        with pytest.raises(WaitTimeout, match=r"draining .*: after 0.05 s, .* s of audio are not sent yet"):
            speaker.drain(0.05)
        speaker.drain()
        assert speaker.queued == 0
        assert abs(frequency_of(session.audio.read(45000)) - 440) < 5


def test_draining_ends_when_it_is_cleared(producer: Producer) -> None:
    speaker = producer.add_audio()
    with connect(producer.uri, name="robot"):
        speaker.write(tone(30))
        draining = threading.Thread(target=speaker.drain)
        draining.start()
        speaker.clear()
        draining.join(SECONDS)
        assert not draining.is_alive()


def test_sound_that_nobody_hears_passes_by(producer: Producer) -> None:
    speaker = producer.add_audio()
    speaker.write(tone(0.6))
    assert speaker.queued > 0
    speaker.drain(SECONDS)
    assert speaker.queued == 0


@pytest.mark.parametrize(("low_delay", "ticks"), [(False, 960), (True, 480)])
def test_packets_with_low_delay_are_of_10_ms(producer: Producer, low_delay: bool, ticks: int) -> None:
    with humming(producer.add_audio(low_delay=low_delay)), connect(producer.uri, name="robot") as session:
        frames = Heard(session.audio.frame)
        lengths = {frames.next()["frame"].samples for _ in range(20)}
        assert lengths == {ticks}
        assert abs(frequency_of(session.audio.read(24000)) - 440) < 5


def test_16_khz_float32_both_ways(producer: Producer) -> None:
    with humming(producer.add_audio(rate=16000)), connect(producer.uri, name="robot") as session:
        blocks = [session.audio.read(320, rate=16000, channels=1, dtype="float32") for _ in range(100)]
    audio = np.concatenate(blocks)
    assert audio.dtype == np.float32
    assert audio.shape == (32000, 1)
    assert np.abs(audio).max() <= 1
    assert abs(frequency_of((audio[8000:] * 32767).astype(np.int16), 16000) - 440) < 2


def test_what_is_there_is_read_at_once(producer: Producer) -> None:
    source = producer.add_audio()
    with connect(producer.uri, name="robot") as session:
        audio = session.audio
        assert audio.read_available().shape == (0, 2)
        assert audio.read_available(rate=16000, channels=1, dtype="float32").shape == (0, 1)
        with humming(source):
            wait_until(lambda: audio.waiting > 4800, "sound comes", SECONDS)
            blocks = [audio.read_available(rate=16000, channels=1)]
            wait_until(lambda: audio.waiting > 24000, "more comes", SECONDS)
            blocks.append(audio.read_available(rate=16000, channels=1))
        assert blocks[1].dtype == np.int16
        assert len(blocks[1]) > 7900
        assert abs(frequency_of(blocks[1], 16000) - 440) < 5
    with pytest.raises(SessionClosed):
        audio.read(10**7)
    audio.read_available()
    assert audio.read_available().shape == (0, 2)


@pytest.fixture
def session(producer: Producer) -> Iterator[Session]:
    with filming(producer.add_video()), connect(producer.uri, name="robot") as session:
        yield session


@pytest.mark.parametrize("size", [(160, 120), (224, 224), (640, 480), (33, 7)])
@pytest.mark.parametrize("format", ["bgr24", "gray8"])
def test_video_is_read_at_a_chosen_size(session: Session, size: tuple[int, int], format: str) -> None:
    assert session.video.read(format, size=size).shape[1::-1] == size
    assert session.video.read_frame(format, size=size).array.shape[1::-1] == size
    newest = session.video.latest(format, size=size)
    assert newest is not None
    assert newest.shape[1::-1] == size
    assert session.video.size == (320, 240)


@pytest.mark.parametrize("size", [(0, 10), (10, -1), (20000, 10)])
def test_sizes_that_are_none(session: Session, size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="size must be"):
        session.video.read(size=size)
    with pytest.raises(ValueError, match="size must be"):
        session.video.latest(size=size)
