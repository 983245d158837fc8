"""A web page with the pictures of robots, as JPEG one after another, which every browser shows without a script.

It needs Flask, and `camera.py` OpenCV: ``pip install flask opencv-python-headless``. In three terminals; then open
http://127.0.0.1:5000/camera in a browser:

    gst-signalling-sync serve
    python examples/camera.py --name camera
    python examples/mjpeg.py

The robot may be stopped and started again; then load the page again.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Iterator

from flask import Flask, Response, jsonify, url_for
from flask.typing import ResponseReturnValue
from markupsafe import escape

from gst_signalling_sync import (
    PeerNotFound,
    Session,
    SessionClosed,
    SignallingError,
    TrackNotFound,
    connect,
    encode_still,
)

CONNECT_SECONDS = 5.0
PERIOD = 0.1
"""Seconds from picture to picture: each viewer's JPEGs are made for that viewer."""


class Robot:
    """One robot and the session with it, which is opened by the first viewer and kept open.

    Args:
        uri: Of the signalling server; None: the default one.
        name: The robot's.
    """

    def __init__(self, uri: str | None, name: str) -> None:
        self._uri = uri
        self._name = name
        # Held while connecting: of several viewers one connects, and the others wait for that.
        self._lock = threading.Lock()
        self._session: Session | None = None

    def session(self) -> Session:
        """The session, a new one where the last has ended; from any thread."""
        with self._lock:
            if self._session is None or self._session.state != "connected":
                self._session = connect(self._uri, name=self._name, timeout=CONNECT_SECONDS)
            return self._session


def parts(session: Session) -> Iterator[bytes]:
    """The newest picture again and again, each as a part of a multipart answer, until the session is closed."""
    while session.state == "connected":
        picture = session.video.latest()
        if picture is not None:
            jpeg = encode_still(picture, "jpeg")
            yield b"--picture\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b\r\n" % (len(jpeg), jpeg)
        time.sleep(PERIOD)


def create_app(uri: str | None = None) -> Flask:
    """The web service.

    Args:
        uri: Of the signalling server; None: ``$GST_SIGNALLING_URI``, else ``ws://127.0.0.1:8443``.
    """
    app = Flask(__name__)
    # Guards `robots`; each robot guards itself, so that a slow one delays nobody else.
    lock = threading.Lock()
    robots: dict[str, Robot] = {}

    @app.get("/<name>")
    def page(name: str) -> ResponseReturnValue:
        source = url_for("pictures", name=name)
        return f'<!doctype html><title>{escape(name)}</title><img src="{source}" alt="what {escape(name)} sees">'

    @app.get("/<name>/pictures")
    def pictures(name: str) -> ResponseReturnValue:
        with lock:
            robot = robots.setdefault(name, Robot(uri, name))
        session = robot.session()
        try:
            session.video.read(timeout=CONNECT_SECONDS)
        except SessionClosed:
            # The robot left just now; it may be back already.
            session = robot.session()
            session.video.read(timeout=CONNECT_SECONDS)
        return Response(parts(session), mimetype="multipart/x-mixed-replace; boundary=picture")

    @app.errorhandler(SignallingError)
    def report(error: SignallingError) -> ResponseReturnValue:
        status = 404 if isinstance(error, PeerNotFound | TrackNotFound) else 502
        return jsonify(error=str(error)), status

    return app


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--uri", help="of the signalling server; by default $GST_SIGNALLING_URI or ws://127.0.0.1:8443")
    parser.add_argument("--port", type=int, default=5000, help="of the web service (default: %(default)s)")
    options = parser.parse_args()
    create_app(options.uri).run(port=options.port, threaded=True)


if __name__ == "__main__":
    main()
