"""`ServerLimits`: how much of a signalling server strangers may use."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final, Self

__all__ = ["Rate", "ServerLimits"]

_KIB: Final = 2**10
_MIB: Final = 2**20

_REQUIRED: Final = frozenset(
    ("handshake_seconds", "authorizations", "authorization_seconds", "header_bytes", "message_bytes")
)
"""What one handshake and one message may be: there is no server without such limits."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How often something may happen, as a token bucket.

    Attributes:
        per_second: How often in the long run.
        burst: How often at once, after a rest.

    Raises:
        ValueError: One of them is not positive.
    """

    per_second: float
    burst: float

    def __post_init__(self) -> None:
        if not (self.per_second > 0 and self.burst > 0):
            raise ValueError(f"a rate must be positive, not {self}")

    def __str__(self) -> str:
        return f"{self.per_second:g}/s, {self.burst:g} at once"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLimits:
    """What one peer, one address and all of them together may use of a server. None: no limit.

    A peer that exceeds a rate is read more slowly, and nothing else happens to it. What is beyond another limit is refused,
    or its connection is cut off, as ``docs/limits.rst`` says for each. The log has one line per limit and connection, and
    `SignallingServer.refusals` counts. Nobody else notices.

    Example:
        SignallingServer(limits=ServerLimits(connections=200, messages=Rate(20, burst=100)))

    Attributes:
        connections: In all; never more than the process has file descriptors for. Status 503.
        connections_per_address: From one IPv4 address or IPv6 /64. The loopback and trusted proxies are exempt. Status 429.
        connections_per_token: Peers of one subject, or token without a subject, whose `Grant` does not say. Status 429.
        handshakes: Connections that have not shaken hands; the oldest of more is cut off.
        handshake_seconds: How long a connection may take until it has shaken hands, in seconds.
        authorizations: Calls of the server's ``authorize`` at once; further handshakes wait.
        authorization_seconds: How long ``authorize`` may take, waiting included, in seconds. Status 503.
        header_bytes: Of a request. Status 431.
        message_bytes: Of one message. Close code 1009.
        sdp_bytes: Of a session description; a longer one is answered by an ``error``.
        candidate_bytes: Of an ICE candidate; a longer one is answered by an ``error``.
        meta_bytes: Of a peer's meta as JSON; a longer one is answered by an ``error``.
        metas_bytes: Of all metas together, so that clients can take the list of all producers; ``error``.
        metas_bytes_per_address: Of the metas of one address, with the same exemptions; ``error``.
        messages: WebSocket frames of one peer, pings included.
        bytes: What one peer sends.
        status_changes: ``setPeerStatus`` of one peer.
        lists: ``list`` and ``listConsumers`` of one peer.
        session_starts: ``startSession`` of one peer.
        sessions_per_pair: Between one producer and one consumer; ``error``.
        sessions_per_consumer: Of one consumer with all producers; ``error``.
        sessions_per_producer: Of one producer with all consumers; ``error``.
        unread_bytes: What waits for one peer that does not read; it is cut off.
        unread_bytes_in_all: What waits for all of them; those with the most are cut off.
        unread_statuses: Statuses of peers that a listener which does not read lags behind; it is cut off.
        incomplete_bytes_in_all: Of messages that have begun to arrive; those with the most are cut off.
        warnings: Log lines of one kind about all strangers together.

    Raises:
        ValueError: A limit is not positive, or one of a handshake or message is None.
    """

    connections: int | None = 32_768
    connections_per_address: int | None = 2_000
    connections_per_token: int | None = 2_000
    handshakes: int | None = 1_000
    handshake_seconds: float = 10.0
    authorizations: int = 32
    authorization_seconds: float = 5.0
    header_bytes: int = 16 * _KIB
    message_bytes: int = _MIB
    sdp_bytes: int | None = 256 * _KIB
    candidate_bytes: int | None = 4 * _KIB
    meta_bytes: int | None = 16 * _KIB
    metas_bytes: int | None = 3 * _MIB
    metas_bytes_per_address: int | None = 768 * _KIB
    messages: Rate | None = Rate(100, burst=500)
    bytes: Rate | None = Rate(_MIB, burst=4 * _MIB)
    status_changes: Rate | None = Rate(5, burst=50)
    lists: Rate | None = Rate(10, burst=50)
    session_starts: Rate | None = Rate(10, burst=50)
    sessions_per_pair: int | None = 16
    sessions_per_consumer: int | None = 256
    sessions_per_producer: int | None = 1_024
    unread_bytes: int | None = _MIB
    unread_bytes_in_all: int | None = 64 * _MIB
    unread_statuses: int | None = 65_536
    incomplete_bytes_in_all: int | None = 64 * _MIB
    warnings: Rate | None = Rate(1, burst=100)

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None and field.name in _REQUIRED:
                raise ValueError(f"{field.name} must be a number, not None")
            if isinstance(value, int | float) and not value > 0:
                raise ValueError(f"{field.name} must be positive, not {value!r}")

    @classmethod
    def unlimited(cls) -> Self:
        """Without any limit but those of one handshake and one message, for peers that are all trusted."""
        optional: dict[str, Any] = {field.name: None for field in fields(cls) if field.name not in _REQUIRED}
        return cls(**optional)
