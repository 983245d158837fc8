"""Shows the videos of IP cameras or files to any number of consumers, without encoding them again.

Run these in three terminals:

    gst-signalling-sync serve
    python examples/ip_camera.py rtsp://10.0.0.7/stream1 front=rtsp://10.0.0.8/stream1
    gst-signalling-sync record cameras film.mkv
"""

from __future__ import annotations

import argparse
import re
import time

from gst_signalling_sync import EncodedVideoSource, Producer

PERIOD = 5.0
"""Seconds between two lines of output."""


def main() -> None:
    """Serve until Ctrl-C. A camera whose stream ends is opened again."""
    parser = argparse.ArgumentParser()
    parser.add_argument("cameras", nargs="+", help="URL or file, or NAME=URL", metavar="CAMERA")
    parser.add_argument("--uri", help="of the signalling server; by default $GST_SIGNALLING_URI or ws://127.0.0.1:8443")
    parser.add_argument("--name", default="cameras", help="of the producer (default: %(default)s)")
    parser.add_argument("--udp", action="store_true", help="have RTSP come over UDP, which loses packets")
    options = parser.parse_args()

    transport = {"rtsp_transport": "udp"} if options.udp else None
    with Producer(options.uri, name=options.name) as producer:
        for camera in options.cameras:
            named = re.fullmatch(r"([\w-]+)=(.+)", camera)
            name, url = named.groups() if named else (None, camera)
            player = producer.add_player(url, loop=True, name=name, options=transport)
            for source in player.sources:
                as_it_is = isinstance(source, EncodedVideoSource)
                print(f"{name or url}: {source.kind}, {'as it is' if as_it_is else 'encoded here'}", flush=True)
        try:
            while True:
                time.sleep(PERIOD)
                print(f"{len(producer.sessions)} sessions", flush=True)
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
