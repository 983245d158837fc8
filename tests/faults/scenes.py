"""Sessions with every kind of peer, each in a process that can be frozen and killed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from gst_signalling_sync import Consumer, Producer, Session

from ..helpers.filming import filming
from ..helpers.waiting import Heard
from ..peers.browser import Browser, BrowserPage, find_browser
from ..peers.gst_pipelines import SentMedia
from ..peers.gst_signalling import find_gst_signalling, gst_consumer, gst_producer
from ..peers.library import find_first_version, library_consumer, library_producer
from ..peers.peer_process import PeerProcess
from ..peers.require import require
from ..peers.rust_peer import find_media_peer, run_webrtcsink, run_webrtcsrc

__all__ = ["PEERS", "Scene", "scene_with"]

CONNECT_SECONDS = 40.0


@dataclass
class Scene:
    """A connected session and the peer at its other end."""

    session: Session
    process: PeerProcess
    close_session: Callable[[], None]
    """Has the peer end the session as its program would."""


@contextmanager
def scene_with(peer: str, uri: str, directory: Path) -> Iterator[Scene]:
    """Connect a session with a peer.

    Args:
        peer: One of `PEERS`.
        uri: The signalling server's.
        directory: An empty directory.
    """
    with ExitStack() as stack:
        yield PEERS[peer](stack, uri, directory)


def consuming(stack: ExitStack, uri: str, process: PeerProcess, close_session: Callable[[], None]) -> Scene:
    """Have a session with a peer that is a producer."""
    consumer = stack.enter_context(Consumer(uri, timeout=CONNECT_SECONDS))
    return Scene(consumer.start_session(), process, close_session)


@contextmanager
def producing(uri: str, video: bool) -> Iterator[Heard]:
    """Run a producer of this process, and yield its new sessions."""
    producer = Producer(uri, name="ours", timeout=CONNECT_SECONDS)
    with contextlib.ExitStack() as stack:
        producer.add_channel("data")
        if video:
            stack.enter_context(filming(producer.add_video(), fps=10))
        started = Heard(producer.session_started)
        stack.enter_context(producer)
        yield started


def library_as_producer(*options: str, first: bool = False) -> Callable[[ExitStack, str, Path], Scene]:
    """A peer that is a producer of this library."""

    def begin(stack: ExitStack, uri: str, directory: Path) -> Scene:
        process = stack.enter_context(library_producer(uri, "theirs", *options, python=first_version(first)))
        process.wait_for("ready")
        scene = consuming(stack, uri, process, lambda: process.command("close_session"))
        process.wait_for("session")
        return scene

    return begin


def library_as_consumer(video: bool = False, first: bool = False) -> Callable[[ExitStack, str, Path], Scene]:
    """A peer that is a consumer of this library."""

    def begin(stack: ExitStack, uri: str, directory: Path) -> Scene:
        started = stack.enter_context(producing(uri, video))
        process = stack.enter_context(library_consumer(uri, "ours", python=first_version(first)))
        process.wait_for("session")
        session = started.next(CONNECT_SECONDS)["session"]
        return Scene(session, process, lambda: process.command("close_session"))

    return begin


def first_version(wanted: bool) -> Path | None:
    """The interpreter that has version 0.1.0, if it is wanted."""
    if not wanted:
        return None
    require("version 0.1.0", find_first_version(), ".ci/peers")
    return find_first_version()


def webrtcbin_as_producer(media: SentMedia | None) -> Callable[[ExitStack, str, Path], Scene]:
    """A peer that is a producer of gst-signalling."""

    def begin(stack: ExitStack, uri: str, directory: Path) -> Scene:
        require("gst-signalling 1.1.2", find_gst_signalling(), ".ci/peers")
        process = gst_producer(uri, "theirs") if media is None else gst_producer(uri, "theirs", (), media=media)
        stack.enter_context(process)
        process.wait_for("ready")
        return consuming(stack, uri, process, lambda: process.command("close_session"))

    return begin


def webrtcbin_as_consumer(stack: ExitStack, uri: str, directory: Path) -> Scene:
    """A peer that is a consumer of gst-signalling."""
    require("gst-signalling 1.1.2", find_gst_signalling(), ".ci/peers")
    started = stack.enter_context(producing(uri, video=False))
    process = stack.enter_context(gst_consumer(uri, producer_name="ours"))
    process.wait_for("channel")
    return Scene(started.next()["session"], process, lambda: process.command("close_session"))


def webrtcsink(stack: ExitStack, uri: str, directory: Path) -> Scene:
    """A peer that sends a robot's camera: webrtcsink."""
    require("webrtcsink and webrtcsrc", find_media_peer(), ".ci/peers")
    process = stack.enter_context(run_webrtcsink(uri, "theirs", SentMedia(frequency=None)))
    process.wait_until_registered()
    return consuming(stack, uri, process, process.close)


