"""`NegotiatedCodecs`: which payload types frames, retransmissions (RFC 4588) and redundancy (RFC 2198) get."""

from __future__ import annotations

import pytest
from aiortc import RTCRtpCodecParameters

from gst_signalling_sync.webrtc.media.sending.negotiated_codecs import NegotiatedCodecs


def codec(
    name: str, payload_type: int, clock_rate: int = 90_000, **parameters: int | str | None
) -> RTCRtpCodecParameters:
    kind = "audio" if name in ("opus", "red") else "video"
    channels = 2 if kind == "audio" else None
    return RTCRtpCodecParameters(f"{kind}/{name}", clock_rate, channels, payload_type, [], parameters)


VIDEO = [codec("VP8", 96), codec("rtx", 97, apt=96), codec("H264", 98), codec("VP9", 99), codec("rtx", 100, apt=99)]
AUDIO = [codec("opus", 111, 48_000), codec("red", 63, 48_000, **{"111/111": None})]


def test_nothing_is_negotiated_at_first() -> None:
    assert not NegotiatedCodecs()


@pytest.mark.parametrize(
    ("names", "place"), [({"VP8"}, 0), ({"H264"}, 1), ({"VP9", "H264"}, 1), ({"AV1"}, None), (set(), None)]
)
def test_the_first_codec_that_a_source_has_is_found_by_its_name(names: set[str], place: int | None) -> None:
    assert NegotiatedCodecs(VIDEO).place_of(names) == place


@pytest.mark.parametrize(("place", "payload_type", "retransmissions"), [(0, 96, 97), (1, 98, None), (2, 99, 100)])
def test_retransmissions_have_the_payload_type_that_names_the_codec(
    place: int, payload_type: int, retransmissions: int | None
) -> None:
    chosen = NegotiatedCodecs(VIDEO).stream_codec(place)

    assert (chosen.payload_type, chosen.retransmission_payload_type) == (payload_type, retransmissions)
    assert chosen.clock_rate == 90_000
    assert chosen.carrier is None


def test_packets_that_repeat_earlier_ones_go_by_red() -> None:
    chosen = NegotiatedCodecs(AUDIO).stream_codec(0)

    assert (chosen.payload_type, chosen.clock_rate) == (111, 48_000)
    assert chosen.carrier is not None
    assert chosen.carrier.payload_type == 63


def test_red_that_carries_another_codec_is_not_used() -> None:
    other = [codec("opus", 111, 48_000), codec("red", 63, 48_000, **{"0/0": None})]

    assert NegotiatedCodecs(other).stream_codec(0).carrier is None
