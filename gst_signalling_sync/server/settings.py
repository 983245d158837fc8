"""`Settings`: how a server was made, as its parts take it."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from ..protocol.limits import ServerLimits
from ..protocol.tokens import TokenTable
from .authorizer import Authorize
from .origins import OriginRules
from .proxies import TrustedProxies
from .tls import Certificate
from .token_file import TokenFile

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What stays the same while a server runs.

    Attributes:
        host: The address or host name to listen on.
        port: The TCP port; 0 picks a free one.
        sockets: Listening sockets instead of these two; empty: none.
        origins: Which Origin and Host headers are answered.
        proxies: Whose ``X-Forwarded-For`` is believed.
        limits: What strangers may use.
        unique_names: Whether two producers may not have one name.
        certificate: For TLS; None: connections are not encrypted.
        tokens: The tokens that it takes; None: none.
        authorize: Decides on clients whose token is not among these; None: nobody does.
        lease: How long a peer may leave pings unanswered, in seconds.
    """

    host: str
    port: int
    sockets: tuple[socket.socket, ...]
    origins: OriginRules
    proxies: TrustedProxies
    limits: ServerLimits
    lease: float
    certificate: Certificate | None
    unique_names: bool
    tokens: TokenFile | TokenTable | None
    authorize: Authorize | None

    @property
    def asks_for_tokens(self) -> bool:
        """Whether a client has to say who it is."""
        return self.tokens is not None or self.authorize is not None
