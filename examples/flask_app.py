"""A web service in front of robots: one route lists the producers, another sends a command to one and returns the answer.

It needs ``pip install flask``. `producer.py` is the robot; you may stop and start it again. Run the first three in a terminal
each, and the requests in a fourth one:

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
"""Maximum that a command waits for a robot that is just starting."""

ANSWER_SECONDS = 3.0
"""Maximum that a command waits for its answer."""


class Robot:
    """One robot and the session with it. The first command starts the session, which then stays open.

    Args:
        uri: The signalling server's; None: the default one.
        name: The robot's.
    """

    def __init__(self, uri: str | None, name: str) -> None:
        self._uri = uri
        self._name = name
        # Held from a command until its answer: the next answer on the channel belongs to that command.
        self._lock = threading.Lock()
        self._session: Session | None = None

    def command(self, text: str) -> str:
        """Send a command and wait for its answer; callable from any thread. Commands are sent one at a time."""
        with self._lock:
            try:
                channel = self._send(text)
                return str(channel.recv(timeout=ANSWER_SECONDS))
            except SignallingError:
                # A late answer must not be taken for the answer to the next command.
                self._disconnect()
                raise

    def _send(self, text: str) -> DataChannel:
        try:
            channel = self._connected().channel("commands")
            channel.send(text)
        except (ChannelClosed, SessionClosed):
            # The robot has just left. The command was not sent, so that it may be sent in a new session.
            self._disconnect()
            channel = self._connected().channel("commands")
            channel.send(text)
        return channel

    def _connected(self) -> Session:
        # A session that is not open has ended, or belongs to the process that this one was forked from.
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
        uri: The signalling server's. Defaults to ``$GST_SIGNALLING_URI``, else ``ws://127.0.0.1:8443``.
    """
    app = Flask(__name__)
    # Guards `robots`. Each robot has a lock of its own, so that a slow one delays no other.
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
