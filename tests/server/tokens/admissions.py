"""What a server that asks for tokens answers."""

from __future__ import annotations

from typing import Any

import pytest
import websocket

from gst_signalling_sync import SignallingServer

from ...helpers.raw_peer import RawPeer
from ...helpers.tokens import peer_with
from ...helpers.waiting import wait_until


def status_of(server: SignallingServer, query: str = "", **options: Any) -> int:
    """The HTTP status with which the server refuses a client."""
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        RawPeer(server.uri + query, **options)
    return refused.value.status_code


def reload(server: SignallingServer, condition: Any, what: str) -> None:
    server.reload()
    wait_until(condition, what)


def comes_in(server: SignallingServer, token: str) -> bool:
    try:
        peer_with(server, token).close()
    except websocket.WebSocketBadStatusException:
        return False
    return True
