"""A web page that shows robots' cameras as JPEG images one after another, which every browser displays without a script.

It needs Flask, and `camera.py` needs OpenCV: ``pip install flask opencv-python-headless``. Run these in three terminals, then
open http://127.0.0.1:5000 in a browser. The page lists the robots:

    gst-signalling-sync serve
    python examples/camera.py --name camera
    python examples/mjpeg.py

You may stop the robot and start it again; then reload its page.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Iterator

from flask import Flask, Response, jsonify, render_template_string
from flask.typing import ResponseReturnValue

from gst_signalling_sync import (
    PeerNotFound,
    Session,
    SessionClosed,
    SignallingError,
    TrackNotFound,
    connect,
    encode_still,
    list_producers,
)

CONNECT_SECONDS = 5.0
"""Maximum that a viewer waits for the robot and for its first frame."""

PERIOD = 0.1
"""Seconds between two frames. Each viewer's frames are encoded for that viewer alone, which costs processor time."""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
{% if not robot %}<meta http-equiv="refresh" content="2">{% endif %}
<title>{{ robot or "Robots" }}</title>
<style>
body { font: 1.1em/1.5 system-ui, sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em;
       color: #e8e8e8; background: #16181c }
a { color: #7cc4ff }
img { max-width: 100%; max-height: 80vh; min-width: 20em; background: #000 }
li { padding: .2em 0 }
code { color: #b5d99c }
</style>
</head>
<body>
{% if robot %}
<p><a href="{{ url_for("index") }}">All robots</a></p>
<h1>{{ robot }}</h1>
<img src="{{ url_for("frames", name=robot) }}" alt="what {{ robot }} sees">
{% else %}
<h1>Robots</h1>
{% if error %}
<p>{{ error }}</p>
<p>Start a signalling server with <code>gst-signalling-sync serve</code>.</p>
{% elif names %}
<ul>{% for name in names %}
<li><a href="{{ url_for("page", name=name) }}">{{ name }}</a></li>{% endfor %}
</ul>
{% else %}
<p>None is registered at the signalling server. Start one with <code>python examples/camera.py --name camera</code>.</p>
{% endif %}
{% endif %}
</body>
</html>
"""


class Robot:
    """One robot and the session with it. The first viewer starts the session, which then stays open.

    Args:
        uri: The signalling server's; None: the default one.
        name: The robot's.
    """

    def __init__(self, uri: str | None, name: str) -> None:
        self._uri = uri
        self._name = name
        # Held while connecting, so that one of several viewers connects and the others wait for it.
        self._lock = threading.Lock()
        self._session: Session | None = None

    def session(self) -> Session:
        """The session, or a new one if it has ended; callable from any thread."""
        with self._lock:
            if self._session is None or not self._session.is_open:
                self._session = connect(self._uri, name=self._name, timeout=CONNECT_SECONDS)
            return self._session


def parts(session: Session) -> Iterator[bytes]:
    """Yield the newest frame every `PERIOD` as a part of a multipart response, until the session is closed."""
    while session.is_open:
        frame = session.video.latest()
        if frame is not None:
            jpeg = encode_still(frame, "jpeg")
            yield b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b\r\n" % (len(jpeg), jpeg)
        time.sleep(PERIOD)


def create_app(uri: str | None = None) -> Flask:
    """The web service.

    Args:
        uri: The signalling server's. Defaults to ``$GST_SIGNALLING_URI``, else ``ws://127.0.0.1:8443``.
    """
    app = Flask(__name__)
    # Guards `robots`. Each robot has a lock of its own, so that a slow one delays no other.
    lock = threading.Lock()
    robots: dict[str, Robot] = {}

    @app.get("/")
    def index() -> ResponseReturnValue:
        try:
            names = sorted({peer.name for peer in list_producers(uri, timeout=CONNECT_SECONDS) if peer.name})
        except SignallingError as error:
            return render_template_string(PAGE, error=error), 502
        return render_template_string(PAGE, names=names)

    @app.get("/<path:name>")
    def page(name: str) -> ResponseReturnValue:
        return render_template_string(PAGE, robot=name)

    @app.get("/<path:name>/frames")
    def frames(name: str) -> ResponseReturnValue:
        with lock:
            robot = robots.setdefault(name, Robot(uri, name))
        session = robot.session()
        try:
            session.video.read(timeout=CONNECT_SECONDS)
        except SessionClosed:
            # The robot has just left; it may be back already.
            session = robot.session()
            session.video.read(timeout=CONNECT_SECONDS)
        return Response(parts(session), mimetype="multipart/x-mixed-replace; boundary=frame")

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
