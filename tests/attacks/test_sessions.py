"""H5, M10, M13, M16, L17, L19, U11: what a peer can do to the other end of its own session."""

from __future__ import annotations

import asyncio
import contextlib
import json
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from aioice import Candidate
from aiortc import RTCIceGatherer, RTCIceTransport

from gst_signalling_sync import (
    ChannelClosed,
    Consumer,
    Producer,
    Rate,
    Session,
    SessionClosed,
    SessionLimits,
    SignallingClient,
    SignallingServer,
    WaitTimeout,
    connect,
)
from gst_signalling_sync.echo import ECHO_PROTOCOL
from gst_signalling_sync.errors import ProtocolError
from gst_signalling_sync.ice_options import IceOptions
from gst_signalling_sync.protocol.session_limits import DEFAULT_SESSION_LIMITS
from gst_signalling_sync.protocol.wire import parse_event
from gst_signalling_sync.webrtc.description import check_description
from gst_signalling_sync.webrtc.engine import ice
from gst_signalling_sync.webrtc.engine.addresses import LocalAddress
from gst_signalling_sync.webrtc.engine.ice import IceConnection, IceSettings
from gst_signalling_sync.webrtc.peer_channels import PeerChannels
from gst_signalling_sync.webrtc.session import behind_session

from ..helpers.waiting import Heard, wait_until

MIB = 2**20


def repeat(times: int, function: Callable[[], object]) -> None:
    for _ in range(times):
        function()


def producer_with(server: SignallingServer, **limits: object) -> Producer:
    return Producer(server.uri, name="robot", limits=SessionLimits(**limits))  # type: ignore[arg-type]


@pytest.fixture
def session(embedded_server: SignallingServer) -> Iterator[Session]:
    """A stranger's session with a robot that has small limits."""
    limits = {"channels": 4, "label_bytes": 20, "unasked_bytes": 200_000, "unread_bytes": MIB}
    with producer_with(embedded_server, **limits) as producer:
        producer.add_channel("robot's own")
        with connect(embedded_server.uri, name="robot") as session:
            yield session


def test_channels_beyond_the_maximum_are_closed_and_the_others_go_on(session: Session) -> None:
    for number in range(4):
        session.create_channel(f"channel {number}").wait_open()

    with pytest.raises(ChannelClosed):
        wait_closed(session, "one more")
    assert session.is_open
    session.channel("channel 0").close()
    wait_until(lambda: opens(session, "another"), "there is room again")


def wait_closed(session: Session, label: str) -> None:
    channel = session.create_channel(label)
    wait_until(lambda: channel.state == "closed", "the channel is closed")
    channel.send("too late")


def opens(session: Session, label: str) -> bool:
    channel = session.create_channel(label)
    closed = Heard(channel.closed)
    channel.wait_open()
    channel.send("x")
    try:
        closed.next(0.3)
    except queue.Empty:
        return True
    return False


def test_channel_with_a_long_label_is_closed(session: Session) -> None:
    channel = session.create_channel("x" * 21)

    wait_until(lambda: channel.state == "closed", "the channel is closed")
    assert session.is_open


def test_peer_that_opens_channels_without_end_is_sent_away(session: Session) -> None:
    ended = Heard(session.closed)
    with contextlib.suppress(SessionClosed):
        while ended.is_empty:
            session.create_channel("again")

    assert ended.next()["error"].reason == "limit"


def test_what_nobody_asked_for_is_bounded_and_its_channel_closed(session: Session) -> None:
    channel = session.create_channel("unasked")
    closed = Heard(channel.closed)
    channel.wait_open()

    with pytest.raises(ChannelClosed):
        repeat(10_000, lambda: channel.send(b"x" * 10_000))

    closed.next()
    assert session.is_open


