"""Changes of tracks with peers of other programs, without a server, and in sessions that end."""

from __future__ import annotations

import logging
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from benchmarks.tcp_relay import TcpRelay
from gst_signalling_sync import (
    Consumer,
    Producer,
    Session,
    SignallingClient,
    SignallingServer,
    TracksFixed,
    VideoReceiver,
    VideoSource,
    connect,
)
from gst_signalling_sync.protocol.messages import SdpType
from gst_signalling_sync.webrtc import renegotiation
from gst_signalling_sync.webrtc.changes import Changes
from gst_signalling_sync.webrtc.session import behind_session
from gst_signalling_sync.webrtc.signalling_path import SignallingPath

from ..helpers.filming import filming, humming
from ..helpers.playing import write_file
from ..helpers.waiting import Heard, wait_until
from ..negotiation.edited_peer import AnsweringPeer, EditedPeer
from .tracks import names

SECONDS = 20.0


def test_consumer_cannot_add_tracks_with_a_producer_of_another_program(embedded_server: SignallingServer) -> None:
    with EditedPeer(embedded_server.uri), Consumer(embedded_server.uri) as consumer:
        microphone = consumer.add_audio()
        session = consumer.start_session(name="edited")
        for add in (consumer.add_video, consumer.add_audio, lambda: consumer.add_encoded_video("VP8")):
            with pytest.raises(
                TracksFixed, match=r"adding .*: session .*: the producer is not this library's.*before the session"
            ):
                add()
        microphone.pause()
        microphone.resume()
        microphone.remove()
        session.close()
        consumer.add_video(name="later")


class SilentPeer(AnsweringPeer):
    """A consumer that answers only the first offer, until it is told to answer again."""

    def __init__(self, uri: str) -> None:
        super().__init__(uri, lambda sections: sections)
        self.offers = 0
        self.answers = True

    def _on_offer(self, client: SignallingClient, session_id: str, sdp: str, **named: object) -> None:
        self.offers += 1
        if self.answers:
            super()._on_offer(client, session_id, sdp, **named)


