"""The first inputs of fuzzing: one of each kind, so that it need not discover the protocol's words."""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

__all__ = ["SEEDS", "WORDS", "dictionary", "prepare"]

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

_MESSAGES: Final[tuple[dict[str, Any], ...]] = (
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


def _packets(codec: int, *payloads: str) -> bytes:
    """The packets of one frame of a codec, in the target's form. The codec is given by its number in the target's table."""
    packets = [bytes.fromhex(payload) for payload in payloads]
    last = len(packets) - 1
    heads = [bytes([2 | (4 if index == 0 else 0) | (8 if index == last else 0)]) for index in range(len(packets))]
    return bytes([codec]) + b"".join(
        head + bytes([len(each)]) + each for head, each in zip(heads, packets, strict=True)
    )


_VP9_KEYFRAME: Final = "824983422013f00ef0"

_INIT: Final = "0000000500010000000a000a00000001"
_A_SECOND: Final = b"\x06\x63"
_USE_SEND: Final = bytes.fromhex("07000140")
_USE_RESET: Final = bytes.fromhex("07c00100")
_USE_SHUTDOWN: Final = bytes.fromhex("07f00000")
_USE_CONNECT: Final = bytes.fromhex("07ff0000")


def _sctp_chunk(kind: int, value: str = "") -> bytes:
    """A packet with one chunk. Its type is given by its number in the target's table."""
    content = bytes.fromhex(value)
    return bytes([0, kind, 0, len(content)]) + content


def _sctp_data(*chunks: str) -> bytes:
    """A packet of DATA chunks: for each the step of the TSN, flags, stream, sequence number and size."""
    return bytes([1, len(chunks) - 1]) + b"".join(bytes.fromhex(chunk) for chunk in chunks)


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
    "video": [
        _packets(0, "9080800110", "80808001"),
        _packets(1, "7800026742000268ce", "7c8588", "7c4501"),
        _packets(2, "8a80010800" + _VP9_KEYFRAME, "84800100"),
        _packets(2, "aa8001000130014000f0028001e0" + _VP9_KEYFRAME, "ec8001030186"),
        _packets(2, "f8800103030486"),
        _packets(3, "280a0a00000024f4ffff8000", "90aabb"),
        _packets(3, "68020801043000aa", "c0aabb", "80cc"),
        _packets(3, "00030800000230aa"),
        _packets(4, "600100034001aa00034201bb00034401cc", "620193aabb", "620113cc", "620153dd"),
        _packets(4, "4601050201aa", "0201bb"),
    ],
    "sctp": [
        # To an association that has not begun: an unknown cookie, an INIT, random bytes. Then one that begins by itself.
        b"\x00" + _sctp_chunk(10, "01020304") + _sctp_chunk(1, _INIT) + b"\x05\x03abc",
        b"\x00" + _USE_CONNECT + _A_SECOND * 2 + _sctp_chunk(2, _INIT) + _sctp_chunk(2, _INIT + "0007000401020304"),
        # Messages: complete, fragments in and out of order, a gap, one with no end. Stream, number and size follow the flags.
        b"\x80" + _sctp_data("0183010001", "0183010101", "0383010310", "ff83010210"),
        b"\x80" + _sctp_data("0182020001", "0180020001", "0181020001") + _sctp_data("0281030001", "ff82030001"),
        b"\x80" + _sctp_data("0182000004") + _sctp_data("0180000010") * 3 + _A_SECOND,
        # The victim sends. It is acknowledged with gaps, for too much, and not at all.
        b"\x80" + _USE_SEND * 3 + bytes.fromhex("02010f00" + "02030f00") + _A_SECOND,
        b"\x80"
        + _USE_SEND * 9
        + bytes.fromhex("02000f0202000300050006000b00")
        + _A_SECOND * 3
        + bytes.fromhex("027fff00"),
        # Messages that are abandoned (RFC 3758), at both ends.
        b"\x80" + _sctp_data("0183010001", "0583010501") + bytes.fromhex("03ff02010301040306000100"),
        b"\x80" + bytes.fromhex("070201ff070401ff0705020107060040") + _A_SECOND * 3,
        # Stream resets (RFC 6525), at both ends: a request, one that waits, a response.
        b"\x80" + _sctp_chunk(16, "000d00120000000100000000000000000001" + "0000") + _A_SECOND,
        b"\x80" + _sctp_chunk(16, "000d0010000000010000000000000005") + _sctp_data("0183010001"),
        b"\x80" + _USE_SEND + _USE_RESET + _sctp_chunk(16, "0010000c0000000100000006") + _A_SECOND,
        # A heartbeat and its answer, an error, unknown chunks, and the ways to end an association.
        b"\x80" + bytes.fromhex("07e00000") + _sctp_chunk(5, "0001000800000001") + _sctp_chunk(4, "0001000400000000"),
        b"\x80" + _sctp_chunk(9, "0003000800000000") + _sctp_chunk(18, "01020304") + _sctp_chunk(19),
        b"\x80" + _USE_SEND + _sctp_chunk(7, "00000001") + _sctp_chunk(14),
        b"\x80" + _USE_SHUTDOWN + _A_SECOND + _sctp_chunk(8) + _sctp_chunk(6),
    ],
}
"""Inputs by the target's name."""

