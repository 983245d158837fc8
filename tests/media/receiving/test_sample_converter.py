"""Samples in the format that a reader asks for, without a gap between two reads."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gst_signalling_sync.webrtc.media.receiving.sample_buffer import SampleBuffer
from gst_signalling_sync.webrtc.media.receiving.sample_converter import SampleConverter, SampleForm

from ...helpers.media import frequency_of

RATE = 48000
SECONDS = 2


def tone(rate: int, frequency: float = 440.0, amplitude: float = 0.5) -> NDArray[np.float64]:
    return amplitude * np.sin(2 * np.pi * frequency * np.arange(SECONDS * rate) / rate)


@pytest.fixture
def buffer() -> SampleBuffer:
    """Two seconds of a tone on the left channel, and of silence on the right one."""
    buffer = SampleBuffer(RATE, 2)
    left = (tone(RATE) * 32767).astype(np.int16)
    buffer.add(np.stack([left, np.zeros_like(left)], axis=1), 0, len(left))
    return buffer


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000, 96000])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("block", [160, 441, 5000])
def test_blocks_follow_on_each_other(buffer: SampleBuffer, rate: int, channels: int, block: int) -> None:
    converter = SampleConverter(SampleForm(rate, channels, "float32"))
    blocks = []
    while converter.fill(buffer, block):
        blocks.append(converter.take(block))
    audio = np.concatenate([*blocks, converter.take(converter.samples)])

    assert audio.dtype == np.float32
    assert audio.shape[1] == channels
    # All samples except those that the resampler holds back.
    assert SECONDS * rate - len(audio) < 0.005 * rate
    expected = tone(rate)[: len(audio)] / (1 if channels == 2 else 2)
    middle = slice(rate // 10, len(audio) - rate // 10)
    assert np.abs(audio[middle, 0] - expected[middle]).max() < 0.01
    if channels == 2:
        assert np.abs(audio[:, 1]).max() < 1e-6


def test_int16_is_clipped_and_not_wrapped() -> None:
    buffer = SampleBuffer(RATE, 2)
    loudest = np.tile(np.array([[32767, 32767], [-32768, -32768]], np.int16).repeat(24, axis=0), (1000, 1))
    buffer.add(loudest, 0, len(loudest))
    converter = SampleConverter(SampleForm(16000, 1, "int16"))
    assert converter.fill(buffer, 15000)
    audio = converter.take(15000)
    assert audio.dtype == np.int16
    assert abs(frequency_of(np.repeat(audio, 2, axis=1), 16000) - 1000) < 20
    assert audio.max() > 20000
    assert audio.min() < -20000


def test_no_more_is_converted_than_is_wanted(buffer: SampleBuffer) -> None:
    converter = SampleConverter(SampleForm(16000, 1, "int16"))
    before = buffer.samples
    assert converter.fill(buffer, 320)
    assert before - buffer.samples < 3 * 320 + 3 * 48


@pytest.mark.parametrize(
    "arguments", [(7999, 1, "int16"), (192_001, 1, "int16"), (16000, 0, "int16"), (16000, 3, "int16")]
)
def test_forms_that_are_none(arguments: tuple[int, int, str]) -> None:
    with pytest.raises(ValueError, match=r"(rate|channels) must be"):
        SampleForm(*arguments)
    with pytest.raises(ValueError, match="dtype must be one of 'int16', 'float32', not 'float64'"):
        SampleForm(dtype="float64")
