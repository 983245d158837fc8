"""What each kind of peer sends when it ends a session, or is killed: ``python -m tests.peers.endings [PEER...]``.

The other end is a session of this library. Its arrivals are read where OpenSSL and libsrtp have decrypted them, before this
library interprets them. The table in ``docs/topics/peers.rst`` is this program's output.
"""

from __future__ import annotations

import struct
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import pylibsrtp
from OpenSSL import SSL

from gst_signalling_sync import SignallingServer

from ..faults.scenes import PEERS, Scene, scene_with
from ..helpers.waiting import wait_until

SETTLE_SECONDS: Final = 1.0
"""Seconds from connecting to the end, after which the messages of the beginning have passed."""

SCTP_CHUNKS: Final = {6: "ABORT", 7: "SHUTDOWN", 8: "SHUTDOWN ACK"}
RTCP_BYE: Final = 203
GOODBYE: Final = b'{"type":"goodbye"'


class Arrivals:
    """What has arrived that may announce the end of the session, in order."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.seen: list[str] = []

    def begin(self) -> None:
        """Forget what has arrived so far."""
        self.began = time.monotonic()
        self.seen.clear()

    def note(self, what: str) -> None:
        """Note something, if it has not been noted yet."""
        if what not in self.seen:
            self.seen.append(what)


@contextmanager
def eavesdropping() -> Iterator[Arrivals]:
    """Read everything that is decrypted in this process."""
    arrivals = Arrivals()
    receive, unprotect = SSL.Connection.recv, pylibsrtp.Session.unprotect_rtcp

    def recv(connection: Any, size: int, flags: int | None = None) -> bytes:
        try:
            data: bytes = receive(connection, size, flags)
        except SSL.ZeroReturnError:
            arrivals.note("DTLS close_notify")
            raise
        if GOODBYE in data:
            arrivals.note("in-band goodbye")
        for kind in chunk_types(data):
            if kind in SCTP_CHUNKS:
                arrivals.note(f"SCTP {SCTP_CHUNKS[kind]}")
        return data

    def unprotect_rtcp(session: Any, data: bytes) -> bytes:
        packet: bytes = unprotect(session, data)
        if RTCP_BYE in packet_types(packet):
            arrivals.note("RTCP BYE")
        return packet

    with patch.object(SSL.Connection, "recv", recv), patch.object(pylibsrtp.Session, "unprotect_rtcp", unprotect_rtcp):
        yield arrivals


def chunk_types(packet: bytes) -> Iterator[int]:
    """The chunk types of an SCTP packet (RFC 9260 section 3)."""
    position = 12
    while position + 4 <= len(packet):
        kind, _, length = struct.unpack_from("!BBH", packet, position)
        yield kind
        position += max(4, length + -length % 4)


def packet_types(packet: bytes) -> Iterator[int]:
    """The packet types of an RTCP compound packet (RFC 3550 section 6.1)."""
    position = 0
    while position + 4 <= len(packet):
        yield packet[position + 1]
        position += 4 + 4 * struct.unpack_from("!H", packet, position + 2)[0]


def measure(peer: str, way: str, arrivals: Arrivals) -> tuple[str, str, float]:
    """Have a peer end a session.

    Args:
        peer: One of `scenes.PEERS`.
        way: ``closes`` or ``is killed``.
        arrivals: The arrivals that are read during the measurement.

    Returns:
        The arrivals, the `SessionClosed.reason` here (``-`` for an orderly end), and the seconds until the end.
    """
    with (
        SignallingServer(port=0) as server,
        tempfile.TemporaryDirectory() as directory,
        scene_with(peer, server.uri, Path(directory)) as scene,
    ):
        wait_until(lambda: time.monotonic() - arrivals.began > SETTLE_SECONDS, "the session has settled")
        arrivals.begin()
        end(scene, way)
        wait_until(lambda: scene.session.state == "closed", f"{peer} is gone")
        seconds = time.monotonic() - arrivals.began
        reason = "-" if scene.session.error is None else getattr(scene.session.error, "reason", "?")
        return ", ".join(arrivals.seen) or "nothing", reason, seconds


def end(scene: Scene, way: str) -> None:
    """End a session as the peer's program does, or kill the process."""
    if way == "closes":
        scene.close_session()
    else:
        scene.process.kill()


def main() -> None:
    """Measure the peers that the command line names. Defaults to all."""
    peers = sys.argv[1:] or list(PEERS)
    print(f"{'peer':26} {'':10} {'sends':34} {'reason here':12} {'after':>6}")
    with eavesdropping() as arrivals:
        for peer in peers:
            for way in ("closes", "is killed"):
                arrivals.begin()
                sent, reason, seconds = measure(peer, way, arrivals)
                print(f"{peer:26} {way:10} {sent:34} {reason:12} {seconds:4.1f} s", flush=True)


if __name__ == "__main__":
    main()
