"""`TrustedProxies`: the address of a client behind reverse proxies, by their ``X-Forwarded-For`` headers."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Final

__all__ = ["TrustedProxies"]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_IPV6_SITE_BITS: Final = 64
"""Prefix length of one customer's IPv6 network, all of which counts as one address."""


class TrustedProxies:
    """The reverse proxies whose ``X-Forwarded-For`` is believed.

    Args:
        proxies: Their addresses or networks, such as ``"10.0.0.7"`` or ``"10.0.0.0/8"``. Defaults to none.

    Raises:
        ValueError: An entry is neither an address nor a network.
        TypeError: A single string is given instead of a sequence of strings.
    """

    def __init__(self, proxies: Sequence[str] = ()) -> None:
        if isinstance(proxies, str):
            raise TypeError(f"trusted_proxies must be a list of strings, not the string {proxies!r}")
        try:
            self._networks = [ipaddress.ip_network(proxy, strict=False) for proxy in proxies]
        except ValueError as error:
            raise ValueError(f"trusted_proxies must hold addresses or networks: {error}") from None

    def __bool__(self) -> bool:
        """Whether there are trusted proxies."""
        return bool(self._networks)

    def client_of(self, address: str, forwarded_for: Sequence[str]) -> str:
        """The address of the client: the last one that does not belong to a trusted proxy.

        Args:
            address: The address at the other end of the TCP connection.
            forwarded_for: The ``X-Forwarded-For`` headers of the request, in their order.

        Returns:
            An address without a port; `address` itself where it does not belong to a trusted proxy.
        """
        client = _parsed(address)
        hops = [hop for header in forwarded_for for hop in header.split(",")]
        while client is not None and hops and self._is_trusted(client):
            before = _parsed(hops.pop())
            if before is None:
                break
            client = before
        return address if client is None else str(client)

    def trusts(self, address: str) -> bool:
        """Whether an address belongs to a trusted proxy."""
        proxy = _parsed(address)
        return proxy is not None and self._is_trusted(proxy)

    def is_local(self, address: str, client: str, *, is_forwarded: bool) -> bool:
        """Whether a request was made on this machine, as far as the server can know.

        Args:
            address: The address at the other end of the TCP connection.
            client: The result of `client_of`.
            is_forwarded: Whether the request came through a proxy, by its headers. An untrusted proxy on this machine hides
                whether its client is local.
        """
        origin = _parsed(client)
        if origin is None or not origin.is_loopback:
            return False
        return not is_forwarded or self.trusts(address)

    def limited_as(self, address: str) -> str | None:
        """The key by which limits per address count an address.

        Args:
            address: Of a client.

        Returns:
            The address, of IPv6 its first 64 bits; None for the loopback and for trusted proxies, which many clients share.
        """
        client = _parsed(address)
        if client is None:
            return address
        if client.is_loopback or self._is_trusted(client):
            return None
        if client.version == 6:
            return str(ipaddress.ip_network((client, _IPV6_SITE_BITS), strict=False))
        return str(client)

    def _is_trusted(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


def _parsed(text: str) -> Address | None:
    text = text.strip().partition("%")[0]
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