def test_unread_messages_of_a_session_are_bounded_together(embedded_server: SignallingServer) -> None:
    with producer_with(embedded_server) as producer:
        producer.add_channel("small").message.connect(lambda channel, session, data: None)
        large = producer.add_channel("large")
        limits = SessionLimits(unread_bytes=MIB)
        with connect(embedded_server.uri, name="robot", limits=limits) as session:
            wait_until(lambda: large.channels, "the producer has it")
            read = session.channel("small")
            closed = Heard(session.channel("large").closed)
            [at_the_producer] = producer.sessions
            with pytest.raises(ChannelClosed):
                repeat(1000, lambda: large.send(b"x" * 10_000, session=at_the_producer))
            closed.next()

            assert read.state == "open"


def test_empty_messages_fill_the_queue_too(embedded_server: SignallingServer) -> None:
    with producer_with(embedded_server) as producer:
        producer.add_channel("data")
        with connect(embedded_server.uri, name="robot") as session:
            channel = session.create_channel("data of its own")
            # The loop sends nothing meanwhile.
            is_over = threading.Event()
            behind_session(session).link.call(is_over.wait, 60.0)

            with pytest.raises(WaitTimeout):
                repeat(20_000, lambda: channel.send("", timeout=0))
            is_over.set()


def test_channels_that_a_peer_opens_have_a_rate() -> None:
    channels = PeerChannels(SessionLimits(channel_openings=Rate(10, burst=3)))

    refused = [channels.refusal("a", "", 0, now=0.0) is not None for _ in range(5)]

    assert refused == [False, False, False, True, True]
    assert channels.refusal("a", "", 0, now=0.11) is None


def test_echoes_have_a_rate(embedded_server: SignallingServer) -> None:
    with (
        producer_with(embedded_server, echo_bytes=Rate(1, burst=3000)),
        connect(embedded_server.uri, name="robot") as session,
    ):
        channel = session.create_channel("ping", protocol=ECHO_PROTOCOL)
        for _ in range(20):
            channel.send(b"x" * 744)

        assert [len(channel.recv()) for _ in range(3)] == [744] * 3
        with pytest.raises(WaitTimeout):
            channel.recv(0.5)


@pytest.mark.parametrize(
    ("description", "told"),
    [
        ("v=0\r\n" + "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n" * 17, "17 media descriptions"),
        ("v=0\r\nm=video 9 x 96\r\n" + "".join(f"a=x{number}:y\r\n" for number in range(513)), "513 attributes"),
        ("v=0\r\nm=video 9 x 96\r\na=" + "x" * 2**18, "characters"),
    ],
)
def test_description_of_more_than_a_peer_needs_is_refused_at_once(description: str, told: str) -> None:
    begin = time.thread_time()

    with pytest.raises(ProtocolError, match=told):
        check_description(description, DEFAULT_SESSION_LIMITS)

    assert time.thread_time() - begin < 0.1


def test_descriptions_that_follow_each_other_wait_and_the_session_goes_on(
    embedded_server: SignallingServer, caplog: pytest.LogCaptureFixture
) -> None:
    with producer_with(embedded_server, descriptions=Rate(1, burst=1)) as producer:
        echoing = producer.add_channel("data")
        echoing.message.connect(lambda channel, session, data: channel.send(data, session=session))
        with connect(embedded_server.uri, name="robot") as session:
            wait_until(lambda: producer.sessions, "the producer has it")
            for _ in range(100):
                behind_session(producer.sessions[0]).link.server.on_description("offer", "v=0\r\n" * 1000)  # type: ignore[arg-type]
            channel = session.channel("data")
            channel.send("still there")

            assert channel.recv() == "still there"
            wait_until(lambda: "faster than it is taken" in caplog.text, "descriptions are dropped")
    assert sum("faster than it is taken" in line for line in caplog.messages) == 1


