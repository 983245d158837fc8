"""A producer, a consumer or a signalling server of any version of this library, which reports its events by JSON lines.

Run it as a file, never with ``-m``: from the root of the repository Python would import the newest version instead of the
virtual environment's. ``python peer.py URI producer NAME [--video] [--no-channel]``, ``python peer.py URI consumer NAME
[--resume]`` or ``python peer.py HOST server -``.

Events: ``ready`` (peer_id; of a server uri), ``registered`` (peer_id) for each later registration, ``session`` (session) once
connected, ``message`` (text), ``frame`` for the first one, ``state`` (session, state) for each later change,
``session_closed`` (session, error, reason), ``closed``; of a consumer ``route`` (local, remote: the types of the candidates)
and ``flow`` (messages, frames, message_gap, frame_gap: counts, and the longest time between two in seconds). Commands:
``send`` (text), ``close_session``, ``hold`` (seconds: hold the interpreter), ``route``, ``flow``, ``close``. Messages that
begin with ``echo`` are sent back.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import sys
import threading
import time
from contextlib import ExitStack
from typing import Any

import numpy as np

from gst_signalling_sync import Consumer, Producer, SignallingServer

LABEL = "data"


def main() -> None:
    """Run one role until standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("uri")
    parser.add_argument("role", choices=("producer", "consumer", "server"))
    parser.add_argument("name")
    parser.add_argument("--video", action="store_true", help="of a producer: show frames")
    parser.add_argument("--noise", metavar="CODEC", help="of a producer: show frames that take many packets")
    parser.add_argument("--ticks", action="store_true", help="of a producer: send a message every 20 ms")
    parser.add_argument("--no-channel", action="store_true", help="of a producer: offer no channel")
    parser.add_argument("--resume", action="store_true", help="of a consumer: have its session resumed")
    options = parser.parse_args()
    with ExitStack() as stack:
        if options.role == "server":
            emit("ready", uri=stack.enter_context(SignallingServer(options.uri, port=0)).uri)
            sys.stdin.read()
        elif options.role == "producer":
            run_producer(stack, options)
        else:
            run_consumer(stack, options)
    emit("closed")


def emit(event: str, **fields: Any) -> None:
    """Report an event to the test."""
    line = json.dumps({"event": event, **fields})
    with _stdout_lock:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def run_producer(stack: ExitStack, options: argparse.Namespace) -> None:
    """Run a producer for any number of consumers."""
    producer = Producer(options.uri, name=options.name)
    channel = None if options.no_channel else producer.add_channel(LABEL)
    if channel is not None:
        channel.message.connect(lambda _, session, data: on_message(data, session.channel(LABEL).send))
    if options.video:
        film(producer.add_video(fps=15))
    if options.noise:
        film_noise(producer.add_video(fps=15, codecs=(options.noise,), bitrate=2_000_000))
    if options.ticks:
        tick(channel)
    producer.session_started.connect(lambda _, session: watch(session))
    tell_registrations(producer)
    stack.enter_context(producer)
    emit("ready", peer_id=producer.peer_id)

    def close_sessions() -> None:
        for session in producer.sessions:
            session.close()

    obey(lambda text: channel.send(text) if channel is not None else None, close_sessions)


def run_consumer(stack: ExitStack, options: argparse.Namespace) -> None:
    """Run a consumer with a session with one producer."""
    consumer = stack.enter_context(Consumer(options.uri))
    emit("ready", peer_id=consumer.peer_id)
    tell_registrations(consumer)
    # Version 0.1.0 does not have this argument.
    resuming: dict[str, Any] = {"resume": True} if options.resume else {}
    session = consumer.start_session(name=options.name, timeout=30, **resuming)
    session.channel_opened.connect(lambda _, channel: take(channel))
    for channel in session.channels:
        take(channel)
    for video in session.videos:
        video.frame.connect(lambda _, frame: on_frame())
    watch(session)
    obey(lambda text: session.channel(LABEL).send(text), session.close, lambda: tell_route(session))


