"""`Settings`: the arguments of a server, as its parts take them."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Final, Self

from ..protocol.grant import Grant
from ..protocol.limits import ServerLimits
from ..protocol.tokens import TokenTable, hashed, is_hash
from .authorizer import Authorize
from .origins import OriginRules
from .proxies import TrustedProxies
from .tls import Certificate
from .token_file import TokenFile

__all__ = ["Settings"]

_MAX_LEASE_SECONDS: Final = 1e6
"""Eleven days. The kernel counts milliseconds in a C int."""


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

    @classmethod
    def checked(
        cls,
        host: str,
        port: int,
        *,
        origins: Sequence[str] | None,
        hosts: Sequence[str] | None,
        trusted_proxies: Sequence[str],
        limits: ServerLimits,
        lease: float,
        cert: str | os.PathLike[str] | None,
        key: str | os.PathLike[str] | None,
        unique_names: bool,
        tokens: str | os.PathLike[str] | Mapping[str, Grant] | None,
        authorize: Authorize | None,
        sockets: Sequence[socket.socket],
    ) -> Self:
        """Check the arguments of `SignallingServer`, and read the files that they name.

        Raises:
            ValueError: An argument is malformed.
            OSError: A file cannot be read.
            TypeError: An argument is of another type.
        """
        if not (isinstance(port, int) and 0 <= port <= 65535):
            raise ValueError(f"port must be in 0..65535, not {port!r}")
        if not isinstance(host, str):
            raise TypeError(f"host must be a string, not {host!r:.100}")
        if not isinstance(limits, ServerLimits):
            raise TypeError(f"limits must be ServerLimits, not {limits!r:.100}")
        if cert is None and key is not None:
            raise ValueError("key must be given together with cert, the certificate that it belongs to")
        if authorize is not None and not callable(authorize):
            raise TypeError(f"authorize must be a callable, not {authorize!r:.100}")
        if not (isinstance(lease, Real) and lease > 0):
            raise ValueError(f"lease must be a positive number of seconds, not {lease!r:.100}")
        if sockets:
            host, port = _address_of(sockets)
        return cls(
            host,
            port,
            sockets=tuple(sockets),
            origins=OriginRules(host, origins, hosts),
            proxies=TrustedProxies(trusted_proxies),
            limits=limits,
            lease=min(lease, _MAX_LEASE_SECONDS),
            certificate=None if cert is None else Certificate(cert, key),
            unique_names=unique_names,
            tokens=_tokens(tokens),
            authorize=authorize,
        )


def _address_of(sockets: Sequence[socket.socket]) -> tuple[str, int]:
    for listening in sockets:
        is_tcp = listening.family in (socket.AF_INET, socket.AF_INET6) and listening.type == socket.SOCK_STREAM
        if not (is_tcp and listening.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)):
            raise ValueError(f"sockets must hold TCP sockets that listen, not {listening!r}")
    host, port = sockets[0].getsockname()[:2]
    return host, port


def _tokens(tokens: str | os.PathLike[str] | Mapping[str, Grant] | None) -> TokenFile | TokenTable | None:
    if tokens is None:
        return None
    if not isinstance(tokens, Mapping):
        return TokenFile(tokens)
    for token, grant in tokens.items():
        # Nothing is shown of a token, whatever it is.
        if not isinstance(token, str) or not isinstance(grant, Grant):
            raise TypeError(f"tokens must map strings to grants, not {type(token).__name__} to {type(grant).__name__}")
    return TokenTable({_hash_of(token): grant for token, grant in tokens.items()})


def _hash_of(token: str) -> str:
    return token if is_hash(token) else hashed(token)
