"""`Settings`: the arguments of a server, as its parts take them."""

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
    """The values that do not change while a server runs.

    Attributes:
        host: The address or host name to listen on.
        port: The TCP port; 0 picks a free one.
        sockets: Listening sockets in place of host and port; empty: there are none.
        origins: Which Origin and Host headers are accepted.
        proxies: Reverse proxies whose ``X-Forwarded-For`` is believed.
        limits: What peers may use.
        unique_names: Whether a producer is refused whose name another one has.
        certificate: The certificate for TLS; None: connections are not encrypted.
        tokens: The tokens that the server accepts; None: it has none.
        authorize: Decides on clients whose token is not among `tokens`; None: these are refused.
        lease: Seconds that a peer may leave pings unanswered.
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
        """Whether a client needs credentials."""
        return self.tokens is not None or self.authorize is not None