def tell_route(session: Any) -> None:
    """Report the candidates that the session uses."""
    stats = session.stats().values()
    types = {each["type"]: each["candidateType"] for each in stats if each["type"].endswith("-candidate")}
    emit("route", local=types["local-candidate"], remote=types["remote-candidate"])


class Flow:
    """Counts arrivals, and notes the longest time between two."""

    def __init__(self) -> None:
        self.count = 0
        self.longest = 0.0
        self._last = 0.0

    def add(self) -> None:
        """Note an arrival."""
        now = time.monotonic()
        if self.count:
            self.longest = max(self.longest, now - self._last)
        self.count += 1
        self._last = now


def tell_flow() -> None:
    """Report what has arrived so far."""
    emit(
        "flow",
        messages=_messages.count,
        message_gap=_messages.longest,
        frames=_frames.count,
        frame_gap=_frames.longest,
    )


def tell_registrations(role: Any) -> None:
    """Report each time that a role is registered again; version 0.1.0 does not have that signal."""
    if hasattr(role, "reconnected"):
        role.reconnected.connect(lambda role, peer_id: emit("registered", peer_id=peer_id))


def watch(session: Any) -> None:
    """Report that a session is connected, and its later states."""
    states = ["connected"]

    def on_state(session: Any, state: str) -> None:
        # The first state change may be reported late.
        if state != states[-1]:
            states.append(state)
            emit("state", session=session.id, state=str(state))

    session.state_changed.connect(on_state)
    session.closed.connect(on_closed)
    emit("session", session=session.id)


def on_closed(session: Any, error: Any) -> None:
    """Report the end of a session."""
    emit("session_closed", session=session.id, error=error and str(error), reason=getattr(error, "reason", None))


def take(channel: Any) -> None:
    """Report the messages of a channel, also if called twice."""
    if channel not in _taken:
        _taken.append(channel)
        channel.message.connect(lambda channel, data: on_message(data, channel.send))


def on_message(data: str | bytes, send: Any) -> None:
    """Report a message, and send it back if it begins with ``echo``."""
    if isinstance(data, str) and data.startswith("tick"):
        _messages.add()
    elif isinstance(data, str):
        emit("message", text=data)
        if data.startswith("echo"):
            send(data)


def on_frame() -> None:
    """Count frames, and report the first one."""
    _frames.add()
    if not _seen.is_set():
        _seen.set()
        emit("frame")


def film(video: Any) -> None:
    """Write frames that differ from each other until the program ends."""

    def write() -> None:
        frame = np.zeros((240, 320, 3), np.uint8)
        while True:
            frame += 7
            video.write(frame)
            time.sleep(1 / 15)

    threading.Thread(target=write, daemon=True).start()


def film_noise(video: Any) -> None:
    """Write frames that compress badly until the program ends."""

    def write() -> None:
        random = np.random.default_rng(0)
        while True:
            video.write(random.integers(0, 255, (240, 320, 3), np.uint8))
            time.sleep(1 / 15)

    threading.Thread(target=write, daemon=True).start()


def tick(channel: Any) -> None:
    """Send a short message every 20 ms until the program ends."""

    def send() -> None:
        number = 0
        while True:
            number += 1
            channel.send(f"tick {number}")
            time.sleep(0.02)

    threading.Thread(target=send, daemon=True).start()


def obey(send: Any, close_session: Any, tell_route: Any = lambda: None) -> None:
    """Execute the test's commands until it closes."""
    for line in sys.stdin:
        command = json.loads(line)
        if command["command"] == "send":
            send(command["text"])
        elif command["command"] == "close_session":
            close_session()
        elif command["command"] == "route":
            tell_route()
        elif command["command"] == "flow":
            tell_flow()
        elif command["command"] == "hold":
            # A C function that does not release the interpreter's lock.
            ctypes.PyDLL(None).usleep(int(command["seconds"] * 1e6))
        else:
            return


_stdout_lock = threading.Lock()
_seen = threading.Event()
_taken: list[Any] = []
_messages, _frames = Flow(), Flow()

if __name__ == "__main__":
    main()
