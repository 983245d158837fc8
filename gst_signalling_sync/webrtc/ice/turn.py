"""`Allocation`: a TURN allocation (RFC 8656), with its refreshes, permissions and channel bindings.

No I/O and no clock: the driver sends the messages of `take_outgoing`, calls `receive` with what arrives, and `advance` at
`next_time`.
"""

from __future__ import annotations

import enum
import ipaddress
import math
import struct
from dataclasses import dataclass, field
from typing import Final

from .stun import Address, Attribute, Kind, Message, Method, is_channel_data
from .transactions import ANSWER_SECONDS, Transactions, TurnError

__all__ = ["ANSWER_SECONDS", "Allocation", "AllocationState", "TurnError"]

REQUESTED_LIFETIME: Final = 600
"""Seconds: the default of RFC 8656 section 3.2."""

PERMISSION_SECONDS: Final = 300.0
"""Lifetime of a permission (RFC 8656 section 9). Another ChannelBind renews it, and the channel, whose lifetime is 600 s."""

REBINDING_SECONDS: Final = 240.0
"""Interval of ChannelBind requests for a channel."""

REFUSED_SECONDS: Final = 5.0
"""Time until a refused channel is asked for again."""

UNUSED_SECONDS: Final = 900.0
"""Time after which the channel of an unused peer is surely gone at the server, so that another peer may have its number: a
channel's lifetime of 600 s, and the 5 minutes of RFC 8656 section 12.1 after that."""

WAITING_PACKETS: Final = 32
"""Maximum number of packets that wait for the channel to a peer; beyond it the oldest is dropped, as a network would."""

_FIRST_CHANNEL: Final = 0x4000
_LAST_CHANNEL: Final = 0x4FFF
_CHANNEL_HEADER: Final = struct.Struct("!HH")
_UDP: Final = (Attribute.REQUESTED_TRANSPORT, bytes((17, 0, 0, 0)))
_IPV6: Final = bytes((2, 0, 0, 0))
_FAMILIES: Final[tuple[tuple[tuple[int, bytes], ...], ...]] = (
    ((Attribute.ADDITIONAL_ADDRESS_FAMILY, _IPV6),),
    (),
    ((Attribute.REQUESTED_ADDRESS_FAMILY, _IPV6),),
)
"""Address families to ask for, one after another: IPv4 and IPv6; the server's default, which is IPv4; IPv6."""

_NO_SUCH_FAMILY: Final = (400, 420, 440, 508)
"""Bad request, unknown attribute, address family not supported, insufficient capacity: try the next address family."""


class AllocationState(enum.Enum):
    """The state of an allocation."""

    NEW = "new"
    ALLOCATING = "allocating"
    ALLOCATED = "allocated"
    RELEASING = "releasing"
    ENDED = "ended"


@dataclass(slots=True, eq=False)
class _Peer:
    address: Address
    number: int
    is_bound: bool = False
    is_asked: bool = False
    refused_until: float = -math.inf
    rebind_at: float = math.inf
    expires_at: float = -math.inf
    used_at: float = -math.inf
    waiting: list[bytes] = field(default_factory=list)


