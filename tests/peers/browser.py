"""Headless Chromium with gstwebrtc-api 3.0.0, the browser client of GStreamer, as producer and as consumer.

`find_browser` tells whether it can run here; ``.ci/peers`` installs it. ``browser/page.js`` describes events and commands.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np

from .gst_pipelines import RATE
from .peer_process import PeerProcess, peers_directory
from .received import Frame, Received, Samples

__all__ = ["Browser", "BrowserMedia", "BrowserPage", "find_browser"]

_HERE: Final = Path(__file__).parent / "browser"
_START_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.05


def find_browser() -> tuple[str, Path, str] | None:
    """Node.js, the folder of its modules that ``.ci/peers`` filled, and Chromium; None: one of them is missing."""
    node, chromium = shutil.which("node"), shutil.which("chromium")
    modules = peers_directory() / "browser" / "node_modules"
    if node is None or chromium is None or not (modules / "gstwebrtc-api").exists():
        return None
    return node, modules, chromium


@dataclass(frozen=True)
class BrowserMedia:
    """The media that a page sends: frames that `media.number_in` reads, and a tone.

    A frame's number is the time at which it was drawn, in milliseconds of the wall clock modulo `media.NUMBERS`.
    """

    video: bool = True
    frequency: float | None = 440.0
    """Frequency of the tone in Hz; None: no audio."""

    codec: str | None = None
    """``VP8``, ``H264`` or ``VP9``, the only video codec that is offered or accepted; None: the browser's choice.

    ``H264 packetization-mode=0``: only the forms of H264 with this in ``a=fmtp``.
    """

    layers: str | None = None
    """The W3C's scalability mode for video, such as ``L2T1`` for two spatial layers; None: the browser's choice."""

    prefers_red: bool = False
    """Whether audio is offered or accepted as RED (RFC 2198) before Opus, so that Chromium sends RED."""

    width: int = 320
    height: int = 240
    fps: int = 30

    noisy: bool = False
    """Whether a corner is noise, so that the encoder needs its whole bitrate."""


_NOTHING: Final = BrowserMedia(video=False, frequency=None)
_PATTERN: Final = BrowserMedia()


class Browser(PeerProcess):
    """A browser with any number of pages. Each page is a peer.

    Args:
        ice_servers: The W3C's ``RTCIceServer`` objects for all pages. Defaults to none.
    """

    def __init__(self, ice_servers: Sequence[dict[str, str]] = ()) -> None:
        self._ice_servers = list(ice_servers)
        found = find_browser()
        if found is None:
            raise FileNotFoundError("Chromium, Node.js or gstwebrtc-api is not installed: run .ci/peers")
        node, modules, chromium = found
        self._numbers = itertools.count(1)
        self._profile = tempfile.TemporaryDirectory(prefix="gss-browser-", ignore_cleanup_errors=True)
        super().__init__("browser", [node, _HERE / "driver.mjs", modules, chromium, self._profile.name])

    def consumer(
        self, uri: str, name: str | None = None, media: BrowserMedia = _NOTHING, read_numbers: bool = False
    ) -> BrowserPage:
        """Open a page that starts a session with a producer and shows its video.

        Args:
            uri: The signalling server's.
            name: The producer's, which may come later; None: the first producer.
            media: The media that the page sends back, on the tracks where the producer offers to receive. Defaults to none. Its
                codec is for both directions.
            read_numbers: Whether the numbers of all frames are read, for `BrowserPage.frames`. Defaults to False.

        Returns:
            The page, connecting. Its events are ``ready`` (peer_id), ``session`` (session, peer_id), ``connection``
            (session, state), ``frame`` (width, height) when the first frame is shown, ``session_closed`` (session),
            ``error`` (details), ``disconnected``.
        """
        return self._open("consumer", uri, name, media, read_numbers)

    def producer(self, uri: str, name: str, media: BrowserMedia = _PATTERN) -> BrowserPage:
        """Open a page that is a producer.

        Args:
            uri: The signalling server's.
            name: The name that it registers.
            media: The media that it sends to each consumer.

        Returns:
            The page, connecting. Its events are those of a consumer, and ``registered``.
        """
        return self._open("producer", uri, name, media)

    def close(self) -> None:
        """Close the pages and the browser; idempotent."""
        super().close()
        self._profile.cleanup()

    def _open(
        self, role: str, uri: str, name: str | None, media: BrowserMedia, read_numbers: bool = False
    ) -> BrowserPage:
        number = next(self._numbers)
        size = {"width": media.width, "height": media.height, "fps": media.fps, "noisy": media.noisy}
        send = {"video": size if media.video else None, "frequency": media.frequency}
        options = {
            "uri": uri,
            "name": name,
            "codec": media.codec,
            "layers": media.layers,
            "prefersRed": media.prefers_red,
            "readNumbers": read_numbers,
            "send": send,
            "iceServers": self._ice_servers,
        }
        self.request("open", _START_SECONDS, page=number, role=role, **options)
        return BrowserPage(self, number)


class BrowserPage(Received):
    """A page of a browser, and the media that it has received.

    Args:
        browser: The browser that the page belongs to.
        number: The page's number.
    """

    def __init__(self, browser: Browser, number: int) -> None:
        self._browser = browser
        self._number = number
        self._is_open = True

    def wait_for(self, event: str, timeout: float = 20.0, **fields: Any) -> dict[str, Any]:
        """Wait for an event of this page; see `PeerProcess.wait_for`."""
        return self._browser.wait_for(event, timeout, page=self._number, **fields)

    def frame(self) -> Frame | None:
        found = self._call("frame")
        if found is None:
            return None
        rgba = np.frombuffer(base64.b64decode(found["base64"]), np.uint8)
        return rgba.reshape(found["height"], found["width"], 4)[:, :, 2::-1]

    def samples(self, seconds: float) -> Samples | None:
        found = self._call("samples")
        assert found["rate"] == RATE
        samples = np.frombuffer(base64.b64decode(found["base64"]), np.dtype("<i2")).reshape(-1, 1)
        count = round(seconds * RATE)
        assert count <= len(samples), f"the page keeps {len(samples) / RATE:g} s"
        return samples[-count:]

    def codec(self, kind: str, timeout: float = 20.0) -> str:
        return str(self._wait_for_report("inbound-rtp", kind, timeout)["codec"]).upper()

    def sent_codec(self, kind: str, timeout: float = 20.0) -> str:
        """The codec in which this page sends; see `codec`."""
        return str(self._wait_for_report("outbound-rtp", kind, timeout)["codec"]).upper()

    def stats(self) -> list[dict[str, Any]]:
        """The ``inbound-rtp`` and ``outbound-rtp`` reports of W3C's getStats, with ``session`` and ``codec``."""
        reports: list[dict[str, Any]] = self._call("stats")
        return reports

    def tracks(self) -> list[dict[str, Any]]:
        """The received tracks: ``mid``, ``id``, ``kind`` and ``muted`` of each."""
        tracks: list[dict[str, Any]] = self._call("tracks")
        return tracks

    def frames(self) -> list[tuple[float, int | None]]:
        """The received frames.

        Returns:
            For each frame, when it was shown, in milliseconds of Unix time, and its number. None: it has no number that can be
            read, or numbers are not read.
        """
        return [(time, number) for time, number in self._call("frames")]

    def screenshot(self, path: Path) -> None:
        """Write a PNG file of the page as a user sees it."""
        self._browser.request("screenshot", page=self._number, path=str(path))

    def close_session(self) -> None:
        """End the session, or all sessions of a producer, as gstwebrtc-api does."""
        self._call("close")

    def close(self) -> None:
        """Close the page as a user does who closes the tab, without telling the other end; idempotent."""
        if not self._is_open:
            return
        self._is_open = False
        # If the browser is gone, so is the page.
        with contextlib.suppress(OSError, ValueError, ChildProcessError):
            self._browser.request("close", page=self._number)

    def describe(self) -> str:
        return self._browser.describe()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _call(self, function: str) -> Any:
        return self._browser.request("call", page=self._number, function=function)

    def _wait_for_report(self, direction: str, kind: str, timeout: float) -> dict[str, Any]:
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            for report in self.stats():
                if report["type"] == direction and report["kind"] == kind and report["codec"] is not None:
                    return report
            time.sleep(_POLL_SECONDS)
        raise TimeoutError(f"no {direction} of {kind} within {timeout:g} s; {self.stats()}; {self.describe()}")
