"""``session.stats()``: the names, types and units of the W3C's "Identifiers for WebRTC's Statistics API"."""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from aiortc.stats import RTCOutboundRtpStreamStats

from gst_signalling_sync import Producer, Session, SignallingServer, connect
from gst_signalling_sync.webrtc.engine.stats import InboundStats, RemoteInboundStats
from gst_signalling_sync.webrtc.statistics import w3c_members

from ..helpers.filming import filming, humming
from ..helpers.waiting import wait_until

SECONDS = 10.0

Check = Callable[[Any], bool]


def integer(value: Any) -> bool:
    """``long long``."""
    return type(value) is int


def unsigned(value: Any) -> bool:
    """``unsigned long long``."""
    return type(value) is int and value >= 0


def seconds(value: Any) -> bool:
    """``double``, a duration that is possible in a test."""
    return type(value) is float and 0 <= value < 10


def part(value: Any) -> bool:
    """``double``, a share of 1."""
    return type(value) is float and 0 <= value <= 1


def timestamp(value: Any) -> bool:
    """``DOMHighResTimeStamp``, close to now."""
    return type(value) is float and abs(value / 1000 - time.time()) < 60


def text(value: Any) -> bool:
    """``DOMString``."""
    return type(value) is str


def boolean(value: Any) -> bool:
    """``boolean``."""
    return type(value) is bool


def one_of(*names: str) -> Check:
    """An enumeration."""
    return lambda value: value in names


STATS: Final[dict[str, Check]] = {"id": text, "type": text, "timestamp": timestamp}
STREAM: Final[dict[str, Check]] = {**STATS, "ssrc": unsigned, "kind": one_of("audio", "video"), "transportId": text}
RECEIVED: Final[dict[str, Check]] = {**STREAM, "packetsReceived": unsigned, "packetsLost": integer, "jitter": seconds}
SENT: Final[dict[str, Check]] = {**STREAM, "packetsSent": unsigned, "bytesSent": unsigned}
CANDIDATE: Final[dict[str, Check]] = {
    **STATS,
    "transportId": text,
    "address": text,
    "port": unsigned,
    "protocol": one_of("udp", "tcp"),
    "candidateType": one_of("host", "srflx", "prflx", "relay"),
}

IDENTIFIERS: Final[dict[str, dict[str, Check]]] = {
    "inbound-rtp": {**RECEIVED, "remoteId": text},
    "remote-inbound-rtp": {**RECEIVED, "localId": text, "roundTripTime": seconds, "fractionLost": part},
    "outbound-rtp": {
        **SENT,
        "remoteId": text,
        "encoderImplementation": text,
        "powerEfficientEncoder": boolean,
        "targetBitrate": unsigned,
    },
    "remote-outbound-rtp": {**SENT, "localId": text, "remoteTimestamp": timestamp},
    "transport": {
        **STATS,
        "packetsSent": unsigned,
        "packetsReceived": unsigned,
        "bytesSent": unsigned,
        "bytesReceived": unsigned,
        "iceRole": one_of("unknown", "controlling", "controlled"),
        "dtlsState": one_of("new", "connecting", "connected", "closed", "failed"),
        "selectedCandidatePairId": text,
    },
    "candidate-pair": {
        **STATS,
        "transportId": text,
        "localCandidateId": text,
        "remoteCandidateId": text,
        "state": one_of("frozen", "waiting", "in-progress", "failed", "succeeded"),
        "nominated": boolean,
        "currentRoundTripTime": seconds,
        "totalRoundTripTime": seconds,
        "responsesReceived": unsigned,
        "bytesReceived": unsigned,
        "bytesSent": unsigned,
    },
    "local-candidate": {**CANDIDATE, "relayProtocol": one_of("udp", "tcp", "tls"), "url": text},
    "remote-candidate": CANDIDATE,
    "data-channel": {
        **STATS,
        "label": text,
        "protocol": text,
        "dataChannelIdentifier": unsigned,
        "state": one_of("connecting", "open", "closing", "closed"),
        "messagesSent": unsigned,
        "bytesSent": unsigned,
        "messagesReceived": unsigned,
        "bytesReceived": unsigned,
    },
}
"""By type of object: the type of each member, and its range if its unit could be confused."""


def of_type(session: Session, kind: str) -> list[dict[str, Any]]:
    return [each for each in session.stats().values() if each["type"] == kind]


def assert_is_the_w3cs(session: Session) -> None:
    stats = session.stats()
    assert json.loads(json.dumps(stats, allow_nan=False)) == stats
    for key, members in stats.items():
        assert members["id"] == key
        identifiers = IDENTIFIERS[members["type"]]
        for name, value in members.items():
            assert name in identifiers, f"{members['type']} has no {name}"
            assert identifiers[name](value), f"{members['type']}.{name} is {value!r}"
            if name.endswith("Id"):
                assert value in stats, f"{members['type']}.{name} refers to nothing"