def test_peer_that_answers_no_more_offers_keeps_its_session(
    embedded_server: SignallingServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(renegotiation, "ANSWER_SECONDS", 0.5)
    with Producer(embedded_server.uri, name="robot") as producer, SilentPeer(embedded_server.uri) as peer:
        channel = producer.add_channel("data")
        assert producer.peer_id is not None
        peer.client.start_session(producer.peer_id)
        producer.wait_for_session()
        channel.send("connected")
        assert peer.messages.get(timeout=SECONDS) == "connected"
        peer.answers = False

        front = producer.add_video(name="front")
        wait_until(lambda: "did not answer a change of tracks" in caplog.text, "the offer is withdrawn", SECONDS)

        channel.send("still there")
        assert peer.messages.get(timeout=SECONDS) == "still there"
        peer.answers = True
        with filming(front):
            producer.add_video(name="wrist")
            wait_until(lambda: front.frames_encoded > 3, "the next offer has both, and is answered", SECONDS)
        assert peer.offers == 3


def test_tracks_change_while_the_server_is_away(embedded_server: SignallingServer, stack: ExitStack) -> None:
    producer = stack.enter_context(Producer(embedded_server.uri, name="robot"))
    stack.enter_context(filming(producer.add_video(name="front")))
    consumer = stack.enter_context(Consumer(embedded_server.uri))
    session = consumer.start_session(name="robot")
    there = producer.wait_for_session()
    session.video.read(timeout=SECONDS)
    embedded_server.close()
    wait_until(lambda: producer.state == consumer.state == "suspended", "both have noticed", SECONDS)

    wrist = producer.add_video(name="wrist")
    stack.enter_context(filming(wrist, (160, 120)))
    stack.enter_context(humming(consumer.add_audio(name="operator")))

    wait_until(lambda: names(session) == ["front", "wrist"], "the producer's is there", SECONDS)
    assert session.videos["wrist"].read(timeout=SECONDS).shape == (120, 160, 3)
    wait_until(lambda: len(there.audios) == 1, "the consumer's is there", SECONDS)
    assert there.audio.read(4800, timeout=SECONDS).any()
    wrist.remove()
    wait_until(lambda: names(session) == ["front"], "it is gone", SECONDS)


@pytest.mark.parametrize(("whose", "kind"), [("producer", SdpType.OFFER), ("consumer", SdpType.ANSWER)])
def test_change_that_is_lost_with_a_signalling_connection_is_made_again(
    embedded_server: SignallingServer, stack: ExitStack, monkeypatch: pytest.MonkeyPatch, whose: str, kind: SdpType
) -> None:
    monkeypatch.setattr(renegotiation, "ANSWER_SECONDS", 1.0)
    relay = stack.enter_context(TcpRelay(embedded_server.uri))
    uris = {"producer": embedded_server.uri, "consumer": embedded_server.uri, whose: relay.uri}
    producer = stack.enter_context(Producer(uris["producer"], name="robot"))
    stack.enter_context(filming(producer.add_video(name="front")))
    is_dead, is_lost = threading.Event(), threading.Event()
    send = SignallingPath.send_sdp

    def send_or_lose(path: SignallingPath, what: SdpType, sdp: str) -> None:
        if what is kind and is_dead.is_set() and not is_lost.is_set():
            is_lost.set()
        else:
            send(path, what, sdp)

    monkeypatch.setattr(SignallingPath, "send_sdp", send_or_lose)
    session = stack.enter_context(Consumer(uris["consumer"])).start_session(name="robot")
    session.video.read(timeout=SECONDS)
    is_dead.set()
    stack.enter_context(filming(producer.add_video(name="wrist"), (160, 120)))
    assert is_lost.wait(SECONDS)
    relay.cut()

    wait_until(lambda: names(session) == ["front", "wrist"], "the track is there", SECONDS)
    assert session.videos["wrist"].read(timeout=SECONDS).shape == (120, 160, 3)


def test_changes_that_come_while_the_loop_is_busy_are_handled_together(
    embedded_server: SignallingServer, stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    handled: list[Changes] = []
    changed = Changes.changed

    def note(changes: Changes) -> None:
        handled.append(changes)
        changed(changes)

    monkeypatch.setattr(Changes, "changed", note)
    producer = stack.enter_context(Producer(embedded_server.uri, name="robot"))
    session = stack.enter_context(Consumer(embedded_server.uri)).start_session(name="robot")
    there = behind_session(producer.wait_for_session())
    is_free = threading.Event()
    there.link.call(is_free.wait, SECONDS)
    for number in range(5):
        producer.add_video(name=f"camera-{number}")
    is_free.set()
    wait_until(lambda: len(session.videos) == 5, "all are there", SECONDS)

    assert len(handled) == 1


@pytest.mark.parametrize("closes", ["producer", "consumer", "session"])
def test_end_in_the_midst_of_changes(embedded_server: SignallingServer, closes: str) -> None:
    with Producer(embedded_server.uri, name="robot") as producer, Consumer(embedded_server.uri) as consumer:
        producer.add_video(name="kept")
        session = consumer.start_session(name="robot")
        stop = threading.Event()

        def change() -> None:
            while not stop.is_set():
                source = producer.add_video(name="front")
                voice = consumer.add_audio(name="voice")
                # Else the loop may never find them there.
                stop.wait(0.002)
                source.pause()
                source.remove()
                voice.remove()

        thread = threading.Thread(target=change)
        thread.start()
        added = Heard(session.track_added)
        added.next(SECONDS)
        {"producer": producer.close, "consumer": consumer.close, "session": session.close}[closes]()
        stop.set()
        thread.join()
        wait_until(lambda: session.state == "closed", "it has ended", SECONDS)


def test_tracks_are_changed_in_callbacks(embedded_server: SignallingServer) -> None:
    with Producer(embedded_server.uri, name="robot") as producer:
        ended = threading.Event()
        sources: list[VideoSource] = []

        @producer.session_started.connect
        def on_session_started(producer: Producer, session: Session) -> None:
            sources.append(producer.add_video(name="front"))

        with connect(embedded_server.uri, name="robot") as session:

            @session.track_removed.connect
            def on_track_removed(session: Session, track: VideoReceiver) -> None:
                session.close()
                ended.set()

            wait_until(lambda: names(session) == ["front"], "it is there", SECONDS)
            producer.add_video(name="back", replaces=sources[0])
            assert ended.wait(SECONDS)
            assert session.state == "closed"


def test_player_is_removed(embedded_server: SignallingServer, tmp_path: Path) -> None:
    with Producer(embedded_server.uri, name="robot") as producer, connect(embedded_server.uri, name="robot") as session:
        player = producer.add_player(write_file(tmp_path / "film.mkv", seconds=1), loop=True, name="film")
        wait_until(lambda: session.videos and session.audios, "both are there", SECONDS)

        player.remove()

        wait_until(lambda: not session.videos and not session.audios, "both are gone", SECONDS)
        assert not player.playing
        producer.add_player(tmp_path / "film.mkv", name="film")
        wait_until(lambda: names(session) == ["film"], "it is there again", SECONDS)


def test_nothing_is_logged_as_an_error(
    embedded_server: SignallingServer, caplog: pytest.LogCaptureFixture, stack: ExitStack
) -> None:
    with caplog.at_level(logging.WARNING):
        producer = stack.enter_context(Producer(embedded_server.uri, name="robot"))
        with connect(embedded_server.uri, name="robot") as session:
            for _ in range(5):
                source = producer.add_video(name="front")
                stack.enter_context(filming(source, (160, 120)))
                wait_until(lambda: len(session.videos) == 1, "it is there", SECONDS)
                session.video.read(timeout=SECONDS)
                source.pause()
                source.resume()
                source.remove()
                wait_until(lambda: not session.videos, "it is gone", SECONDS)
    assert caplog.text == ""
