"""The pairs of a sender and a receiver: this library, webrtcsink and webrtcsrc, Chromium."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, Final

import numpy as np

from benchmarks.links.scene import FPS, age_of, age_of_number
from gst_signalling_sync import VideoReceiver, connect, find_producer
from tests.peers.browser import Browser, BrowserMedia, BrowserPage
from tests.peers.rust_peer import RustPeer, WebRTCSink

__all__ = ["PAIRS", "SIZE", "Viewer"]

SIZE: Final = (640, 480)
NAME: Final = "camera"
_START_SECONDS: Final = 30.0

_SMALL: Final = (64, 48)
"""Size at which the number of a frame can still be read."""

_KEPT: Final = 30

# Each frame becomes a small file, which a message on the bus names.
_NOTING: Final = (
    f"queue ! videoconvert ! videoscale ! video/x-raw,format=GRAY8,width={_SMALL[0]},height={_SMALL[1]} ! "
    f'multifilesink location="{{}}" max-files={_KEPT} post-messages=true async=false sync=false'
)
_FILE_NAME: Final = re.compile(r'filename=\(string\)"?([^",;]+)')


class Viewer(ABC):
    """A receiver, and when it decoded the frames, as Unix time."""

    @abstractmethod
    def frames(self) -> list[tuple[float, float | None]]:
        """All frames so far: when each was decoded, and the seconds since its capture; None: it is too damaged to tell."""


class _Ours(Viewer):
    def __init__(self, video: VideoReceiver) -> None:
        self._frames: list[tuple[float, float | None]] = []
        self._video = video
        threading.Thread(target=self._read, daemon=True).start()

    def frames(self) -> list[tuple[float, float | None]]:
        return list(self._frames)

    def _read(self) -> None:
        while True:
            try:
                frame = self._video.read("gray8", timeout=60)
            except Exception:  # noqa: BLE001 - the session has ended, and with it the measurement
                return
            now = time.time()
            self._frames.append((now, age_of(frame, now)))


class _WebRTCSrc(Viewer):
    def __init__(self, peer: RustPeer) -> None:
        self._peer = peer
        self._frames: list[tuple[float, float | None]] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def frames(self) -> list[tuple[float, float | None]]:
        return list(self._frames)

    def _listen(self) -> None:
        while True:
            try:
                message = self._peer.wait_for("message", 60)
            except Exception:  # noqa: BLE001 - the program has ended, and with it the measurement
                return
            if "GstMultiFileSink" in str(message["text"]):
                now = time.time()
                self._frames.append((now, self._age(str(message["text"]), now)))

    @staticmethod
    def _age(message: str, now: float) -> float | None:
        name = _FILE_NAME.search(message)
        assert name is not None, message
        try:
            octets = Path(name[1]).read_bytes()
        except FileNotFoundError:
            # This program is so late that newer frames have replaced it.
            return None
        return age_of(np.frombuffer(octets, np.uint8).reshape(_SMALL[::-1]), now)


class _Page(Viewer):
    def __init__(self, page: BrowserPage) -> None:
        self._page = page

    def frames(self) -> list[tuple[float, float | None]]:
        return [
            (shown / 1000, None if number is None else age_of_number(number, shown / 1000))
            for shown, number in self._page.frames()
        ]


@contextmanager
def _camera(*arguments: str) -> Iterator[IO[str]]:
    """A camera's process, and its output."""
    command = [sys.executable, "-m", "benchmarks.links.camera", *arguments, *map(str, SIZE)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdout
        process.stdin.close()


@contextmanager
def _library_sends(uri: str, browser: Browser | None) -> Iterator[None]:
    with _camera("producer", uri, NAME) as output:
        output.readline()
        yield


@contextmanager
def _webrtcsink_sends(uri: str, browser: Browser | None) -> Iterator[None]:
    with tempfile.TemporaryDirectory(prefix="gss-links-") as folder:
        pipe = Path(folder) / "camera"
        os.mkfifo(pipe)
        size = f"width={SIZE[0]} height={SIZE[1]}"
        pipeline = (
            f'webrtcsink name=sink signaller::uri={uri} meta="meta,name=\\"{NAME}\\"" video-caps=video/x-vp8 '
            f'filesrc location="{pipe}" blocksize={SIZE[0] * SIZE[1] * 3} '
            f"! rawvideoparse format=bgr {size} framerate={FPS}/1 ! queue ! videoconvert ! sink."
        )
        with WebRTCSink(pipeline, uri) as sink, _camera("pipe", str(pipe)):
            sink.wait_until_registered()
            yield


@contextmanager
def _chromium_sends(uri: str, browser: Browser | None) -> Iterator[None]:
    assert browser is not None
    media = BrowserMedia(codec="VP8", frequency=None, width=SIZE[0], height=SIZE[1], noisy=True)
    with browser.producer(uri, NAME, media) as page:
        page.wait_for("registered")
        yield


@contextmanager
def _library_receives(uri: str, browser: Browser | None) -> Iterator[Viewer]:
    with connect(uri, name=NAME, timeout=_START_SECONDS) as session:
        yield _Ours(session.video)


@contextmanager
def _webrtcsrc_receives(uri: str, browser: Browser | None) -> Iterator[Viewer]:
    producer = find_producer(NAME, uri)
    with tempfile.TemporaryDirectory(prefix="gss-links-") as folder:
        source = f"webrtcsrc name=source signaller::uri={uri} signaller::producer-peer-id={producer.id}"
        with RustPeer("webrtcsrc", f"{source} source.video_0 ! {_NOTING.format(Path(folder) / 'frame-%d')}") as peer:
            yield _WebRTCSrc(peer)


@contextmanager
def _chromium_receives(uri: str, browser: Browser | None) -> Iterator[Viewer]:
    assert browser is not None
    with browser.consumer(uri, name=NAME, read_numbers=True) as page:
        yield _Page(page)


_Sender = Callable[[str, Browser | None], AbstractContextManager[None]]
_Receiver = Callable[[str, Browser | None], AbstractContextManager[Viewer]]

_PARTS: Final[dict[str, tuple[_Sender, _Receiver]]] = {
    "a ours -> ours": (_library_sends, _library_receives),
    "b webrtcsink -> ours": (_webrtcsink_sends, _library_receives),
    "c ours -> Chromium": (_library_sends, _chromium_receives),
    "d ours -> webrtcsrc": (_library_sends, _webrtcsrc_receives),
    "e webrtcsink -> webrtcsrc": (_webrtcsink_sends, _webrtcsrc_receives),
    "f Chromium -> Chromium": (_chromium_sends, _chromium_receives),
}


def _pair(name: str) -> Callable[[str, str], AbstractContextManager[Viewer]]:
    sender, receiver = _PARTS[name]

    @contextmanager
    def run(server: str, network: str) -> Iterator[Viewer]:
        with ExitStack() as stack:
            browser: Any = stack.enter_context(Browser()) if "Chromium" in name else None
            stack.enter_context(sender(server, browser))
            yield stack.enter_context(receiver(network, browser))

    return run


PAIRS: Final = {name: _pair(name) for name in _PARTS}
"""By name: a function of the address of the server and of the network in front of it, which gives the viewer."""