_JSON: Final = (
    *(b"null", b"true", b"NaN", b"-Infinity", b"1e999", b"-0.0", b"9223372036854775808", b"[[[[[[[[", b"{}", b'":'),
    *(b"\\ud800", b"\\udc00", b"\\u0000", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xf4\x90\x80\x80"),
)
_HEADERS: Final = (
    *(
        b"GET / HTTP/1.1\r\n",
        b"HEAD ",
        b"HTTP/1.0",
        b"\r\n\r\n",
        b"\r\n ",
        b"\n\n",
        b": ",
        b"/healthz",
        b"/readyz",
        b"/metrics",
    ),
    *(b"Host: ", b"Origin: ", b"null", b"[::1]:", b"Forwarded: ", b"Content-Length: ", b"Transfer-Encoding: chunked"),
    *(
        b"Authorization: Basic ",
        b"?token=",
        b"Connection: keep-alive, Upgrade",
        b"Sec-WebSocket-Extensions: permessage-deflate",
    ),
    *(
        b"Sec-WebSocket-Protocol: bearer",
        b"X-Forwarded-For: unknown, [2001:db8::1]:80",
        b"\x81\xff",
        b"\x81\xfe",
        b"\x00\x80",
    ),
)


def _words(messages: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    """Each key of some messages with each of its values, as JSON."""
    for message in messages:
        for key, value in message.items():
            yield f"{json.dumps(key)}: {json.dumps(value)}".encode()


WORDS: Final[Mapping[str, Sequence[bytes]]] = MappingProxyType(
    {
        "parser": [*_JSON, *dict.fromkeys(_words(_MESSAGES))],
        "handshake": _HEADERS,
        "registry": (),
        "video": (),
        "sctp": (),
    }
)
"""The words that inputs may contain besides random bytes, by the target's name."""


def dictionary(target: str) -> str:
    """The words of a target in libFuzzer's format."""
    escaped = ["".join(f"\\x{byte:02x}" for byte in word) for word in WORDS[target]]
    return "".join(f'"{word}"\n' for word in escaped)


def prepare(target: str, directory: Path | None) -> Path:
    """Make a corpus with the seeds of a target.

    Args:
        target: The target's name.
        directory: The directory of the corpus; None: a new one.

    Returns:
        The directory.
    """
    corpus = directory or Path(tempfile.mkdtemp(prefix=f"fuzz-{target}-"))
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(SEEDS[target]):
        (corpus / f"seed-{number}").write_bytes(seed)
    return corpus
