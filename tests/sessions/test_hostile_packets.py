"""Datagrams of strangers, and unexpected packets of a peer: they are dropped, and the session goes on."""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Iterator

import pytest

from gst_signalling_sync import ChannelClosed, Consumer, DataChannel, Producer, Session, SignallingServer
from gst_signalling_sync.threads.waiting import Deadline
from gst_signalling_sync.webrtc.channel import behind_channel
from gst_signalling_sync.webrtc.engine.rtp_transport import transmit
from gst_signalling_sync.webrtc.session import behind_session

CANDIDATE = re.compile(r"^a=candidate:\S+ 1 udp \d+ (\d+\.\d+\.\d+\.\d+) (\d+) ", re.MULTILINE)

DATAGRAMS = {
    "nothing": b"",
    "a byte": b"\0",
    "noise": bytes(range(200, 256)),
    "the first byte of DTLS": b"\x16",
    "DTLS and noise": b"\x16\xfe\xfd" + bytes(60),
    "the first byte of RTP": b"\x80",
    "RTP and noise": b"\x80\x60" + bytes(60),
    "RTCP and noise": b"\x80\xc8" + bytes(60),
    "the beginning of STUN": b"\x00\x01\x00\x10\x21\x12\xa4\x42",
    "STUN with a priority of no bytes": b"\x00\x01\x00\x04\x21\x12\xa4\x42" + bytes(12) + b"\x00\x24\x00\x00",
    "STUN with an address of two bytes": b"\x01\x01\x00\x08\x21\x12\xa4\x42"
    + bytes(12)
    + b"\x00\x20\x00\x02"
    + bytes(4),
    "the largest there is": b"\x80" * 65507,
}

# RTCP packets with a wrong length, from the peer itself, which is authenticated.
PACKETS = {
    "an estimate for sources that are not there": b"\x8f\xce\x00\x04" + bytes(8) + b"REMB" + b"\x03\x00\x00\x01",
    "an estimate that breaks off": b"\x8f\xce\x00\x03" + bytes(8) + b"REMB",
    "a report without its blocks": b"\x85\xc9\x00\x01" + bytes(4),
    "an acknowledgement of nothing": b"\x81\xcd\x00\x02" + bytes(8),
    "a source description that breaks off": b"\x81\xca\x00\x01" + bytes(4),
}


@pytest.fixture
def ends(embedded_server: SignallingServer) -> Iterator[tuple[Session, Session]]:
    """The two ends of a session with audio and a channel that echoes."""
    producer = Producer(embedded_server.uri, name="robot")
    producer.add_audio()
    echo = producer.add_channel("echo")
    echo.message.connect(lambda channel, session, data: channel.send(data, session=session))
    with producer, Consumer(embedded_server.uri) as consumer:
        session = consumer.start_session(name="robot")
        yield producer.wait_for_session(), session


def goes_on(channel: DataChannel) -> bool:
    channel.send("still there?")
    return channel.recv() == "still there?"


def addresses_of(session: Session) -> list[tuple[str, int]]:
    assert session.peer_connection is not None
    found = CANDIDATE.findall(session.peer_connection.localDescription.sdp)
    return [(host, int(port)) for host, port in found]


def test_message_without_an_end_costs_its_sender_the_channel(embedded_server: SignallingServer) -> None:
    with Producer(embedded_server.uri, name="robot") as producer:
        sound = producer.add_channel("sound")
        with Consumer(embedded_server.uri) as villain, Consumer(embedded_server.uri) as honest:
            theirs = villain.start_session(name="robot")
            ours = producer.wait_for_session()
            honestly = honest.start_session(name="robot")
            endless = theirs.channel("sound")
            heard = ours.channel("sound")

            def send() -> None:
                # This bypasses our own check of the size that the other end accepts.
                behind_channel(endless).wire.transmit([bytes(4 * 2**20)])

            behind_session(theirs).link.call(send)

            with pytest.raises(ChannelClosed):
                heard.recv(timeout=30)
            sound.send("still there?")
            assert honestly.channel("sound").recv(timeout=30) == "still there?"


@pytest.mark.parametrize("datagram", DATAGRAMS.values(), ids=DATAGRAMS)
def test_datagram_of_a_stranger_is_dropped(
    ends: tuple[Session, Session], datagram: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    channel = ends[1].channel("echo")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for session in ends:
            addresses = addresses_of(session)
            assert addresses
            for address in addresses:
                stranger.sendto(datagram, address)

    assert goes_on(channel)
    assert [session.state for session in ends] == ["connected", "connected"]
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("packet", PACKETS.values(), ids=PACKETS)
def test_malformed_packet_of_the_peer_is_dropped(
    ends: tuple[Session, Session], packet: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    producing, consuming = ends
    connection = consuming.peer_connection
    assert connection is not None
    transport = connection.getTransceivers()[0].sender.transport
    with caplog.at_level(logging.WARNING, "gst_signalling_sync"):
        sending = transmit(transport, packet)
        behind_session(consuming).run(sending, Deadline(5), "sending a malformed packet on")

        assert goes_on(consuming.channel("echo"))
    assert producing.state == "connected"
    assert len(caplog.records) <= 1
