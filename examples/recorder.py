"""Records a producer's video and audio into a file: MP4, MKV or WebM, by the file's name.

Run these in three terminals. Any producer with video or audio will do:

    gst-signalling-sync serve
    python examples/camera.py
    python examples/recorder.py camera film.mp4 --seconds 10
"""

from __future__ import annotations

import argparse
import contextlib
import time

from gst_signalling_sync import connect

PERIOD = 0.5
"""Seconds between two lines of output."""


def main() -> None:
    """Record for some time, until Ctrl-C, or until the producer ends the session. The file is complete in each case."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name", help="of the producer, waited for")
    parser.add_argument("path", help="of the file, which ends in .mp4, .mkv or .webm")
    parser.add_argument("--uri", help="of the signalling server; by default $GST_SIGNALLING_URI or ws://127.0.0.1:8443")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long to record (default: %(default)g)")
    options = parser.parse_args()

    with contextlib.suppress(KeyboardInterrupt), connect(options.uri, name=options.name) as session:
        with contextlib.suppress(KeyboardInterrupt), session.record(options.path) as recorder:
            end = time.monotonic() + options.seconds
            while recorder.state == "recording" and time.monotonic() < end:
                print(f"{recorder.seconds:.1f} s, {recorder.frames} frames", flush=True)
                time.sleep(min(PERIOD, max(0.0, end - time.monotonic())))
        kinds = f", re-encoded: {', '.join(recorder.transcodes)}" if recorder.transcodes else ""
        print(f"{recorder.path}: {recorder.seconds:.1f} s, {recorder.frames} frames, {recorder.size} bytes{kinds}")


if __name__ == "__main__":
    main()
