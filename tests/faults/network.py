"""Machines that are network namespaces, connected by cables that can be pulled. Needs root and Debian's ``iproute2``."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import pytest

from ..peers.peer_process import launched_by

__all__ = ["Machine", "Network", "require_namespaces"]

_NUMBERS: Final = itertools.count()
_SUBNET: Final = "10.201.7"
"""Each network has its own namespaces, so that all networks can use the same addresses."""

_MACHINES: Final = 16
"""Maximum number of machines in a network: the distance between two addresses of one machine."""


class Machine:
    """A network namespace with one address.

    Args:
        name: The namespace.
        address: Its IPv4 address.
        port: The switch's end of its cable.
        switch: The namespace of the switch.
    """

    def __init__(self, name: str, address: str, port: str, switch: str) -> None:
        self.address = address
        self._name = name
        self._port = port
        self._switch = switch
        number = int(address.rpartition(".")[2])
        self._others = itertools.cycle(f"{_SUBNET}.{other}" for other in range(number + _MACHINES, 255, _MACHINES))

    @property
    def name(self) -> str:
        """The namespace."""
        return self._name

    @property
    def port(self) -> str:
        """The switch's end of its cable."""
        return self._port

    @property
    def switch(self) -> str:
        """The namespace of the switch."""
        return self._switch

    def processes(self) -> AbstractContextManager[None]:
        """A block in which peers are started on this machine."""
        return launched_by("ip", "netns", "exec", self._name)

    def processes_with_hosts(self, hosts: Path) -> AbstractContextManager[None]:
        """A block in which peers are started on this machine that resolve names by a file in the form of /etc/hosts."""
        # A program that `ip netns exec` runs has its own mounts.
        script = f'mount --bind {hosts} /etc/hosts && exec "$@"'
        return launched_by("ip", "netns", "exec", self._name, "sh", "-c", script, "sh")

    def change_address(self) -> None:
        """Replace the address of this machine by another one, as on a move to another network."""
        before, self.address = self.address, next(self._others)
        _run("ip", "-n", self._name, "address", "delete", f"{before}/24", "dev", "eth0")
        _run("ip", "-n", self._name, "address", "add", f"{self.address}/24", "dev", "eth0")

    def cut_off(self) -> None:
        """Have the switch forward nothing from or to this machine. Like the others, it detects only silence."""
        _run("bridge", "-n", self._switch, "link", "set", "dev", self._port, "state", "0")

    def reconnect(self) -> None:
        """Have the switch forward everything again."""
        _run("bridge", "-n", self._switch, "link", "set", "dev", self._port, "state", "3")

    def pull_cable(self) -> None:
        """Pull the cable: this machine loses its carrier, the others detect only silence."""
        _run("ip", "-n", self._switch, "link", "set", self._port, "down")


class Network:
    """A switch and the machines on it. A context manager that removes them."""

    def __init__(self) -> None:
        self._prefix = f"gss-{os.getpid()}-{next(_NUMBERS)}"
        self._switch = f"{self._prefix}-switch"
        self._names = [self._switch]

    def machine(self) -> Machine:
        """Add a machine."""
        number = len(self._names)
        name, port, address = f"{self._prefix}-{number}", f"port{number}", f"{_SUBNET}.{number}"
        _run("ip", "netns", "add", name)
        self._names.append(name)
        _run("ip", "-n", self._switch, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", name)
        _run("ip", "-n", self._switch, "link", "set", port, "master", "switch", "up")
        _run("ip", "-n", name, "address", "add", f"{address}/24", "dev", "eth0")
        # As on a cable, packets that the kernel sends together arrive one by one.
        _run("ip", "-n", name, "link", "set", "eth0", "gso_max_segs", "1")
        for interface in ("lo", "eth0"):
            _run("ip", "-n", name, "link", "set", interface, "up")
        return Machine(name, address, port, self._switch)

    def __enter__(self) -> Self:
        _run("ip", "netns", "add", self._switch)
        _run("ip", "-n", self._switch, "link", "add", "switch", "type", "bridge")
        _run("ip", "-n", self._switch, "link", "set", "switch", "up")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in self._names:
            with contextlib.suppress(subprocess.CalledProcessError):
                _run("ip", "netns", "delete", name)


def require_namespaces() -> Iterator[Network]:
    """A network; skips the test where networks cannot be made."""
    if shutil.which("ip") is None:
        pytest.skip("ip is absent; to get it: apt-get install iproute2")
    network = Network()
    try:
        network.__enter__()
    except subprocess.CalledProcessError as error:
        network.__exit__(None, None, None)
        pytest.skip(f"no network namespaces here: {error.stderr.strip()}")
    with contextlib.ExitStack() as stack:
        stack.push(network)
        yield network


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)
