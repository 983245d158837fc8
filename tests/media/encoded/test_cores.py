"""Decisions about a stream that was encoded elsewhere: what each link is sent, and what its encoder is asked for."""

from __future__ import annotations

import pytest

from gst_signalling_sync.webrtc.engine.codecs import RTCRtpCodecParameters
from gst_signalling_sync.webrtc.media.codecs import CAPABILITIES
from gst_signalling_sync.webrtc.media.codecs.access_unit import VideoFormat
from gst_signalling_sync.webrtc.media.sending.bitrate import AnnouncedBitrate
from gst_signalling_sync.webrtc.media.sending.keyframe_watch import KeyframeWatch
from gst_signalling_sync.webrtc.media.sending.source import Negotiated
from gst_signalling_sync.webrtc.media.sending.stream_choice import choose_for

VP8 = Negotiated("VP8", {})
HIGH = Negotiated("H264", {"profile-level-id": "64001f", "packetization-mode": 1})
BASELINE = Negotiated("H264", {"profile-level-id": "42e01f", "packetization-mode": 1})
SMALL = Negotiated("H264", {"profile-level-id": "64001f", "packetization-mode": 0})
SIZE = (320, 240)


@pytest.mark.parametrize(
    ("profile", "negotiated", "choice"),
    [
        ("640028", [HIGH, BASELINE, VP8], (0, True)),
        ("640028", [VP8, BASELINE, HIGH], (2, True)),
        ("640028", [BASELINE, VP8], (0, False)),
        ("640028", [VP8, BASELINE], (0, False)),
        ("640028", [VP8], (0, False)),
        ("640028", [SMALL], (0, False)),
        ("42e01f", [HIGH], (0, True)),
        ("42e01f", [SMALL, BASELINE], (1, True)),
        ("6e0028", [HIGH, BASELINE], (0, False)),
        (None, [VP8, BASELINE], (1, True)),
        (None, [VP8], (0, False)),
    ],
)
def test_link_is_sent_the_stream_as_it_is_where_it_takes_it(
    profile: str | None, negotiated: list[Negotiated], choice: tuple[int, bool]
) -> None:
    stream = None if profile is None else VideoFormat("H264", profile, SIZE)

    assert choose_for(negotiated, "H264", stream, ("VP8", "H264")) == choice


def test_encoder_is_asked_again_every_second() -> None:
    watch = KeyframeWatch()
    watch.want(10.0)

    assert [watch.is_to_be_told(10 + tenth / 10) for tenth in range(25)].count(True) == 3
    watch.made()
    assert not watch.is_to_be_told(20.0)


def test_keyframe_that_does_not_come_is_told_every_three_seconds() -> None:
    watch = KeyframeWatch()
    assert watch.overdue(5.0) is None
    watch.want(10.0)

    assert [second for second in range(10, 20) if watch.overdue(float(second)) is not None] == [13, 16, 19]
    watch.made()
    assert watch.overdue(30.0) is None


def test_lower_bitrate_is_announced_at_once_and_a_higher_one_once_a_second() -> None:
    announced = AnnouncedBitrate()

    assert announced.announce(1_000_000, 0.0)
    assert not announced.announce(1_010_000, 5.0)
    assert announced.announce(500_000, 5.1)
    assert announced.announce(300_000, 5.2)
    assert not announced.announce(900_000, 5.9)
    assert announced.announce(900_000, 6.2)
    assert announced.bitrate == 900_000


# The offer for such a stream, and what an answer to it means (RFC 6184 section 8.2.2)


def profiles_offered(is_stream: bool) -> list[str]:
    preferred = CAPABILITIES.preferences("video", ["H264"], is_stream)
    codecs = CAPABILITIES.preferred_codecs(CAPABILITIES.codecs["video"], preferred)
    return [str(each.parameters["profile-level-id"]) for each in codecs if each.name == "H264"]


def test_high_and_main_are_offered_for_streams_alone() -> None:
    assert profiles_offered(is_stream=False) == ["42001f", "42e01f"]
    assert profiles_offered(is_stream=True) == ["640034", "f40034", "4d0034", "42001f", "42e01f"]


def test_offers_that_prefer_nothing_are_without_them() -> None:
    codecs = CAPABILITIES.preferred_codecs(CAPABILITIES.codecs["video"], [])
    payload_types = {each.payloadType for each in codecs}

    assert {each.parameters.get("apt") for each in codecs if each.name == "rtx"} <= payload_types
    assert not any(str(each.parameters.get("profile-level-id", "")).startswith(("64", "4d", "f4")) for each in codecs)


@pytest.mark.parametrize(
    ("payload_type", "told", "understood"),
    [
        (121, {}, "640034"),
        (121, {"profile-level-id": "64001f"}, "64001f"),
        (123, {"profile-level-id": "f4001f"}, "f4001f"),
        (99, {"profile-level-id": "42001f"}, "42001f"),
    ],
)
def test_answer_without_a_profile_means_the_offered_one(
    payload_type: int, told: dict[str, str], understood: str
) -> None:
    answered = RTCRtpCodecParameters(
        mimeType="video/H264",
        clockRate=90000,
        payloadType=payload_type,
        parameters={"packetization-mode": "1", **told},
    )
    (codec,) = CAPABILITIES.common_codecs(CAPABILITIES.codecs["video"], [answered])

    assert codec.payloadType == payload_type
    assert codec.parameters["profile-level-id"] == understood
