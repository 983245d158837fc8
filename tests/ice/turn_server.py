"""A TURN server (RFC 8656) without I/O and clock, and a simulated network between it and an `Allocation`."""

from __future__ import annotations

import heapq
import math
import random
from dataclasses import dataclass, field

from gst_signalling_sync.webrtc.ice.stun import (
    Address,
    Attribute,
    Kind,
    Message,
    Method,
    is_channel_data,
    long_term_key,
)
from gst_signalling_sync.webrtc.ice.turn import Allocation, AllocationState

__all__ = ["PASSWORD", "PEER", "USER", "Simulation", "TurnServer"]

USER, PASSWORD, REALM = "robot", "secret", "example.org"
PEER: Address = ("192.0.2.7", 40000)


@dataclass
class TurnServer:
    """A TURN server, on which everything that is not refreshed expires.

    Attributes:
        lifetime: Lifetime of an allocation, in seconds.
        permission_lifetime: Lifetime of a permission, in seconds.
        channel_lifetime: Lifetime of a channel binding, in seconds.
        nonce_lifetime: Seconds after which a nonce is stale.
        password: The user's password.
        forbidden: Peers that it does not relay to.
    """

    lifetime: float = 600
    permission_lifetime: float = 300
    channel_lifetime: float = 600
    nonce_lifetime: float = math.inf
    password: str = PASSWORD
    has_ipv4: bool = True
    has_ipv6: bool = False
    refuses_additional: bool = False
    forbidden: frozenset[str] = frozenset()
    relayed: list[tuple[float, bytes, Address]] = field(default_factory=list)
    requests: list[tuple[float, Method]] = field(default_factory=list)
    expires_at: float = -math.inf
    permissions: dict[str, float] = field(default_factory=dict)
    channels: dict[int, tuple[Address, float]] = field(default_factory=dict)
    _nonce: bytes = b"nonce-0"
    _nonce_at: float = 0.0

    def receive(self, data: bytes, now: float) -> bytes | None:
        """Handle a message of the client, and return the response, if any."""
        if is_channel_data(data):
            number, length = int.from_bytes(data[:2]), int.from_bytes(data[2:4])
            peer, until = self.channels.get(number, (PEER, -math.inf))
            if now < min(until, self.expires_at) and now < self.permissions.get(peer[0], -math.inf):
                self.relayed.append((now, data[4 : 4 + length], peer))
            return None
        request = Message.parse(data)
        self.requests.append((now, Method(request.method)))
        key = long_term_key(USER, REALM, self.password)
        if now > self._nonce_at + self.nonce_lifetime:
            self._nonce, self._nonce_at = b"nonce-%d" % now, now
        if not request.is_signed_with(key):
            return self._error(request, 401)
        if request.value(Attribute.NONCE) != self._nonce:
            return self._error(request, 438)
        return self._answer(request, now).encode(key)

    def send(self, data: bytes, peer: Address) -> bytes:
        """The message that carries a peer's datagram to the client."""
        message = Message(Method.DATA, Kind.INDICATION, bytes(12), ((Attribute.DATA, data),))
        return message.address(Attribute.XOR_PEER_ADDRESS, peer).encode()

    def _answer(self, request: Message, now: float) -> Message:
        if request.method == Method.ALLOCATE:
            asks_more = request.value(Attribute.ADDITIONAL_ADDRESS_FAMILY) is not None
            if asks_more and self.refuses_additional:
                return self._refusal(request, 420)
            self.expires_at = now + self.lifetime
            host = ("198.51.100.1", 50000) if self.has_ipv4 else ("0.0.0.0", 0)
            answer = self._success(request).address(Attribute.XOR_RELAYED_ADDRESS, host)
            if asks_more and self.has_ipv6:
                answer = answer.address(Attribute.XOR_RELAYED_ADDRESS, ("2001:db8::1", 50000))
            return answer.address(Attribute.XOR_MAPPED_ADDRESS, ("203.0.113.1", 1234))
        if now >= self.expires_at:
            return self._refusal(request, 437)
        if request.method == Method.REFRESH:
            is_release = request.number(Attribute.LIFETIME) == 0
            self.expires_at = now if is_release else now + self.lifetime
            return self._success(request)
        (peer,) = request.addresses(Attribute.XOR_PEER_ADDRESS)
        if peer[0] in self.forbidden:
            return self._refusal(request, 403)
        number = int.from_bytes((request.value(Attribute.CHANNEL_NUMBER) or b"")[:2])
        self.channels[number] = (peer, now + self.channel_lifetime)
        self.permissions[peer[0]] = now + self.permission_lifetime
        return self._success(request)

    def _success(self, request: Message) -> Message:
        lifetime = (Attribute.LIFETIME, int(self.lifetime).to_bytes(4))
        return Message(request.method, Kind.SUCCESS, request.transaction, (lifetime,))

    def _refusal(self, request: Message, code: int) -> Message:
        value = bytes((0, 0, code // 100, code % 100)) + b"refused"
        return Message(request.method, Kind.ERROR, request.transaction, ((Attribute.ERROR_CODE, value),))

    def _error(self, request: Message, code: int) -> bytes:
        refusal = self._refusal(request, code)
        challenge = ((Attribute.REALM, REALM.encode()), (Attribute.NONCE, self._nonce))
        return Message(refusal.method, refusal.kind, refusal.transaction, (*refusal.attributes, *challenge)).encode()


class Simulation:
    """An allocation and its server, with a network that has a delay. Time passes in `run`.

    Args:
        allocation: The client.
        server: The server.
        delay: Seconds, each way.
    """

    def __init__(self, allocation: Allocation, server: TurnServer, delay: float = 0.01) -> None:
        self.now = 0.0
        self.allocation = allocation
        self.server = server
        self.sent = 0
        self.lost: set[int] = set()
        """Numbers of the client's datagrams that are lost, from 0."""
        self.loss = 0.0
        """Share of all datagrams, of both directions, that are lost."""
        self.is_cut = False
        self.received: list[tuple[bytes, Address]] = []
        self._delay = delay
        self._under_way: list[tuple[float, int, bool, bytes]] = []
        self._number = 0
        self._random = random.Random(1)

    def allocate(self) -> None:
        """Allocate, and let time pass until the allocation is complete."""
        self.allocation.allocate(self.now)
        self.run(30, until=lambda: self.allocation.state is not AllocationState.ALLOCATING)

    def send(self, data: bytes, peer: Address = PEER) -> None:
        """Send a datagram by the relay."""
        framed = self.allocation.frame(data, peer, self.now)
        if framed is not None:
            self._post(True, framed)
        self._pump()

    def run(self, seconds: float, until: object = None, each: object = None, every: float = math.inf) -> None:
        """Let time pass.

        Args:
            seconds: How much time passes.
            until: A function that ends the run when it returns true. Defaults to None: the run takes all the time.
            each: A function that is called at intervals. Defaults to None.
            every: Seconds between two calls of `each`.
        """
        end, next_call = self.now + seconds, self.now + every
        self._pump()
        while not (callable(until) and until()):
            step = min(self.allocation.next_time, self._under_way[0][0] if self._under_way else math.inf, next_call)
            if step > end:
                self.now = end
                return
            self.now = max(self.now, step)
            if self._under_way and self._under_way[0][0] <= self.now:
                self._arrive()
            elif next_call <= self.now:
                next_call += every
                assert callable(each)
                each()
            else:
                self.allocation.advance(self.now)
            self._pump()

    def _arrive(self) -> None:
        _, _, is_to_server, data = heapq.heappop(self._under_way)
        if is_to_server:
            answer = self.server.receive(data, self.now)
            if answer is not None:
                self._post(False, answer)
        else:
            received = self.allocation.receive(data, self.now)
            if received is not None:
                self.received.append(received)

    def _pump(self) -> None:
        for data in self.allocation.take_outgoing():
            self._post(True, data)

    def _post(self, is_to_server: bool, data: bytes) -> None:
        if is_to_server:
            self.sent += 1
            if self.sent - 1 in self.lost:
                return
        if not self.is_cut and self._random.random() >= self.loss:
            self._number += 1
            heapq.heappush(self._under_way, (self.now + self._delay, self._number, is_to_server, data))