def webrtcsrc(stack: ExitStack, uri: str, directory: Path) -> Scene:
    """A peer that receives our camera: webrtcsrc."""
    require("webrtcsink and webrtcsrc", find_media_peer(), ".ci/peers")
    producer = Producer(uri, name="ours", timeout=CONNECT_SECONDS)
    stack.enter_context(filming(producer.add_video(), fps=10))
    started = Heard(producer.session_started)
    stack.enter_context(producer)
    assert producer.peer_id is not None
    process = stack.enter_context(run_webrtcsrc(uri, producer.peer_id, directory, audio=False))
    return Scene(started.next(CONNECT_SECONDS)["session"], process, process.close)


def browser(stack: ExitStack) -> Browser:
    """A browser; skips the test where it is not installed."""
    require("Chromium with gstwebrtc-api", find_browser(), ".ci/peers")
    return stack.enter_context(Browser())


def browser_as_consumer(video: bool) -> Callable[[ExitStack, str, Path], Scene]:
    """A page that receives our camera, or only has a data channel."""

    def begin(stack: ExitStack, uri: str, directory: Path) -> Scene:
        process = browser(stack)
        started = stack.enter_context(producing(uri, video))
        page: BrowserPage = process.consumer(uri, "ours")
        return Scene(started.next(CONNECT_SECONDS)["session"], process, page.close_session)

    return begin


def browser_as_producer(stack: ExitStack, uri: str, directory: Path) -> Scene:
    """A page that sends its camera."""
    process = browser(stack)
    page: BrowserPage = process.producer(uri, "theirs")
    page.wait_for("registered")
    return consuming(stack, uri, process, page.close_session)


PEERS: dict[str, Callable[[ExitStack, str, Path], Scene]] = {
    "producer-data": library_as_producer(),
    "producer-video": library_as_producer("--video", "--no-channel"),
    "consumer-data": library_as_consumer(),
    "consumer-video": library_as_consumer(video=True),
    "0.1.0-producer-data": library_as_producer(first=True),
    "0.1.0-producer-video": library_as_producer("--video", "--no-channel", first=True),
    "0.1.0-consumer": library_as_consumer(first=True),
    "webrtcbin-producer-data": webrtcbin_as_producer(None),
    "webrtcbin-producer-video": webrtcbin_as_producer(SentMedia(frequency=None)),
    "webrtcbin-consumer": webrtcbin_as_consumer,
    "webrtcsink": webrtcsink,
    "webrtcsrc": webrtcsrc,
    "chromium-consumer-data": browser_as_consumer(video=False),
    "chromium-consumer-video": browser_as_consumer(video=True),
    "chromium-producer": browser_as_producer,
}
"""The kinds of peers and sessions, by what the peer is. A session without video is idle: its channel carries no messages."""

OURS = ("producer-data", "producer-video", "consumer-data", "consumer-video")


def parameters(*names: str) -> list[object]:
    """The peers as parameters of a test. Those that must be installed are marked.

    Args:
        *names: Names in `PEERS`; empty: all.
    """
    return [
        pytest.param(name, marks=() if name in OURS else pytest.mark.interop, id=name) for name in names or tuple(PEERS)
    ]