class Allocation:
    """One allocation, from its request to its release.

    Args:
        username: The user of the long-term credentials.
        password: The password of the long-term credentials.
        is_reliable: Whether the transport is reliable (TCP, TLS), so that there are no retransmissions, and ChannelData is
            padded. Defaults to False.
    """

    def __init__(self, username: str, password: str, *, is_reliable: bool = False) -> None:
        self.state = AllocationState.NEW
        self.error: TurnError | None = None
        """Why it ended; None: it was released."""
        self.relayed: dict[int, Address] = {}
        """The relayed addresses, by the version of IP."""
        self.mapped: Address | None = None
        """This end's address as the server sees it."""
        self.refusals: dict[Address, TurnError] = {}
        """The peers that the server does not relay to, with its errors."""
        self._is_reliable = is_reliable
        self._outgoing: list[bytes] = []
        self._transactions = Transactions(username, password, self._send, is_reliable=is_reliable)
        self._families = list(_FAMILIES)
        self._lifetime = float(REQUESTED_LIFETIME)
        self._expires_at = math.inf
        self._refresh_at = math.inf
        self._peers: dict[Address, _Peer] = {}
        self._channels: dict[int, Address] = {}

    @property
    def next_time(self) -> float:
        """The time for the next `advance`; infinite where nothing is due."""
        times = [self._transactions.next_time]
        times += [peer.rebind_at for peer in self._peers.values()]
        if self.state is AllocationState.ALLOCATED:
            times += [self._refresh_at, self._expires_at]
        return min(times, default=math.inf)

    def take_outgoing(self) -> list[bytes]:
        """Take the messages to send to the server now, in this order."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    def allocate(self, now: float) -> None:
        """Ask for the allocation."""
        self.state = AllocationState.ALLOCATING
        lifetime = (Attribute.LIFETIME, REQUESTED_LIFETIME.to_bytes(4))
        message = Message.request(Method.ALLOCATE, _UDP, lifetime, *self._families[0])
        self._transactions.ask(message, now, self._on_allocated, self._on_not_allocated)

    def release(self, now: float) -> None:
        """Release the allocation, which ends with the server's answer, or when that does not come in time."""
        was_allocated = self.state is AllocationState.ALLOCATED
        if self.state in (AllocationState.RELEASING, AllocationState.ENDED):
            return
        self._transactions.clear()
        self._peers.clear()
        if not was_allocated:
            self._end(None)
            return
        self.state = AllocationState.RELEASING
        self._transactions.ask(
            Message.request(Method.REFRESH, (Attribute.LIFETIME, bytes(4))),
            now,
            lambda message, now: self._end(None),
            lambda error, now: self._end(None),
        )

    def fail(self, error: TurnError) -> None:
        """End the allocation, because the server cannot be reached any more."""
        if self.state is not AllocationState.ENDED:
            self._end(error)

    def frame(self, data: bytes, peer: Address, now: float) -> bytes | None:
        """The ChannelData message of a datagram to a peer.

        Args:
            data: The datagram.
            peer: The address of the peer.
            now: The time, in seconds.

        Returns:
            The message; None: the datagram waits for the channel to the peer, or is dropped.
        """
        known = self._peers.get(peer) or self._add_peer(peer, now)
        if known is None:
            return None
        known.used_at = now
        if known.is_bound:
            return self._channel_data(known.number, data)
        if now >= known.refused_until:
            known.waiting.append(data)
            del known.waiting[:-WAITING_PACKETS]
            self._bind(known, now)
        return None

    def receive(self, data: bytes, now: float) -> tuple[bytes, Address] | None:
        """Handle a message of the server.

        Returns:
            A datagram, and the peer that sent it; None: it was another message.
        """
        if is_channel_data(data):
            number, length = _CHANNEL_HEADER.unpack_from(data)
            address = self._channels.get(number)
            if address is None or len(data) < 4 + length:
                return None
            if (peer := self._peers.get(address)) is not None:
                peer.used_at = now
            return data[4 : 4 + length], address
        try:
            message = Message.parse(data)
        except ValueError:
            return None
        if message.kind is Kind.INDICATION:
            return self._indicated(message)
        self._transactions.receive(message, now)
        return None

    def advance(self, now: float) -> None:
        """Do what is due."""
        self._transactions.advance(now)
        if self.state is not AllocationState.ALLOCATED:
            return
        if now >= self._expires_at:
            self._end(TurnError("the allocation was not refreshed: the server does not answer any more"))
            return
        if now >= self._refresh_at:
            self._refresh_at = math.inf
            lifetime = (Attribute.LIFETIME, REQUESTED_LIFETIME.to_bytes(4))
            self._transactions.ask(
                Message.request(Method.REFRESH, lifetime),
                now,
                self._on_refreshed,
                self._on_not_refreshed,
                max(ANSWER_SECONDS, self._expires_at - now),
            )
        for peer in [each for each in self._peers.values() if each.rebind_at <= now]:
            peer.rebind_at = math.inf
            if peer.used_at > now - self._binding_seconds:
                self._bind(peer, now)
            else:
                # The peer has not been used for a while. Its channel number stays reserved, as long as others are free.
                peer.is_bound = False

    def _send(self, message: bytes) -> None:
        self._outgoing.append(message)

    @property
    def _binding_seconds(self) -> float:
        # The server tells only the lifetime of the allocation. If it is short, those of channels may be short too.
        return min(REBINDING_SECONDS, self._lifetime / 2)

    def _add_peer(self, address: Address, now: float) -> _Peer | None:
        version = ipaddress.ip_address(address[0]).version
        if self.state is not AllocationState.ALLOCATED or version not in self.relayed:
            return None
        number = self._free_number(now)
        if number is None:
            return None
        peer = self._peers[address] = _Peer(address, number)
        return peer

    def _free_number(self, now: float) -> int | None:
        """A channel number that no peer has, or that a peer has not used for long; None: there is none."""
        if len(self._peers) <= _LAST_CHANNEL - _FIRST_CHANNEL:
            return _FIRST_CHANNEL + len(self._peers)
        idle = (each for each in self._peers.values() if not each.is_bound and not each.is_asked)
        oldest = min(idle, key=lambda each: each.used_at, default=None)
        if oldest is None or oldest.used_at > now - UNUSED_SECONDS:
            return None
        del self._peers[oldest.address]
        self._channels.pop(oldest.number, None)
        self.refusals.pop(oldest.address, None)
        return oldest.number

    def _channel_data(self, number: int, data: bytes) -> bytes:
        padding = bytes(-len(data) % 4) if self._is_reliable else b""
        return _CHANNEL_HEADER.pack(number, len(data)) + data + padding

    def _bind(self, peer: _Peer, now: float) -> None:
        if peer.is_asked:
            return
        peer.is_asked = True
        number = (Attribute.CHANNEL_NUMBER, peer.number.to_bytes(2) + bytes(2))
        message = Message.request(Method.CHANNEL_BIND, number).address(Attribute.XOR_PEER_ADDRESS, peer.address)

        def bound(message: Message, now: float) -> None:
            peer.is_asked = False
            peer.is_bound = True
            peer.rebind_at = now + self._binding_seconds
            peer.expires_at = now + min(PERMISSION_SECONDS, self._lifetime)
            self._channels[peer.number] = peer.address
            self.refusals.pop(peer.address, None)
            self._outgoing += [self._channel_data(peer.number, data) for data in peer.waiting]
            peer.waiting.clear()

        def refused(error: TurnError, now: float) -> None:
            peer.is_asked = peer.is_bound = False
            if error.code is not None:
                peer.refused_until = now + REFUSED_SECONDS
            self.refusals[peer.address] = error
            peer.waiting.clear()

        # As long as the channel exists, datagrams use it, and the request is retransmitted.
        self._transactions.ask(message, now, bound, refused, max(ANSWER_SECONDS, peer.expires_at - now))

    def _indicated(self, message: Message) -> tuple[bytes, Address] | None:
        data = message.value(Attribute.DATA)
        peers = message.addresses(Attribute.XOR_PEER_ADDRESS)
        if message.method != Method.DATA or data is None or not peers:
            return None
        # A server relays nothing from a host without a permission (RFC 8656 section 11.4).
        return (data, peers[0]) if any(peer[0] == peers[0][0] for peer in self._peers) else None

    def _on_allocated(self, message: Message, now: float) -> None:
        # coturn returns 0.0.0.0:0 where it has no address of a version of IP.
        relayed = [address for address in message.addresses(Attribute.XOR_RELAYED_ADDRESS) if address[1]]
        if not relayed:
            self._end(TurnError("the server allocated no address"))
            return
        self.relayed = {ipaddress.ip_address(address[0]).version: address for address in relayed}
        self.mapped = next(iter(message.addresses(Attribute.XOR_MAPPED_ADDRESS)), None)
        self.state = AllocationState.ALLOCATED
        self._on_refreshed(message, now)

    def _on_not_allocated(self, error: TurnError, now: float) -> None:
        if error.code in _NO_SUCH_FAMILY and len(self._families) > 1:
            del self._families[0]
            self.allocate(now)
            return
        self._end(error)

    def _on_refreshed(self, message: Message, now: float) -> None:
        self._lifetime = float(message.number(Attribute.LIFETIME) or REQUESTED_LIFETIME)
        self._expires_at = now + self._lifetime
        self._refresh_at = now + max(self._lifetime / 2, self._lifetime - 60)

    def _on_not_refreshed(self, error: TurnError, now: float) -> None:
        self._end(TurnError(f"the allocation was not refreshed: {error}", error.code))

    def _end(self, error: TurnError | None) -> None:
        self.state = AllocationState.ENDED
        self.error = error
        self._transactions.clear()
        self._peers.clear()
        self._channels.clear()
