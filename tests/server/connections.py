"""Bare connections to a server."""

from __future__ import annotations

import socket

import websocket

from gst_signalling_sync.server import SignallingServer

from ..helpers.raw_peer import RawPeer

SECONDS = 10.0


def tcp(server: SignallingServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=SECONDS)


def close_code(peer: RawPeer) -> int:
    frame = peer.socket.recv_frame()
    while frame.opcode != websocket.ABNF.OPCODE_CLOSE:
        frame = peer.socket.recv_frame()
    return int.from_bytes(frame.data[:2], "big")
