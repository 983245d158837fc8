"""What fuzzing begins with: one input of each kind, so that it need not find the protocol's words itself."""

from __future__ import annotations

import json
import random
import tempfile
from pathlib import Path
from typing import Final

__all__ = ["SEEDS", "prepare"]

_REQUEST: Final = (
    b"GET /path?token=a HTTP/1.1\r\nHost: localhost:8443\r\nOrigin: http://localhost\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nAuthorization: Bearer abc\r\nX-Forwarded-For: 192.0.2.1, 198.51.100.2\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\nSignalling-Resumption: new\r\n\r\n"
)
_ANSWER: Final = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: ICX+Yqv66kxgM0FcWaLWlFLwTAI=\r\nSignalling-Resumption: abc\r\n\r\n"
)
_FRAMES: Final = b"\x01\x02ab\x80\x01c\x89\x00\x8a\x01x\x81\x7e\x00\x7e" + b"y" * 126 + b"\x88\x05\x03\xe8bye"

_MESSAGES: Final = (
    {"type": "welcome", "peerId": "p", "resumed": True, "sessions": ["s"]},
    {"type": "setProtocolVersion", "version": "v1_1"},
    {"type": "setPeerStatus", "roles": ["producer", "listener"], "meta": {"name": "robot"}},
    {"type": "peerStatusChanged", "peerId": "p", "roles": ["consumer"], "meta": None},
    {"type": "startSession", "peerId": "p", "sessionId": "s", "offer": None},
    {"type": "sessionStarted", "peerId": "p", "sessionId": "s"},
    {"type": "peerAway", "sessionId": "s"},
    {"type": "peerBack", "sessionId": "s"},
    {"type": "endSession", "sessionId": "s", "mark": "expired"},
    {"type": "endSessionV1_1", "sessionId": "s", "error": "why"},
    {"type": "peer", "sessionId": "s", "sdp": {"type": "offer", "sdp": "v=0"}},
    {
        "type": "peer",
        "sessionId": "s",
        "ice": {"candidate": "candidate:1 1 UDP 1 192.0.2.1 1 typ host", "sdpMLineIndex": 0},
    },
    {"type": "list", "producers": [{"id": "p", "meta": {"name": "robot"}}]},
    {"type": "listConsumers", "consumers": []},
    {"type": "error", "details": "no"},
)


def _conversations() -> list[bytes]:
    seeded = random.Random(1)
    return [seeded.randbytes(200) for _ in range(20)]


SEEDS: Final = {
    "parser": [json.dumps(message).encode() for message in _MESSAGES],
    "handshake": [
        b"\x00\x10" + _REQUEST,
        b"\x00\xff" + _REQUEST + b"\x81\x80\x00\x00\x00\x00",
        b"\x60\x10" + _ANSWER,
        b"\xc0\x03" + _FRAMES,
        b"\xc0\xff" + _FRAMES,
    ],
    "registry": _conversations(),
}
"""By the target's name."""


def prepare(target: str, directory: Path | None) -> Path:
    """A corpus that has the seeds of a target.

    Args:
        target: Its name.
        directory: Where it is kept; None: a new one.

    Returns:
        The directory.
    """
    corpus = directory or Path(tempfile.mkdtemp(prefix=f"fuzz-{target}-"))
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(SEEDS[target]):
        (corpus / f"seed-{number}").write_bytes(seed)
    return corpus
