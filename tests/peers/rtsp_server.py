"""An RTSP camera on GStreamer's gst-rtsp-server, as a process that a test controls.

`find_rtsp_server` tells whether it can run here; ``.ci/peers`` installs it. As a program, ``/usr/bin/python3
tests/peers/rtsp_server.py PIPELINE``, it prints its URL as JSON, and ends with its standard input.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

__all__ = ["camera_pipeline", "film_pipeline", "find_rtsp_server", "rtsp_camera"]

_PYTHON: Final = "/usr/bin/python3"
"""Debian's Python, for which its GStreamer bindings are compiled."""

_PROBE: Final = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"


def find_rtsp_server() -> str | None:
    """The Python that has gst-rtsp-server; None: it is not installed."""
    if not Path(_PYTHON).exists():
        return None
    return None if subprocess.run([_PYTHON, "-c", _PROBE], capture_output=True, check=False).returncode else _PYTHON


def camera_pipeline(profile: str = "high", keyframes: int = 30, size: tuple[int, int] = (320, 240)) -> str:
    """A live camera with an H264 encoder.

    Args:
        profile: H264 profile. Defaults to ``high``.
        keyframes: Frames between two keyframes. Defaults to 30.
        size: Width and height in pixels. Defaults to 320x240.
    """
    return (
        f"videotestsrc is-live=true pattern=smpte ! video/x-raw,width={size[0]},height={size[1]},framerate=30/1"
        f" ! x264enc tune=zerolatency speed-preset=superfast key-int-max={keyframes} ! video/x-h264,profile={profile}"
        " ! rtph264pay name=pay0 pt=96"
    )


def film_pipeline(path: Path) -> str:
    """A Matroska file with H264, sent as it is.

    Args:
        path: The file.
    """
    return f"filesrc location={path} ! matroskademux ! h264parse ! rtph264pay name=pay0 pt=96"


@contextmanager
def rtsp_camera(pipeline: str) -> Iterator[str]:
    """Serve a pipeline until the block ends.

    Args:
        pipeline: A pipeline of ``gst-launch-1.0`` whose payloader is called ``pay0``.

    Returns:
        The URL.
    """
    command = [_PYTHON, str(Path(__file__)), pipeline]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield str(json.loads(process.stdout.readline())["url"])
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()


def main(pipeline: str) -> None:
    """Serve until standard input ends."""
    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import GLib, Gst, GstRtspServer

    Gst.init(None)
    loop = GLib.MainLoop()
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service("0")
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(f"( {pipeline} )")
    factory.set_shared(True)
    server.get_mount_points().add_factory("/camera", factory)
    server.attach(None)

    def end() -> None:
        sys.stdin.read()
        GLib.idle_add(loop.quit)

    threading.Thread(target=end, daemon=True).start()
    print(json.dumps({"url": f"rtsp://127.0.0.1:{server.get_bound_port()}/camera"}), flush=True)
    loop.run()


if __name__ == "__main__":
    main(sys.argv[1])
