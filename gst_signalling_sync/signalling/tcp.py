"""TCP connections to a host name, whose addresses are tried in parallel (Happy Eyeballs, RFC 8305)."""

from __future__ import annotations

import errno
import os
import selectors
import socket
import time
from collections.abc import Sequence
from typing import Any, TypeAlias

from ..threads.fork import new_socket
from ..threads.interruption import Interruption
from ..threads.waiting import Deadline
from .happy_eyeballs import Race, interleaved

__all__ = ["Address", "NoAddressAnswers", "addresses_of", "connect_tcp"]

Address: TypeAlias = tuple[int, tuple[Any, ...]]
"""A socket family, and an address as `socket.connect` takes it."""


class NoAddressAnswers(OSError):
    """No connection to any address of a name could be made; the message says why for each of them.

    Attributes:
        reasons: The errors of the attempts.
    """

    def __init__(self, message: str, reasons: Sequence[OSError]) -> None:
        super().__init__(message)
        self.reasons = reasons

    @property
    def are_refused(self) -> bool:
        """Whether every address refused the connection: the machine is there, and nothing listens."""
        return all(isinstance(reason, ConnectionRefusedError) for reason in self.reasons)


def addresses_of(host: str, port: int, deadline: Deadline, interruption: Interruption) -> list[Address]:
    """The addresses of a host, in the order in which they are tried.

    Args:
        host: A name or address.
        port: A TCP port.
        deadline: How long the system's resolver may take.
        interruption: Ends the wait.

    Returns:
        At least one address.

    Raises:
        OSError: The system knows no address, or the name is invalid.
        TimeoutError: The resolver did not answer in time.
        Interrupted: The interruption was triggered.
    """

    def resolve(flags: int) -> list[Address]:
        found = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM, socket.IPPROTO_TCP, flags)
        return interleaved([(family, (family, address)) for family, _, _, _, address in found])

    try:
        # A numeric address needs no resolver.
        return resolve(socket.AI_NUMERICHOST)
    except socket.gaierror:
        pass
    except UnicodeError as error:
        raise socket.gaierror(socket.EAI_NONAME, f"it is not a valid name: {error}") from None
    # The system's resolver may take minutes, and nothing can interrupt it.
    return interruption.call(("resolver", host, port), lambda: resolve(0), f"resolver-{host}", deadline)


def connect_tcp(addresses: Sequence[Address], deadline: Deadline, interruption: Interruption) -> socket.socket:
    """Connect to the first address that answers.

    Args:
        addresses: In the order in which they are tried.
        deadline: For all attempts together.
        interruption: Ends the wait.

    Returns:
        A connected non-blocking socket.

    Raises:
        NoAddressAnswers: Every attempt failed.
        TimeoutError: No attempt succeeded in time.
        Interrupted: The interruption was triggered.
        OSError: The process has no descriptors left, for example.
    """
    race = Race(addresses)
    attempts: dict[socket.socket, Address] = {}
    failures: dict[Address, OSError] = {}

    def fail(attempt: socket.socket, code: int) -> None:
        address = attempts.pop(attempt)
        attempt.close()
        failures[address] = OSError(code, os.strerror(code))
        race.failed(address)

    try:
        while not race.is_lost:
            while (address := race.begin(time.monotonic())) is not None:
                attempt = new_socket(address[0], socket.SOCK_STREAM)
                attempts[attempt] = address
                attempt.setblocking(False)
                code = attempt.connect_ex(address[1])
                if code not in (0, errno.EINPROGRESS, errno.EWOULDBLOCK):
                    fail(attempt, code)
            if not attempts:
                continue
            seconds = deadline.remaining()
            if race.next_at is not None:
                seconds = min(seconds, max(0.0, race.next_at - time.monotonic()))
            waiting = [(each, selectors.EVENT_WRITE) for each in attempts]
            for ready in interruption.select(waiting, Deadline(seconds)):
                code = ready.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if not code:
                    del attempts[ready]
                    return ready
                fail(ready, code)
            if not deadline.remaining():
                raise TimeoutError(_outcome(addresses, failures))
        raise NoAddressAnswers(_outcome(addresses, failures), list(failures.values()))
    finally:
        for attempt in attempts:
            attempt.close()


def _outcome(addresses: Sequence[Address], failures: dict[Address, OSError]) -> str:
    """The outcome for each address, in words."""
    told = []
    for family, address in addresses:
        failure = failures.get((family, address))
        told.append(f"{address[0]}: {failure.strerror if failure is not None else 'no answer'}")
    return ", ".join(told)
