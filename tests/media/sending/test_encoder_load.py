"""When a source's thread has time for a second encoding, and when no longer."""

from __future__ import annotations

import pytest

from gst_signalling_sync.webrtc.media.sending.encoder_load import EncoderLoad

FPS = 30


def spend(load: EncoderLoad, share: float, seconds: float, begin: float) -> float:
    """Encode for some time; return the time of the end."""
    for frame in range(round(seconds * FPS)):
        load.add(share / FPS, begin + frame / FPS)
    return begin + seconds


@pytest.mark.parametrize("share", [0.05, 0.3, 0.8, 1.0])
def test_share_of_the_time_is_known_from_the_first_seconds_on(share: float) -> None:
    load = EncoderLoad()
    spend(load, share, 1, 0.0)
    assert load.share == pytest.approx(share, abs=0.01)


def test_second_encoding_may_begin_if_twice_the_time_is_there() -> None:
    little, much = EncoderLoad(), EncoderLoad()
    assert little.has_room(spend(little, 0.3, 5, 0.0))
    assert not much.has_room(spend(much, 0.4, 5, 0.0))


def test_nothing_is_known_before_the_second_frame() -> None:
    load = EncoderLoad()
    assert not load.has_room(0.0)
    assert not load.is_overloaded(0.0)
    load.add(0.01, 0.0)
    assert not load.has_room(0.0)


def test_overload_is_one_after_two_seconds() -> None:
    load = EncoderLoad()
    now = spend(load, 0.3, 10, 0.0)
    now = spend(load, 1.0, 6, now)
    assert not load.is_overloaded(now)
    now = spend(load, 1.0, 5, now)
    assert load.is_overloaded(now)

    now = spend(load, 0.3, 1, now)
    assert not load.is_overloaded(now)


def test_pause_of_the_source_says_nothing() -> None:
    load = EncoderLoad()
    now = spend(load, 0.8, 10, 0.0)
    load.add(0.8 / FPS, now + 3600)
    assert load.share > 0.5


def test_encoding_that_was_given_up_comes_back_later_each_time() -> None:
    load = EncoderLoad()
    now = 0.0
    pauses = []
    for _ in range(6):
        load.given_up(now)
        began = now
        while not load.has_room(now):
            now = spend(load, 0.1, 1, now)
        pauses.append(now - began)

    assert pauses == pytest.approx([30, 60, 120, 240, 480, 600], abs=1)
