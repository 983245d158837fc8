"""A UDP relay between WebRTC peers of this machine that loses packets, without privileges or kernel modules."""

from __future__ import annotations

import contextlib
import random
import selectors
import socket
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Final

__all__ = ["LossyRelay"]

Address = tuple[str, int]

_CANDIDATE_PREFIX: Final = "candidate:"
_SDP_PREFIX: Final = "a=candidate:"
_DATAGRAM_BYTES: Final = 65535
_BUFFER_BYTES: Final = 4 * 1024 * 1024


@dataclass(frozen=True)
class Traffic:
    """What a relay has seen of both directions, in packets."""

    passed: int
    dropped: int


class LossyRelay:
    """Stands in for every address of every peer, and loses some of the packets between them.

    One socket represents each peer address. What a peer sends to the socket of another address leaves from the socket
    of its own, so both ends see the relay's addresses only, the peer-reflexive ones included, and answers take the same
    way back. Only UDP candidates over IPv4 are kept: no direct path remains.

    Args:
        loss: Share of the packets to drop, 0 to 1; may be changed while packets flow.
        seed: Of the random numbers that choose them.
    """

    def __init__(self, loss: float = 0.02, seed: int = 1) -> None:
        self.loss = loss
        self._random = random.Random(seed)
        self._passed = 0
        self._dropped = 0
        # Guards the three maps: candidates are rewritten on other threads than the relay's.
        self._lock = threading.Lock()
        self._by_peer: dict[Address, socket.socket] = {}
        self._peer_of: dict[socket.socket, Address] = {}
        self._own: set[Address] = set()
        self._selector = selectors.DefaultSelector()
        self._wake, wake = socket.socketpair()
        self._selector.register(wake, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._relay_until_closed, args=(wake,), name="lossy-relay", daemon=True)
        self._thread.start()

    @property
    def traffic(self) -> Traffic:
        """The packets so far."""
        return Traffic(self._passed, self._dropped)

    def rewrite_sdp(self, sdp: str) -> str:
        """A session description whose candidates are the relay's.

        Args:
            sdp: With ``a=candidate:`` lines or, when the peer trickles, without.

        Returns:
            The same, but for the candidates; those that the relay cannot stand in for are left out.
        """
        lines = []
        for line in sdp.splitlines(keepends=True):
            text = line.rstrip("\r\n")
            if not text.startswith(_SDP_PREFIX):
                lines.append(line)
                continue
            rewritten = self.rewrite_candidate(text.removeprefix("a="))
            if rewritten is not None:
                lines.append(f"a={rewritten}{line[len(text) :]}")
        return "".join(lines)

    def rewrite_candidate(self, candidate: str) -> str | None:
        """A trickled candidate as the relay's.

        Args:
            candidate: Empty at the end of candidates.

        Returns:
            The candidate to pass on, or None when the relay cannot stand in for it: TCP, IPv6, an mDNS name.
        """
        if not candidate.removeprefix(_CANDIDATE_PREFIX):
            return candidate
        words = candidate.split()
        transport, host, port = words[2].lower(), words[4], int(words[5])
        if transport != "udp" or not _is_ipv4(host):
            return None
        with self._lock:
            relayed = self._socket_for((host, port)).getsockname()
        words[4:6] = relayed[0], str(relayed[1])
        return " ".join(words)

    def close(self) -> None:
        """End the thread and close the sockets; idempotent."""
        self._wake.close()
        self._thread.join()

    def __enter__(self) -> LossyRelay:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _relay_until_closed(self, wake: socket.socket) -> None:
        try:
            while True:
                for key, _ in self._selector.select():
                    if key.fileobj is wake:
                        return
                    assert isinstance(key.fileobj, socket.socket)
                    self._relay_waiting(key.fileobj)
        finally:
            wake.close()
            self._selector.close()
            with self._lock:
                for relay in self._peer_of:
                    relay.close()

    def _relay_waiting(self, relay: socket.socket) -> None:
        target = self._peer_of[relay]
        with contextlib.suppress(BlockingIOError):
            while True:
                try:
                    packet, source = relay.recvfrom(_DATAGRAM_BYTES)
                except ConnectionError:
                    # The peer behind an earlier packet is gone (ICMP port unreachable).
                    continue
                if self._random.random() < self.loss:
                    self._dropped += 1
                    continue
                with self._lock:
                    returning = self._socket_for(source)
                with contextlib.suppress(OSError):
                    returning.sendto(packet, target)
                    self._passed += 1

    def _socket_for(self, peer: Address) -> socket.socket:
        assert peer not in self._own, f"{peer} is the relay's own: candidates must be rewritten once"
        if peer in self._by_peer:
            return self._by_peer[peer]
        # On the peer's own interface: a socket bound to it can send there, whatever the routes.
        relay = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        relay.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        relay.setblocking(False)
        relay.bind((peer[0], 0))
        self._by_peer[peer] = relay
        self._peer_of[relay] = peer
        self._own.add(relay.getsockname())
        self._selector.register(relay, selectors.EVENT_READ)
        return relay


def _is_ipv4(host: str) -> bool:
    try:
        socket.inet_aton(host)
    except OSError:
        return False
    return True
