"""`LinkRelay`: replaces the addresses of WebRTC peers by its own, and passes their packets through simulated links."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import selectors
import socket
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Final

from .link import LinkProfile, SimulatedLink

__all__ = ["LinkRelay", "Traffic"]

Address = tuple[str, int]

_CANDIDATE_PREFIX: Final = "candidate:"
_SDP_PREFIX: Final = "a=candidate:"
_DATAGRAM_BYTES: Final = 65535
_BUFFER_BYTES: Final = 4 * 1024 * 1024
_HEADER_BYTES: Final = 28
"""Bytes of the headers of UDP and IPv4."""


@dataclass(frozen=True)
class Traffic:
    """The traffic of a relay.

    Attributes:
        passed: Number of packets that were delivered, in all directions.
        dropped: Number of packets that were lost, in all directions.
        busiest_bytes: Bytes that the busiest direction has delivered, with all headers.
    """

    passed: int
    dropped: int
    busiest_bytes: int


class LinkRelay:
    """Passes the packets between WebRTC peers on this machine through a `SimulatedLink` for each direction of each pair.

    The relay has a socket for each address of a peer. A packet that a peer sends to the socket of another peer's address leaves
    from the socket of its own address. So both ends see only addresses of the relay, even as peer-reflexive candidates, and
    answers take the same way back. Only UDP candidates over IPv4 are kept, so that no direct path remains.

    Args:
        profile: The properties of the links.
        seed: Seed of their random numbers. Defaults to 1.
    """

    def __init__(self, profile: LinkProfile, seed: int = 1) -> None:
        self._profile = profile
        self._seed = seed
        # Guards the maps and links, since candidates are rewritten on other threads than the relay's.
        self._lock = threading.Lock()
        self._by_peer: dict[Address, socket.socket] = {}
        self._peer_of: dict[socket.socket, Address] = {}
        self._own: set[Address] = set()
        self._links: dict[tuple[Address, Address], SimulatedLink] = {}
        # A heap of packets under way, by the time of arrival. Used on the relay's thread only.
        self._under_way: list[tuple[float, int, socket.socket, Address, bytes]] = []
        self._order = itertools.count()
        self._selector = selectors.DefaultSelector()
        self._wake, wake = socket.socketpair()
        self._selector.register(wake, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._relay_until_closed, args=(wake,), name="link-relay", daemon=True)
        self._thread.start()

    @property
    def profile(self) -> LinkProfile:
        """The properties of the links. They can be set at any time."""
        return self._profile

    @profile.setter
    def profile(self, profile: LinkProfile) -> None:
        with self._lock:
            self._profile = profile
            for link in self._links.values():
                link.profile = profile

    @property
    def traffic(self) -> Traffic:
        """The traffic so far."""
        with self._lock:
            links = list(self._links.values())
        return Traffic(
            sum(link.passed for link in links),
            sum(link.dropped for link in links),
            max((link.bytes_passed for link in links), default=0),
        )

    def rewrite_sdp(self, sdp: str) -> str:
        """Replace the candidates of a session description by the relay's.

        Args:
            sdp: The description, with or without ``a=candidate:`` lines.

        Returns:
            The changed description. Candidates that the relay cannot replace are left out.
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
        """Replace a trickled candidate by the relay's.

        Args:
            candidate: The candidate; empty at the end of candidates.

        Returns:
            The candidate to pass on, unchanged if it is the relay's already. None: the relay cannot replace it, since it is for
            TCP or IPv6, or has an mDNS name.
        """
        if not candidate.removeprefix(_CANDIDATE_PREFIX):
            return candidate
        words = candidate.split()
        transport, host, port = words[2].lower(), words[4], int(words[5])
        if transport != "udp" or not _is_ipv4(host):
            return None
        with self._lock:
            if (host, port) in self._own:
                return candidate
            relayed = self._socket_for((host, port)).getsockname()
        words[4:6] = relayed[0], str(relayed[1])
        return " ".join(words)

    def close(self) -> None:
        """Stop the thread and close the sockets; idempotent."""
        self._wake.close()
        self._thread.join()

    def __enter__(self) -> LinkRelay:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _relay_until_closed(self, wake: socket.socket) -> None:
        try:
            while True:
                due = self._under_way[0][0] - time.monotonic() if self._under_way else None
                for key, _ in self._selector.select(None if due is None else max(0.0, due)):
                    if key.fileobj is wake:
                        return
                    assert isinstance(key.fileobj, socket.socket)
                    self._receive(key.fileobj)
                self._deliver()
        finally:
            wake.close()
            self._selector.close()
            with self._lock:
                for relay in self._peer_of:
                    relay.close()

    def _receive(self, relay: socket.socket) -> None:
        target = self._peer_of[relay]
        with contextlib.suppress(BlockingIOError):
            while True:
                try:
                    packet, source = relay.recvfrom(_DATAGRAM_BYTES)
                except ConnectionError:
                    # The peer behind an earlier packet is gone (ICMP port unreachable).
                    continue
                with self._lock:
                    returning = self._socket_for(source)
                    arrival = self._link_between(source, target).send(len(packet) + _HEADER_BYTES, time.monotonic())
                if arrival is not None:
                    heapq.heappush(self._under_way, (arrival, next(self._order), returning, target, packet))

    def _deliver(self) -> None:
        now = time.monotonic()
        while self._under_way and self._under_way[0][0] <= now:
            _, _, relay, target, packet = heapq.heappop(self._under_way)
            with contextlib.suppress(OSError):
                relay.sendto(packet, target)

    def _link_between(self, source: Address, target: Address) -> SimulatedLink:
        link = self._links.get((source, target))
        if link is None:
            link = self._links[source, target] = SimulatedLink(self._profile, self._seed + len(self._links))
        return link

    def _socket_for(self, peer: Address) -> socket.socket:
        if peer in self._by_peer:
            return self._by_peer[peer]
        # Bound to the peer's own address: such a socket can send there, whatever the routes are.
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
