"""A web service in front of robots: its routes list the producers, and send a command to one and return the answer.

It needs Flask, ``pip install flask``. In three terminals, with `producer.py` as the robot, which you may stop and start
again; the fourth asks:

    gst-signalling-sync serve
    python examples/producer.py --name robot
    python examples/flask_app.py
    curl http://127.0.0.1:5000/robots
    curl --data "wave" http://127.0.0.1:5000/robots/robot/command
"""

from __future__ import annotations

import argparse
import threading

from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue

from gst_signalling_sync import (
    ChannelClosed,
    DataChannel,
    PeerNotFound,
    Session,
    SessionClosed,
    SignallingError,
    WaitTimeout,
    connect,
    list_producers,
)

CONNECT_SECONDS = 5.0
"""How long a command waits for a robot that is just starting."""

ANSWER_SECONDS = 3.0


class Robot:
    """One robot and the session with it, which is opened by the first command and kept open.

    Args:
        uri: Of the signalling server; None: the default one.
        name: The robot's.
    """

    def __init__(self, uri: str | None, name: str) -> None:
        self._uri = uri
        self._name = name
        # Held from a command until its answer: the next answer on the channel belongs to that command.
        self._lock = threading.Lock()
        self._session: Session | None = None

    def command(self, text: str) -> str:
        """Send a command and wait for its answer; from any thread, one at a time."""
        with self._lock:
            try:
                channel = self._send(text)
                return str(channel.recv(timeout=ANSWER_SECONDS))
            except SignallingError:
                # An answer that comes late must not be taken for that to the next command.
                self._disconnect()
                raise

    def _send(self, text: str) -> DataChannel:
        try:
            channel = self._connected().channel("commands")
            channel.send(text)
        except (ChannelClosed, SessionClosed):
            # The robot has just left: the command was not sent, so a new session may take it.
            self._disconnect()
            channel = self._connected().channel("commands")
            channel.send(text)
        return channel

    def _connected(self) -> Session:
        # One that is not open has ended, or belongs to the process that this one was forked from.
        if self._session is None or not self._session.is_open:
            self._session = connect(self._uri, name=self._name, timeout=CONNECT_SECONDS)
        return self._session

    def _disconnect(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close(timeout=0)


def create_app(uri: str | None = None) -> Flask:
    """The web service.

    Args:
        uri: Of the signalling server; None: ``$GST_SIGNALLING_URI``, else ``ws://127.0.0.1:8443``.
    """
    app = Flask(__name__)
    # Guards `robots`; each robot guards itself, so that a slow one delays nobody else.
    lock = threading.Lock()
    robots: dict[str, Robot] = {}

    @app.get("/robots")
    def list_robots() -> ResponseReturnValue:
        return jsonify([{"id": peer.id, "name": peer.name} for peer in list_producers(uri)])

    @app.post("/robots/<name>/command")
    def command(name: str) -> ResponseReturnValue:
        with lock:
            if name not in robots:
                robots[name] = Robot(uri, name)
        return jsonify(answer=robots[name].command(request.get_data(as_text=True)))

    @app.errorhandler(SignallingError)
    def report(error: SignallingError) -> ResponseReturnValue:
        if isinstance(error, PeerNotFound):
            status = 404
        elif isinstance(error, WaitTimeout):
            status = 504
        else:
            status = 502
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
