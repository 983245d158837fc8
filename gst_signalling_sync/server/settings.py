"""`Settings`: how a server was made, as its parts take it."""

from __future__ import annotations

from dataclasses import dataclass

from ..protocol.limits import ServerLimits
from .origins import OriginRules
from .proxies import TrustedProxies
from .tls import Certificate

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What stays the same while a server runs.

    Attributes:
        host: The address or host name to listen on.
        port: The TCP port; 0 picks a free one.
        origins: Which Origin and Host headers are answered.
        proxies: Whose ``X-Forwarded-For`` is believed.
        limits: What strangers may use.
        unique_names: Whether two producers may not have one name.
        certificate: For TLS; None: connections are not encrypted.
        lease: How long a peer may leave pings unanswered, in seconds.
    """

    host: str
    port: int
    origins: OriginRules
    proxies: TrustedProxies
    limits: ServerLimits
    lease: float
    certificate: Certificate | None
    unique_names: bool
