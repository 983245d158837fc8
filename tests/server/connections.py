"""Bare connections to a server."""

from __future__ import annotations

import socket

from gst_signalling_sync.server import SignallingServer

SECONDS = 10.0


def tcp(server: SignallingServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=SECONDS)
