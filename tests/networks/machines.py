"""Firewall rules, addresses and bridges of machines that are network namespaces."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Final

from ..faults.network import Machine
from ..peers.require import require

__all__ = ["BIGGEST_PAYLOAD", "Firewall", "add_bridges", "inside"]

BIGGEST_PAYLOAD: Final = 1200
_UDP_HEADER: Final = 8


def inside(machine: Machine, *command: str) -> str:
    """Run a command on a machine, and return its output."""
    return _inside(machine.name, *command)


def _inside(namespace: str, *command: str) -> str:
    done = subprocess.run(["ip", "netns", "exec", namespace, *command], check=True, capture_output=True, text=True)
    return done.stdout


def add_bridges(machine: Machine, number: int) -> None:
    """Add bridges with addresses to a machine, as Docker does; nothing is connected to them."""
    for each in range(number):
        name = "docker0" if each == 0 else f"br-{each:012x}"
        inside(machine, "ip", "link", "add", name, "type", "bridge")
        inside(machine, "ip", "address", "add", f"172.{17 + each}.0.1/16", "dev", name)
        inside(machine, "ip", "link", "set", name, "up")


class Firewall:
    """nftables rules for the packets of a machine, where they arrive at the switch.

    Rules of the machine itself would see large sends before its kernel segments them.

    Args:
        machine: The machine.
    """

    def __init__(self, machine: Machine) -> None:
        require("nft", shutil.which("nft"), "apt-get install nftables")
        self._switch = machine.switch
        self._table = ("netdev", machine.port)
        self._nft("add", "table", *self._table)
        hook = f"{{ type filter hook ingress device {machine.port} priority 0 ; }}"
        self._nft("add", "chain", *self._table, "sent", hook)

    def drop(self, *rule: str) -> None:
        """Drop what matches a rule, such as ``("ip", "daddr", "192.0.2.1", "udp", "dport", "9")``."""
        self._nft("add", "rule", *self._table, "sent", *rule, "drop")

    def count(self, *rule: str) -> None:
        """Count what matches a rule; see `counted`."""
        self._nft("add", "rule", *self._table, "sent", *rule, "counter")

    def count_big_payloads(self) -> None:
        """Count UDP payloads that are larger than every path carries."""
        self.count("udp", "length", ">", str(BIGGEST_PAYLOAD + _UDP_HEADER))

    def drop_big_payloads(self, size: int) -> None:
        """Drop UDP payloads larger than a size, as a path does that reports no error."""
        self.drop("udp", "length", ">", str(size + _UDP_HEADER))

    @property
    def counted(self) -> list[int]:
        """Number of packets that each counting rule has matched."""
        listed = json.loads(self._nft("--json", "list", "table", *self._table))
        expressions = (each["rule"]["expr"] for each in listed["nftables"] if "rule" in each)
        return [part["counter"]["packets"] for rule in expressions for part in rule if "counter" in part]

    def _nft(self, *command: str) -> str:
        return _inside(self._switch, "nft", *command)