@pytest.fixture
def sessions(embedded_server: SignallingServer) -> Iterator[tuple[Session, Session]]:
    """Both ends of a session with video, audio and a data channel: the producer's and the consumer's."""
    producer = Producer(embedded_server.uri, name="robot")
    camera, microphone = producer.add_video(), producer.add_audio()
    producer.add_channel("state")
    with (
        producer,
        filming(camera),
        humming(microphone),
        connect(embedded_server.uri, name="robot") as consuming,
    ):
        producing = producer.wait_for_session()
        producing.channel("state").send("hello")
        assert consuming.channel("state").recv() == "hello"
        consuming.video.read()
        consuming.audio.read(960)
        wait_until(lambda: len(of_type(producing, "remote-inbound-rtp")) == 2, "receiver reports", SECONDS)
        wait_until(lambda: len(of_type(consuming, "remote-outbound-rtp")) == 2, "sender reports", SECONDS)
        yield producing, consuming


def test_session_of_video_sound_and_data(sessions: tuple[Session, Session]) -> None:
    producing, consuming = sessions
    for session in sessions:
        assert_is_the_w3cs(session)

    def kinds(session: Session) -> set[str]:
        return {each["type"] for each in session.stats().values()}

    both = {"transport", "candidate-pair", "local-candidate", "remote-candidate", "data-channel"}
    assert kinds(producing) == {*both, "outbound-rtp", "remote-inbound-rtp"}
    assert kinds(consuming) == {*both, "inbound-rtp", "remote-outbound-rtp"}


def test_both_ends_of_a_stream_refer_to_each_other(sessions: tuple[Session, Session]) -> None:
    producing, consuming = sessions
    sent, received = producing.stats(), consuming.stats()
    outbound, inbound = of_type(producing, "outbound-rtp"), of_type(consuming, "inbound-rtp")
    assert len(outbound) == len(inbound) == 2
    for stream in outbound:
        report = sent[stream["remoteId"]]
        assert (report["type"], report["ssrc"], report["localId"]) == (
            "remote-inbound-rtp",
            stream["ssrc"],
            stream["id"],
        )
    for stream in inbound:
        report = received[stream["remoteId"]]
        assert (report["type"], report["ssrc"], report["localId"]) == (
            "remote-outbound-rtp",
            stream["ssrc"],
            stream["id"],
        )


def test_jitter_of_an_even_stream_is_a_fraction_of_a_second(sessions: tuple[Session, Session]) -> None:
    _, consuming = sessions
    streams = of_type(consuming, "inbound-rtp")
    assert len(streams) == 2
    assert max(stream["jitter"] for stream in streams) < 0.5


def test_session_of_data_alone_has_a_transport_and_a_round_trip(embedded_server: SignallingServer) -> None:
    with Producer(embedded_server.uri, name="robot") as producer, connect(embedded_server.uri, name="robot") as session:
        producing = producer.wait_for_session()
        for each in (producing, session):
            assert_is_the_w3cs(each)
            (pair,) = of_type(each, "candidate-pair")
            assert 0 < pair["currentRoundTripTime"] < 1
            (transport,) = of_type(each, "transport")
            assert transport["selectedCandidatePairId"] == pair["id"]
            assert transport["dtlsState"] == "connected"


def test_closed_session_has_statistics_too(embedded_server: SignallingServer) -> None:
    with Producer(embedded_server.uri, name="robot"):
        session = connect(embedded_server.uri, name="robot")
        with Producer(embedded_server.uri, name="other") as other, connect(embedded_server.uri, name="other") as kept:
            ending = other.wait_for_session()
            kept.close()
            wait_until(lambda: ending.state == "closed", "the other end has ended")
            assert_is_the_w3cs(ending)
        session.close()


NOW: Final = datetime.datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=datetime.UTC)


def test_units() -> None:
    inbound = InboundStats(NOW, "inbound-rtp", "i", 7, "video", "t", 100, -2, 9000, 90_000)
    assert w3c_members(inbound) == {
        "id": "i",
        "type": "inbound-rtp",
        "timestamp": 1767323045678.0,
        "ssrc": 7,
        "kind": "video",
        "transportId": "t",
        "packetsReceived": 100,
        "packetsLost": -2,
        "jitter": 0.1,
    }
    reported = RemoteInboundStats(NOW, "remote-inbound-rtp", "r", 7, "audio", "t", 100, 0, 480, 0.25, 64, 48_000)
    members = w3c_members(reported)
    assert (members["jitter"], members["roundTripTime"], members["fractionLost"]) == (0.01, 0.25, 0.25)


def test_what_is_not_known_is_absent() -> None:
    reported = RemoteInboundStats(NOW, "remote-inbound-rtp", "r", 7, "audio", "t", 100, 0, 480, 0.0, 64, 48_000)
    assert "roundTripTime" not in w3c_members(reported)


def test_what_the_w3c_does_not_have_is_left_out() -> None:
    sent = RTCOutboundRtpStreamStats(NOW, "outbound-rtp", "o", 7, "video", "t", 100, 5000, "track")
    assert "trackId" not in w3c_members(sent)
