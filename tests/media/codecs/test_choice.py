"""The codec that is sent when both ends have several in common."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from gst_signalling_sync import Consumer, Producer, SignallingServer, connect
from gst_signalling_sync.webrtc.engine.codecs import RTCRtpCodecParameters, is_rtx
from gst_signalling_sync.webrtc.media.codecs import CAPABILITIES, DEFAULT_VIDEO, VIDEO

from ...helpers.filming import filming

LOCAL = CAPABILITIES.codecs["video"]


def names(codecs: Sequence[RTCRtpCodecParameters]) -> list[str]:
    return list(dict.fromkeys(each.name for each in codecs if not is_rtx(each)))


def test_answer_has_what_takes_the_least_of_a_processor_first() -> None:
    offered = list(reversed([each for each in LOCAL if not is_rtx(each)]))
    common = CAPABILITIES.common_codecs(LOCAL, offered)

    answered = names(CAPABILITIES.preferred_codecs(common, []))
    assert answered[:2] == ["H264", "VP8"]
    assert sorted(answered) == sorted(VIDEO)


def test_retransmissions_stay_with_what_they_repeat() -> None:
    answered = CAPABILITIES.preferred_codecs(CAPABILITIES.common_codecs(LOCAL, LOCAL), [])

    assert [each.payloadType for each in answered] == [each.payloadType for each in LOCAL]


def test_offer_has_what_is_named_and_nothing_else() -> None:
    assert names(CAPABILITIES.preferred_codecs(LOCAL, CAPABILITIES.preferences("video", ("VP9", "VP8")))) == [
        "VP9",
        "VP8",
    ]
    assert DEFAULT_VIDEO == ("VP8", "H264")


@pytest.mark.parametrize("codecs", [("VP9", "VP8"), ("VP8", "VP9"), ("H264", "VP8")])
def test_source_is_sent_as_the_first_of_its_codecs(embedded_server: SignallingServer, codecs: tuple[str, ...]) -> None:
    with (
        Producer(embedded_server.uri, name="robot") as producer,
        filming(producer.add_video(codecs=codecs)),
        connect(embedded_server.uri, name="robot") as session,
    ):
        session.video.read()
        assert session.video.codec == codecs[0]


@pytest.mark.parametrize("codecs", [("VP9", "VP8"), ("VP8", "VP9")])
def test_consumer_talks_back_in_the_first_of_its_codecs(
    embedded_server: SignallingServer, codecs: tuple[str, ...]
) -> None:
    with Producer(embedded_server.uri, name="robot") as producer, Consumer(embedded_server.uri) as consumer:
        producer.add_video(codecs=("VP8", "VP9"))
        with filming(consumer.add_video(codecs=codecs)), consumer.start_session(name="robot"):
            session = producer.wait_for_session()
            session.video.read()
            assert session.video.codec == codecs[0]
