"""`Relay`: drives an `Allocation` of a TURN server (RFC 8656) on the event loop, as datagram transports."""

from __future__ import annotations

import asyncio
import math
from typing import Any, Final, Protocol

from ...ice_servers import IceServer
from ...threads import clock
from .links import Link, LinkError, open_link
from .stun import Address
from .turn import ANSWER_SECONDS, Allocation, AllocationState, TurnError

__all__ = ["Relay", "RelayTransport"]

_RELEASE_SECONDS: Final = 0.3
"""How long the server may take to confirm that an allocation was released; it expires in any case."""

_MIN_WAIT_SECONDS: Final = 0.001


class _Receiver(Protocol):
    """The user of a transport, as in `asyncio.DatagramProtocol`."""

    def datagram_received(self, data: bytes, addr: Address) -> None: ...

    def connection_lost(self, exc: Exception | None) -> None: ...


class Relay:
    """An allocation; used on the loop alone.

    Args:
        server: The TURN server.
        cafile: CA certificates to trust over TLS. Defaults to the system's.
    """

    def __init__(self, server: IceServer, cafile: str | None = None) -> None:
        self.server = server
        self._cafile = cafile
        self.transports: dict[int, RelayTransport] = {}
        """The transports of the relayed addresses, by the version of IP."""
        self._link: Link | None = None
        self._allocation: Allocation | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._changed: asyncio.Future[None] | None = None
        self._awaited = AllocationState.NEW
        self._closing: asyncio.Task[None] | None = None

    @property
    def refusals(self) -> dict[Address, TurnError]:
        """The peers that the server does not relay to, with its errors."""
        return {} if self._allocation is None else self._allocation.refusals

    @property
    def mapped(self) -> Address | None:
        """This end's address as the server sees it."""
        return None if self._allocation is None else self._allocation.mapped

    async def allocate(self, family: int, address: tuple[Any, ...], ports: tuple[int, int] | None) -> None:
        """Have the server allocate addresses.

        Args:
            family: Of the server's address.
            address: The server's address, as `socket.connect` takes it.
            ports: The first and the last UDP port of this machine to use; None: the system picks one.

        Raises:
            LinkError: The server cannot be reached.
            TurnError: The server refused, or did not answer.
        """
        server = self.server
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                self._link = await open_link(server, family, address, ports, self._cafile, self)
        except TimeoutError:
            raise LinkError(f"no connection within {ANSWER_SECONDS:g} s") from None
        try:
            assert server.username is not None
            assert server.password is not None
            self._allocation = allocation = Allocation(
                server.username, server.password, is_reliable=self._link.is_reliable
            )
            allocation.allocate(clock.now())
            await self._wait_while(AllocationState.ALLOCATING)
        except BaseException:
            self._stop()
            raise
        if allocation.error is not None:
            self._stop()
            raise allocation.error
        self.transports = {version: RelayTransport(self, relayed) for version, relayed in allocation.relayed.items()}

    def send(self, data: bytes, peer: Address) -> None:
        """Send a datagram to a peer."""
        if self._allocation is None or self._link is None:
            return
        framed = self._allocation.frame(data, peer, clock.now())
        if framed is not None:
            self._link.send(framed)
        else:
            self._pump()

    def close(self) -> None:
        """Release the allocation; the transports are told when it is released."""
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._close())

    def on_message(self, data: bytes) -> None:
        """Handle a message of the server; called by the link."""
        allocation = self._allocation
        if allocation is None:
            return
        received = allocation.receive(data, clock.now())
        if received is None:
            self._pump()
            return
        payload, peer = received
        for version, transport in self.transports.items():
            if version == (6 if ":" in peer[0] else 4):
                transport.deliver(payload, peer)

    def on_refused(self) -> None:
        """Fail if nothing listens at the server; called by the link. An existing allocation may survive that."""
        if self._allocation is not None and self._allocation.state is AllocationState.ALLOCATING:
            self._allocation.fail(TurnError("nothing listens there"))
            self._stop()

    def on_lost(self, error: Exception | None) -> None:
        """Fail because the link is lost; called by the link."""
        if self._allocation is not None:
            self._allocation.fail(TurnError("the server closed the connection"))
        self._stop()

    async def _wait_while(self, state: AllocationState) -> None:
        allocation = self._allocation
        assert allocation is not None
        while allocation.state is state:
            self._changed = asyncio.get_running_loop().create_future()
            self._awaited = state
            self._pump()
            await self._changed

    def _pump(self) -> None:
        """Send the allocation's messages, and set the timer."""
        allocation, link = self._allocation, self._link
        if allocation is None or link is None:
            return
        now = clock.now()
        if allocation.next_time <= now:
            allocation.advance(now)
        for message in allocation.take_outgoing():
            link.send(message)
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if allocation.state is not self._awaited and self._changed is not None:
            _settle(self._changed)
        if allocation.state is AllocationState.ENDED:
            self._stop()
        elif allocation.next_time < math.inf:
            wait = max(allocation.next_time - now, _MIN_WAIT_SECONDS)
            self._alarm = asyncio.get_running_loop().call_later(wait, self._pump)

    async def _close(self) -> None:
        allocation = self._allocation
        try:
            if allocation is not None and self._link is not None:
                allocation.release(clock.now())
                async with asyncio.timeout(_RELEASE_SECONDS):
                    await self._wait_while(AllocationState.RELEASING)
        except TimeoutError:
            # The server releases it when it expires.
            pass
        finally:
            self._stop()

    def _stop(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        link, self._link = self._link, None
        if link is not None:
            link.close()
        if self._changed is not None:
            _settle(self._changed)
        error = self._allocation.error if self._allocation is not None else None
        for transport in self.transports.values():
            transport.lose(error)


class RelayTransport:
    """Sends from one relayed address; has the methods of `asyncio.DatagramTransport` that ICE uses.

    Args:
        relay: The relay of the address.
        relayed: The relayed address.
    """

    def __init__(self, relay: Relay, relayed: Address) -> None:
        self.relay = relay
        self.relayed = relayed
        self._receiver: _Receiver | None = None
        self._is_closing = False

    def attach(self, receiver: _Receiver) -> None:
        """Set the receiver of datagrams, which is also told when the address is lost."""
        self._receiver = receiver

    def sendto(self, data: bytes, addr: Address) -> None:
        """Send a datagram to a peer; it is dropped where the server does not relay to it."""
        if not self._is_closing:
            self.relay.send(data, addr)

    def close(self) -> None:
        """Release the relay, with all of its addresses."""
        self._is_closing = True
        self.relay.close()

    def is_closing(self) -> bool:
        """Whether the transport is closed."""
        return self._is_closing

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """``"sockname"``: the relayed address."""
        return self.relayed if name == "sockname" else default

    def deliver(self, data: bytes, peer: Address) -> None:
        """Deliver a datagram of a peer; called by the relay."""
        if self._receiver is not None:
            self._receiver.datagram_received(data, peer)

    def lose(self, error: Exception | None) -> None:
        """Report that the address is lost; called by the relay."""
        self._is_closing = True
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            receiver.connection_lost(error)


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
