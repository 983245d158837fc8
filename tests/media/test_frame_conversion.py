"""Video frames as arrays and as `av.VideoFrame`."""

from __future__ import annotations

from typing import Any

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange, VideoReformatter

from gst_signalling_sync.webrtc.media.frame_conversion import FORMATS, to_array, to_frame, to_yuv420p, with_even_sides


def _noise(*shape: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(1).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize(
    ("format", "shape"),
    [
        ("bgr24", (480, 640, 3)),
        ("bgr24", (241, 321, 3)),
        ("rgb24", (5, 7, 3)),
        ("gray8", (5, 7)),
        ("yuv420p", (720, 640)),
        ("bgr24", (1, 1, 3)),
    ],
)
def test_an_array_comes_back_as_it_was(format: str, shape: tuple[int, ...]) -> None:
    frame = _noise(*shape)
    assert np.array_equal(to_array(to_frame(frame, format), format), frame)


def test_views_with_any_strides_are_taken() -> None:
    frame = _noise(48, 64, 3)[::-1, ::2, ::-1]
    assert np.array_equal(to_array(to_frame(frame)), frame)


def test_the_array_may_be_used_again_at_once() -> None:
    array = np.full((48, 64, 3), 200, np.uint8)
    frame = to_frame(array)
    array[:] = 0
    assert to_array(frame).min() == 200


def test_colours_are_named_in_the_order_of_their_format() -> None:
    blue = np.zeros((48, 64, 3), np.uint8)
    blue[:, :, 0] = 255
    assert to_array(to_frame(blue, "bgr24"), "rgb24")[0, 0].tolist() == [0, 0, 255]


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("width", [320, 426, 854, 1080])
def test_an_array_has_no_gaps_between_its_rows(width: int, format: str) -> None:
    frame = to_frame(_noise(48, width, 3)).reformat(format="yuv420p")
    assert to_array(frame, format).flags.c_contiguous


@pytest.mark.parametrize("value", [0, 20, 60, 128, 240, 255])
@pytest.mark.parametrize("format", ["bgr24", "rgb24", "gray8"])
def test_brightness_survives_the_way_through_an_encoders_format(format: str, value: int) -> None:
    shape = (48, 64) if format == "gray8" else (48, 64, 3)
    frame = to_yuv420p(to_frame(np.full(shape, value, np.uint8), format), VideoReformatter())
    assert abs(int(to_array(frame, "gray8")[24, 32]) - value) <= 1
    assert np.abs(to_array(frame, "bgr24")[24, 32].astype(int) - value).max() <= 1


@pytest.mark.parametrize("format", ["bgr24", "rgb24"])
@pytest.mark.parametrize("size", [(64, 48), (62, 50), (63, 49)])
def test_colours_survive_the_way_through_an_encoders_format(format: str, size: tuple[int, int]) -> None:
    random = np.random.default_rng(2)
    reformatter = VideoReformatter()
    for colour in random.integers(0, 256, (50, 3)):
        frame = np.broadcast_to(colour.astype(np.uint8), (size[1], size[0], 3))
        converted = to_yuv420p(to_frame(frame, format), reformatter)
        assert np.abs(to_array(converted, format)[20, 20].astype(int) - colour).max() <= 4


def test_neutral_colours_stay_neutral() -> None:
    ramp = np.repeat(np.repeat(np.arange(256, dtype=np.uint8)[np.newaxis, :, np.newaxis], 64, axis=0), 3, axis=2)
    frame = np.repeat(ramp, 2, axis=1)
    converted = to_yuv420p(to_frame(frame), VideoReformatter())
    planes = to_array(converted, "yuv420p")
    assert np.unique(planes[64:]).tolist() == [128]
    assert np.abs(to_array(converted, "gray8").astype(int) - frame[:, :, 0]).max() <= 1


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuvj420p", "rgb24"])
def test_brightness_of_full_range_frames_survives_too(pixel_format: str) -> None:
    """As in JPEG, PNG and many cameras."""
    frame = av.VideoFrame(64, 48, pixel_format)
    for number, plane in enumerate(frame.planes):
        plane.update(bytes([60 if number == 0 else 128]) * plane.buffer_size)
    frame.color_range = ColorRange.JPEG
    converted = to_yuv420p(frame, VideoReformatter())
    assert np.abs(to_array(converted)[24, 32].astype(int) - 60).max() <= 1


def test_a_frame_of_the_caller_stays_as_it_is() -> None:
    frame = to_frame(np.full((72, 64), 100, np.uint8), "yuv420p")
    frame.color_range = ColorRange.MPEG
    converted = to_yuv420p(frame, VideoReformatter())
    converted.pts = 999
    converted.planes[0].update(bytes(converted.planes[0].buffer_size))
    assert frame.pts is None
    assert to_array(frame, "yuv420p")[0, 0] == 100


def test_a_single_pixel_can_be_read_in_every_format() -> None:
    frame = to_frame(np.full((1, 1, 3), 128, np.uint8))
    assert to_array(frame, "yuv420p").shape == (3, 2)
    assert to_array(frame, "gray8").shape == (1, 1)


@pytest.mark.parametrize("format", FORMATS)
def test_a_frame_with_odd_sides_can_be_read_in_every_format(format: str) -> None:
    frame = to_frame(np.full((241, 321, 3), 128, np.uint8)).reformat(format="yuv420p")
    array = to_array(frame, format)
    assert array.shape[:2] == ((360, 320) if format == "yuv420p" else (241, 321))


def test_the_odd_column_and_row_are_cut_off() -> None:
    gray = np.zeros((5, 7), np.uint8)
    gray[:4, :6] = 128
    even = with_even_sides(to_frame(gray, "gray8").reformat(format="yuv420p"))
    assert (even.width, even.height) == (6, 4)
    assert to_array(even, "gray8").min() >= 127


def test_a_frame_is_taken_as_it_is() -> None:
    frame = av.VideoFrame(64, 48, "yuv420p")
    assert to_frame(frame) is frame


@pytest.mark.parametrize(
    ("frame", "format", "error", "words"),
    [
        (np.zeros((48, 64, 3)), "bgr24", TypeError, "float64"),
        ([[1, 2, 3]], "bgr24", TypeError, "list"),
        (None, "bgr24", TypeError, "NoneType"),
        (np.zeros((48, 64), np.uint8), "bgr24", ValueError, r"\(height, width, 3\)"),
        (np.zeros((48, 64, 4), np.uint8), "rgb24", ValueError, r"\(48, 64, 4\)"),
        (np.zeros((48, 64, 3), np.uint8), "gray8", ValueError, r"\(height, width\)"),
        (np.zeros((47, 64), np.uint8), "yuv420p", ValueError, "even"),
        (np.zeros((72, 63), np.uint8), "yuv420p", ValueError, "even"),
        (np.zeros((0, 64, 3), np.uint8), "bgr24", ValueError, "1 to 16383"),
        (np.zeros((48, 0), np.uint8), "gray8", ValueError, "1 to 16383"),
        (np.zeros((1, 16384), np.uint8), "gray8", ValueError, "1 to 16383"),
        (np.zeros((48, 64, 3), np.uint8), "bgr", ValueError, "one of 'bgr24', 'rgb24', 'gray8', 'yuv420p', not 'bgr'"),
    ],
)
def test_what_is_no_frame_is_refused(frame: object, format: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        to_frame(frame, format)
