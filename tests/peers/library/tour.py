"""All features of version 0.1.0 between two peers, as two programs that run on any version of this library.

``python tour.py URI producer`` and ``python tour.py URI consumer``; run as files, like ``peer.py``. The consumer tries all
features, and prints a line for each that worked, and ``done``. The producer prints ``ready`` and ends with its standard input.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import av
import numpy as np

from gst_signalling_sync import Consumer, Listener, Producer, connect, list_producers

NAME = "robot"
MESSAGES: list[str | bytes] = ["text", "", "ü€😀", b"", b"bytes", bytes(range(256)) * 256, "long" * 16_000]
SHAPE = (120, 160, 3)
RATE = 48_000


def produce(uri: str) -> None:
    """Offer channels, video and audio to every consumer, echo its messages, and report the media that it sends."""
    robot = Producer(uri, name=NAME, meta={"kind": "arm"})
    for label, options in (("data", {}), ("loose", {"ordered": False, "max_retransmits": 0}), ("brief", BRIEF)):
        robot.add_channel(label, **options).message.connect(echo)
    robot.add_channel("call").message.connect(
        lambda channel, session, data: threading.Thread(target=robot.start_session, args=(data,)).start()
    )
    ticks = robot.add_channel("ticks")
    robot.session_started.connect(serve)
    film(robot.add_video(fps=15), robot.add_audio())
    with robot:
        print("ready", flush=True)
        threading.Thread(target=tick, args=(ticks,), daemon=True).start()
        sys.stdin.read()


BRIEF: dict[str, Any] = {"max_packet_life_time": 2000}


def echo(channel: Any, session: Any, data: str | bytes) -> None:
    """Send a message back to its sender."""
    channel.send(data, session=session)


def tick(ticks: Any) -> None:
    """Send a counter to all sessions."""
    number = 0
    while True:
        ticks.send(str(number))
        number += 1
        time.sleep(0.02)


def serve(robot: Any, session: Any) -> None:
    """Echo on the consumer's own channels, and report the media that it sends."""
    session.channel_opened.connect(lambda session, channel: take(channel))
    for channel in session.channels:
        take(channel)
    threading.Thread(target=perceive, args=(session,), daemon=True).start()


def take(channel: Any) -> None:
    """Echo on a channel that the consumer made."""
    if channel.label == "own":
        channel.message.connect(lambda channel, data: channel.send(data))


def perceive(session: Any) -> None:
    """Report the shapes of a frame and of samples, if the consumer sends media."""
    if not session.videos or not session.audios:
        return
    frame, samples = session.video.read(timeout=20), session.audio.read(RATE // 10, timeout=20)
    session.channel("data").send(f"seen {frame.shape} heard {samples.shape}")


def film(video: Any, audio: Any) -> None:
    """Write frames that differ, and a sound, until the program ends."""

    def write() -> None:
        frame = np.zeros(SHAPE, np.uint8)
        samples = (np.sin(np.arange(RATE // 15) / 20) * 8000).astype(np.int16)
        while True:
            frame += 7
            video.write(frame)
            audio.write(samples)
            time.sleep(1 / 15)

    threading.Thread(target=write, daemon=True).start()


def consume(uri: str) -> None:
    """Try all features with the producer."""
    for trial in (find, talk, see_and_hear, record, show_and_say, offer, be_called, leave):
        trial(uri)
        print(trial.__name__, flush=True)
    print("done", flush=True)


def find(uri: str) -> None:
    """The producer is listed with its meta, and a listener finds it."""
    assert [peer.meta for peer in list_producers(uri) if peer.name == NAME] == [{"kind": "arm", "name": NAME}]
    with Listener(uri) as listener:
        peer = listener.wait_for_producer(NAME)
        assert peer.meta["kind"] == "arm"


def talk(uri: str) -> None:
    """Messages of every kind come back on every kind of channel, and broadcast messages arrive in order."""
    with connect(uri, name=NAME, timeout=30) as session:
        for label in ("data", "loose", "brief"):
            talk_on(session.channel(label))
        talk_on(session.create_channel("own"))
        talk_on(session.create_channel("own", ordered=False))
        ticks = session.channel("ticks")
        numbers = [int(ticks.recv()) for _ in range(20)]
        assert numbers == list(range(numbers[0], numbers[0] + 20))


def talk_on(channel: Any) -> None:
    """Send each message, and receive it back."""
    for message in MESSAGES:
        channel.send(message)
        received = channel.recv(timeout=20)
        while isinstance(received, str) and received.startswith("seen"):
            received = channel.recv(timeout=20)
        assert received == message, (channel, message[:20], received[:20])


def see_and_hear(uri: str) -> None:
    """Frames and samples arrive."""
    with connect(uri, name=NAME, timeout=30) as session:
        first = session.video.read(timeout=20)
        assert first.shape == SHAPE
        assert (session.video.read(timeout=20) != first).any()
        assert np.abs(session.audio.read(RATE, timeout=20).astype(int)).max() > 1000
        assert session.stats()


def record(uri: str) -> None:
    """A recording has video and audio."""
    with tempfile.TemporaryDirectory() as folder, connect(uri, name=NAME, timeout=30) as session:
        path = Path(folder) / "tour.mkv"
        with session.record(path):
            for _ in range(15):
                session.video.read(timeout=20)
        with av.open(str(path)) as file:
            assert {stream.type for stream in file.streams} == {"video", "audio"}
            assert sum(1 for _ in file.decode(video=0)) >= 10


def show_and_say(uri: str) -> None:
    """The producer receives this consumer's video and audio."""
    consumer = Consumer(uri, timeout=30)
    film(consumer.add_video(fps=15), consumer.add_audio())
    with consumer:
        told = consumer.start_session(name=NAME).channel("data").recv(timeout=30)
        assert told == f"seen {SHAPE} heard {(RATE // 10, 2)}", told


def offer(uri: str) -> None:
    """A session starts with an offer of this end."""
    with Consumer(uri, timeout=30) as consumer:
        session = consumer.start_session(name=NAME, offer=True)
        channel = session.create_channel("own")
        channel.send("offered")
        assert channel.recv(timeout=20) == "offered"


def be_called(uri: str) -> None:
    """A session starts that the producer asks for."""
    with Consumer(uri, timeout=30, passive=True) as consumer, connect(uri, name=NAME, timeout=30) as session:
        session.channel("call").send(str(consumer.peer_id))
        channel = consumer.wait_for_session().channel("data")
        channel.send("called")
        assert channel.recv(timeout=20) == "called"


def leave(uri: str) -> None:
    """A session that is closed at this end ends without an error."""
    with Consumer(uri, timeout=30) as consumer:
        session = consumer.start_session(name=NAME)
        session.close()
        assert session.state == "closed"
        assert consumer.sessions == []


if __name__ == "__main__":
    {"producer": produce, "consumer": consume}[sys.argv[2]](sys.argv[1])