def test_offers_before_the_session_is_connected_are_limited_too(embedded_server: SignallingServer) -> None:
    offer = "\r\n".join(
        [
            *("v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0", "a=group:BUNDLE 0"),
            *("m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "c=IN IP4 0.0.0.0", "a=mid:0", "a=sctp-port:5000"),
            *(
                "a=ice-ufrag:abcd",
                f"a=ice-pwd:{'p' * 22}",
                "a=setup:actpass",
                f"a=fingerprint:sha-256 {'AA:' * 31}AA",
                "",
            ),
        ]
    )
    answered = 0
    with SignallingClient(embedded_server.uri) as attacker, Consumer(embedded_server.uri) as consumer:

        @attacker.session_requested.connect
        def offer_many_times(client: SignallingClient, session_id: str, **named: object) -> None:
            for _ in range(50):
                client.send_sdp(session_id, "offer", offer)

        @attacker.sdp_received.connect
        def count(client: SignallingClient, **named: object) -> None:
            nonlocal answered
            answered += 1

        attacker.set_status(["producer"])
        assert attacker.peer_id is not None
        peer_id = attacker.peer_id
        with ThreadPoolExecutor() as pool:
            starting = pool.submit(consumer.start_session, peer_id, timeout=30)
            wait_until(lambda: answered and consumer.refusals.get("descriptions", 0) > 10, "offers are refused", 20)
            consumer.close()
            with pytest.raises(ConnectionError):
                starting.result(30)

        assert 0 < answered < 15


def candidate(host: str, port: int = 9) -> Candidate:
    return Candidate.from_sdp(f"1 1 udp 1 {host} {port} typ host")


async def taken_candidates(*candidates: Candidate, most: int | None = None) -> list[str]:
    """The hosts of the peer's candidates to which connectivity checks are sent."""
    transport = RTCIceTransport(RTCIceGatherer())
    path = IceConnection.adopt(transport, IceSettings(IceOptions(), candidates=most))
    for each in candidates:
        await path.add_remote_candidate(each)
    taken = [each.host for each in path.remote_candidates]
    await path.close()
    return taken


@pytest.mark.parametrize(
    "host", ["224.0.0.251", "ff02::fb", "169.254.169.254", "0.0.0.0", "::", "255.255.255.255", "240.0.0.1"]
)
def test_peer_has_no_packets_sent_where_no_peer_can_be(host: str) -> None:
    assert asyncio.run(taken_candidates(candidate(host), candidate("192.0.2.77"))) == ["192.0.2.77"]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.5.5.5", "::1"])
def test_peer_has_no_packets_sent_to_programs_of_this_machine(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = LocalAddress("192.0.2.1", socket.AF_INET, "eth0", 65535)
    monkeypatch.setattr(ice, "local_addresses", lambda options: [elsewhere])

    assert asyncio.run(taken_candidates(candidate(host), candidate("192.0.2.77"))) == ["192.0.2.77"]


def test_machine_without_a_network_has_sessions_with_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = LocalAddress("127.0.0.1", socket.AF_INET, "lo", 65535)
    monkeypatch.setattr(ice, "local_addresses", lambda options: [alone])

    assert asyncio.run(taken_candidates(candidate("127.0.0.1"))) == ["127.0.0.1"]


def test_peer_has_packets_sent_to_so_many_addresses_and_no_more() -> None:
    many = [candidate("192.0.2.77", 1000 + number) for number in range(100)]

    assert len(asyncio.run(taken_candidates(*many, most=32))) == 32


def test_candidates_without_end_are_one_line_and_a_count(
    embedded_server: SignallingServer, caplog: pytest.LogCaptureFixture
) -> None:
    with producer_with(embedded_server), connect(embedded_server.uri, name="robot") as session:
        for number in range(1000):
            behind_session(session).link.server.on_candidate(
                f"candidate:1 1 udp 1 192.0.2.{number % 250} {1000 + number} typ host", 0
            )
        wait_until(lambda: "dropped a candidate" in caplog.text, "they are dropped")

    assert sum("dropped a candidate: the peer" in line for line in caplog.messages) == 1


def test_long_list_of_a_server_is_read_at_the_speed_of_its_parser() -> None:
    text = json.dumps({"type": "list", "producers": [{"id": "x" * 36, "meta": {"name": "é" * 900}}] * 2000})
    data = text.encode()

    def processor_seconds(read: Callable[[str], object]) -> float:
        begin = time.thread_time()
        read(data.decode())
        return time.thread_time() - begin

    parser, ours = (min(processor_seconds(read) for _ in range(3)) for read in (json.loads, parse_event))

    assert ours < 5 * parser
