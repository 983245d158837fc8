"""A camera in a process of its own, which ends with its input.

``python -m benchmarks.links.camera producer URI NAME WIDTH HEIGHT`` is a robot with this library;
``python -m benchmarks.links.camera pipe PATH WIDTH HEIGHT`` writes raw frames (BGR) into a named pipe, for GStreamer.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from io import RawIOBase

from benchmarks.links.scene import FPS, film
from gst_signalling_sync import Producer

BITRATE = 2_500_000
"""Maximum in bit/s: Chromium and webrtcsink send 640x480 with up to 2 and 8 Mbit/s, this library's default is 0.74."""


def produce(uri: str, name: str, size: tuple[int, int]) -> None:
    """Send the scene to every consumer, until the input ends."""
    ended = threading.Event()

    def end_with_input() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=end_with_input, daemon=True).start()
    with Producer(uri, name=name) as producer:
        source = producer.add_video(FPS, bitrate=BITRATE)
        print("ready", flush=True)
        film(size, source.write, ended.wait)


def write(path: str, size: tuple[int, int]) -> None:
    """Write the scene into a pipe, until the input ends."""

    def write_all() -> None:
        # Opening waits for a reader, and writing for a slow one.
        with contextlib.suppress(BrokenPipeError), open(path, "wb", buffering=0) as pipe:
            film(size, lambda frame: _write_whole(pipe, frame.tobytes()), threading.Event().wait)

    threading.Thread(target=write_all, daemon=True).start()
    sys.stdin.read()


def _write_whole(pipe: RawIOBase, octets: bytes) -> None:
    rest = memoryview(octets)
    while rest:
        rest = rest[pipe.write(rest) or 0 :]


def _main(kind: str, *arguments: str) -> None:
    *where, width, height = arguments
    size = (int(width), int(height))
    if kind == "producer":
        uri, name = where
        produce(uri, name, size)
    else:
        (path,) = where
        write(path, size)


if __name__ == "__main__":
    _main(*sys.argv[1:])
