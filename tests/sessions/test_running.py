"""While a session runs: renegotiation, new channels, statistics, and slow callbacks."""

from __future__ import annotations

import threading

from gst_signalling_sync import Consumer, Producer, SignallingServer

from ..helpers.waiting import wait_until


def test_slow_callback_delays_no_other_session(producer: Producer, signalling_uri: str) -> None:
    release = threading.Event()
    producer.session_started.connect(lambda _, session: release.wait(20))
    try:
        with Consumer(signalling_uri) as first, Consumer(signalling_uri) as second:
            for consumer in (first, second):
                assert consumer.start_session().channel("data").state == "open"
    finally:
        release.set()


def test_stats_name_what_the_w3c_names(producer: Producer, consumer: Consumer) -> None:
    session = consumer.start_session()
    session.channel("data").send("four")
    stats = [entry for entry in session.stats().values() if entry["type"] == "data-channel"]
    assert [(entry["label"], entry["messagesSent"], entry["bytesSent"]) for entry in stats] == [("data", 1, 4)]


def test_renegotiation_offer_is_answered(embedded_server: SignallingServer) -> None:
    with Producer(embedded_server.uri) as producer, Consumer(embedded_server.uri) as consumer:
        producer.add_channel("data")
        session = consumer.start_session()
        channel = session.channel("data")
        wait_until(lambda: producer.sessions, "the producer is connected")
        ours = producer.sessions[0]
        connection = ours.peer_connection
        assert connection is not None
        states: list[str] = []
        connection.on("signalingstatechange", lambda: states.append(connection.signalingState))
        producer.add_audio()
        wait_until(lambda: states == ["have-local-offer", "stable"], "the second offer is answered")
        assert "a=setup:passive" in connection.remoteDescription.sdp
        channel.send("after")
        assert ours.channel("data").recv() == "after"


def test_dtls_client_stays_the_client_in_a_renegotiation(embedded_server: SignallingServer) -> None:
    with Producer(embedded_server.uri, name="robot") as producer, Consumer(embedded_server.uri) as consumer:
        session = consumer.start_session(offer=True)
        ours = producer.wait_for_session()
        connection = ours.peer_connection
        assert connection is not None
        producer.add_audio()
        wait_until(
            lambda: connection.signalingState == "stable" and connection.remoteDescription.type == "answer",
            "the second offer is answered",
        )
        assert "a=setup:active" in connection.remoteDescription.sdp
        session.create_channel("data").send("after")
        assert ours.channel("data").recv() == "after"


def test_channel_added_while_a_session_runs(producer: Producer, consumer: Consumer) -> None:
    session = consumer.start_session()
    late = producer.add_channel("late")
    channel = session.channel("late")
    wait_until(lambda: late.channels, "the producer has it")
    late.send("hello")
    assert channel.recv() == "hello"
