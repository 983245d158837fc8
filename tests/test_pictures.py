"""Pictures as arrays and as frames."""

from __future__ import annotations

from typing import Any

import av
import numpy as np
import pytest

from gst_signalling_sync.webrtc.media.pictures import FORMATS, to_array, to_frame, with_even_sides


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
    picture = _noise(*shape)
    assert np.array_equal(to_array(to_frame(picture, format), format), picture)


def test_views_with_any_strides_are_taken() -> None:
    picture = _noise(48, 64, 3)[::-1, ::2, ::-1]
    assert np.array_equal(to_array(to_frame(picture)), picture)


def test_the_array_may_be_used_again_at_once() -> None:
    picture = np.full((48, 64, 3), 200, np.uint8)
    frame = to_frame(picture)
    picture[:] = 0
    assert to_array(frame).min() == 200


def test_colours_are_named_in_the_order_of_their_format() -> None:
    blue = np.zeros((48, 64, 3), np.uint8)
    blue[:, :, 0] = 255
    assert to_array(to_frame(blue, "bgr24"), "rgb24")[0, 0].tolist() == [0, 0, 255]


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
    ("picture", "format", "error", "words"),
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
        (np.zeros((48, 64, 3), np.uint8), "bgr", ValueError, "bgr24, rgb24, gray8, yuv420p"),
    ],
)
def test_what_is_no_picture_is_refused(picture: object, format: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        to_frame(picture, format)
