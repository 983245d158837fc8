"""The addresses to which a peer may have packets sent, since a candidate can name any address (RFC 8445 section 19.5.1)."""

from __future__ import annotations

import ipaddress
from typing import Final

__all__ = ["is_loopback", "may_be_peer"]

_METADATA: Final = ipaddress.ip_address("169.254.169.254")
"""The metadata service of clouds, which gives machines their secrets."""


def is_loopback(host: str) -> bool:
    """Whether a host is a loopback address of this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def may_be_peer(host: str) -> bool:
    """Whether an address can be that of a peer.

    Args:
        host: Host of a candidate. Names are accepted, since aioice resolves names of mDNS only.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return True
    return not (
        address.is_multicast
        or address.is_unspecified
        or address == _METADATA
        or (address.version == 4 and address.is_reserved)
    )
