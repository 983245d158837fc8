"""`Gathering`: gathers the candidates of one ICE connection (RFC 8445 section 5.1), and reports each at once (RFC 8838).

aioice asks one STUN and one TURN server, and waits up to five seconds for both before it reports a candidate. Here the
addresses of this machine are reported at once, and all servers are asked at the same time. A server that does not answer delays
nothing.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Callable, Coroutine
from typing import Any, Final, Protocol

from aioice import Candidate, stun
from aioice.ice import StunProtocol

from ...ice_options import IceOptions
from ...ice_servers import IceServer
from ...threads import clock
from ..ice.links import LinkError, bound_socket, resolve
from ..ice.relay import Relay, RelayTransport
from ..ice.turn import ANSWER_SECONDS, TurnError
from .addresses import LocalAddress, local_addresses
from .candidate import gathered, shown
from .server_report import ServerReport

__all__ = ["Gathering"]

logger = logging.getLogger(__name__)

_STUN_RETRANSMISSIONS: Final = 4
"""Retransmissions of a STUN request, after 0.5, 1.5, 3.5 and 7.5 s, unless `ANSWER_SECONDS` have passed."""

_MISMATCH: Final = 437
_TRY_ALTERNATE: Final = 300
_REDIRECTIONS: Final = 2


class _Owner(Protocol):
    """The ICE connection."""

    def add_host(self, protocol: StunProtocol) -> None:
        """Add a socket or relay."""

    def add_candidate(self, candidate: Candidate) -> None:
        """Add a candidate of this end."""

    def new_protocol(self) -> StunProtocol:
        """Make the protocol object of a socket or relay."""


class Gathering:
    """Gathers once. Lives on the loop.

    Args:
        owner: The ICE connection, which gets the candidates.
        options: Addresses and ports to use, and whether only relays are used.
        servers: STUN and TURN servers to ask.
        on_end: Called when no more candidates are to come.
    """

    def __init__(
        self, owner: _Owner, options: IceOptions, servers: tuple[IceServer, ...], on_end: Callable[[], None]
    ) -> None:
        self._owner = owner
        self._options = options
        self._servers = servers
        self._on_end = on_end
        self._hosts: list[tuple[LocalAddress, StunProtocol]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._found: asyncio.Future[None] | None = None
        self._is_stopped = False
        self._candidates = 0
        self.reports = [ServerReport(str(server), clock.now()) for server in servers]
        self.problems: list[str] = []
        """What failed on this machine."""

    @property
    def is_active(self) -> bool:
        """Whether more candidates may come."""
        return bool(self._tasks)

    async def run(self) -> None:
        """Begin to gather, and wait until there is a candidate or there can be none. Later ones are reported when found."""
        now = clock.now()
        if not self._options.relay_only:
            for address in local_addresses(self._options):
                await self._add_host(address)
        for number, (server, report) in enumerate(zip(self._servers, self.reports, strict=True)):
            report.began = now
            if server.is_relay:
                self._spawn(self._ask_turn(server, report, number), report)
            elif not self._options.relay_only:
                self._spawn(self._ask_stun(server, report), report)
            else:
                report.problems.append("not asked, as only relays are wanted")
        if not self._candidates and self._tasks:
            self._found = asyncio.get_running_loop().create_future()
            await self._found
        if not self._tasks:
            self._on_end()

    def stop(self) -> list[asyncio.Task[None]]:
        """Stop asking.

        Returns:
            The tasks that are still to end.
        """
        self._is_stopped = True
        for task in self._tasks:
            task.cancel()
        return list(self._tasks)

    def _spawn(self, asking: Coroutine[Any, Any, None], report: ServerReport) -> None:
        async def ask() -> None:
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    await asking
            except TimeoutError:
                if not report.candidates:
                    report.problems.append(f"no answer within {ANSWER_SECONDS:g} s")
            report.is_done = True

        task = asyncio.ensure_future(ask())
        self._tasks.add(task)
        task.add_done_callback(self._on_asked)

    def _on_asked(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("internal error while candidates were gathered", exc_info=error)
        if not self._tasks:
            is_waited_for = self._found is not None and not self._found.done()
            if is_waited_for:
                self._wake()
            elif not self._is_stopped:
                self._on_end()

    def _wake(self) -> None:
        if self._found is not None and not self._found.done():
            self._found.set_result(None)

    def _tell(self, candidate: Candidate, report: ServerReport | None = None) -> None:
        self._candidates += 1
        if report is not None:
            if report.seconds is None:
                report.seconds = clock.now() - report.began
            told = shown(candidate)
            if told not in report.candidates:
                report.candidates.append(told)
        self._owner.add_candidate(candidate)
        self._wake()

    async def _add_host(self, address: LocalAddress) -> None:
        loop = asyncio.get_running_loop()
        try:
            sock = bound_socket(address.family, address.host, self._options.udp_ports)
        except OSError as error:
            ports = self._options.udp_ports
            where = address.host if ports is None else f"{address.host}, ports {ports[0]} to {ports[1]}"
            reason = "none is free" if error.errno == errno.EADDRINUSE else str(error.strerror or error).lower()
            self.problems.append(f"{where}: {reason}")
            logger.log(logging.WARNING if ports is not None else logging.DEBUG, "cannot use %s: %s", where, reason)
            return
        _, protocol = await loop.create_datagram_endpoint(self._owner.new_protocol, sock=sock)
        host, port = sock.getsockname()[:2]
        protocol.local_candidate = gathered("host", (host, port), host, address.preference)
        self._hosts.append((address, protocol))
        self._owner.add_host(protocol)
        self._tell(protocol.local_candidate)

    async def _ask_stun(self, server: IceServer, report: ServerReport) -> None:
        try:
            resolved = await resolve(server.host, server.port)
        except LinkError as error:
            report.problems.append(str(error))
            return
        asked = [
            self._ask_stun_from(address, protocol, family_address[:2], report)
            for address, protocol in self._hosts
            for family, family_address in _first_of_each(resolved)
            if family == address.family
        ]
        await asyncio.gather(*asked)
        if not report.candidates and asked and not report.problems:
            report.problems.append("no answer")

    async def _ask_stun_from(
        self, address: LocalAddress, protocol: StunProtocol, server: tuple[str, int], report: ServerReport
    ) -> None:
        request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
        try:
            response, _ = await protocol.request(request, server, retransmissions=_STUN_RETRANSMISSIONS)
        except stun.TransactionFailed as error:
            code, phrase = error.response.attributes.get("ERROR-CODE", (0, "an error without a code"))
            report.problems.append(f"{code} {phrase}")
            return
        except stun.TransactionError:
            return
        mapped = response.attributes.get("XOR-MAPPED-ADDRESS")
        if mapped is None:
            report.problems.append("its answer has no address")
            return
        host = protocol.local_candidate.host
        related = (host, protocol.local_candidate.port)
        candidate = gathered("srflx", mapped, host, address.preference, related=related)
        self._tell(candidate, report)

    async def _ask_turn(self, server: IceServer, report: ServerReport, number: int) -> None:
        try:
            resolved = await resolve(server.host, server.port)
        except LinkError as error:
            report.problems.append(str(error))
            return
        await asyncio.gather(
            *(
                self._ask_turn_at(server, family, address, report, number)
                for family, address in _first_of_each(resolved)
            )
        )

    async def _ask_turn_at(
        self, server: IceServer, family: int, address: tuple[Any, ...], report: ServerReport, number: int
    ) -> None:
        repeated = redirected = 0
        while True:
            relay = Relay(server, self._options.cafile)
            try:
                await relay.allocate(family, address, self._options.udp_ports)
            except LinkError as error:
                report.problems.append(str(error))
                return
            except TurnError as error:
                if error.code == _MISMATCH and not repeated:
                    # The local port had an allocation before. Another port has none.
                    repeated += 1
                    continue
                if error.code == _TRY_ALTERNATE and error.alternate is not None and redirected < _REDIRECTIONS:
                    redirected += 1
                    host, port = error.alternate
                    family = socket.AF_INET6 if ":" in host else socket.AF_INET
                    address = (host, port)
                    continue
                report.problems.append(str(error))
                return
            break
        if self._is_stopped:
            relay.close()
            return
        for version in sorted(relay.transports):
            self._add_relay(relay, relay.transports[version], report, number)

    def _add_relay(self, relay: Relay, transport: RelayTransport, report: ServerReport, number: int) -> None:
        protocol = self._owner.new_protocol()
        host, port = transport.relayed
        related = relay.mapped or (host, port)
        if self._options.relay_only:
            # The related address would reveal the address that `relay_only` hides (RFC 8839 section 5.1).
            related = ("::" if ":" in host else "0.0.0.0", 9)
        server = relay.server
        preference = 65535 - number - 1000 * (server.transport == "tcp") - 1000 * server.is_secure
        protocol.local_candidate = gathered(
            "relay", (host, port), host, max(preference, 0), through=f"udp{number}", related=related
        )
        transport.attach(protocol)
        protocol.connection_made(transport)  # type: ignore[arg-type]
        self._owner.add_host(protocol)
        self._tell(protocol.local_candidate, report)


def _first_of_each(resolved: list[tuple[int, tuple[Any, ...]]]) -> list[tuple[int, tuple[Any, ...]]]:
    """The first address of each address family."""
    firsts: dict[int, tuple[Any, ...]] = {}
    for family, address in resolved:
        firsts.setdefault(family, address)
    return list(firsts.items())
