"""`ServerLimits`: how much of a signalling server strangers may use."""

from __future__ import annotations

from dataclasses import dataclass, fields
from numbers import Real
from typing import Any, Final, Self

__all__ = ["Rate", "ServerLimits", "check_limits"]

_KIB: Final = 2**10
_MIB: Final = 2**20

_REQUIRED: Final = frozenset(
    ("handshake_seconds", "authorizations", "authorization_seconds", "header_bytes", "message_bytes")
)
"""Limits of one handshake and of one message, which cannot be switched off."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A maximum rate, as a token bucket.

    Example:
        Rate(20, burst=100)

    Example:
        ServerLimits(messages=Rate(20, burst=100))

    Attributes:
        per_second: Maximum per second in the long run.
        burst: Maximum at once, after a rest.

    Raises:
        ValueError: One of them is not positive.
        TypeError: One of them is not a number.
    """

    per_second: float
    burst: float

    def __post_init__(self) -> None:
        for name, value in (("per_second", self.per_second), ("burst", self.burst)):
            if not isinstance(value, Real):
                raise TypeError(f"{name} must be a number, not {value!r:.100}")
        if not (self.per_second > 0 and self.burst > 0):
            raise ValueError(f"per_second and burst must be positive, not {self.per_second!r} and {self.burst!r}")

    def __str__(self) -> str:
        return f"{self.per_second:g}/s, {self.burst:g} at once"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLimits:
    """What one peer, one address and all peers together may use of a server. None: no limit.

    A peer that exceeds a rate is read more slowly, and nothing else happens to it. Beyond another limit, a request is refused
    or a connection cut off, as ``docs/reference/limits.rst`` says for each. The log has one line per limit and connection, and
    `SignallingServer.refusals` counts them. Other peers do not notice.

    Example:
        SignallingServer(limits=ServerLimits(connections=200, messages=Rate(20, burst=100)))

    Attributes:
        connections: Connections in all; never more than the process has file descriptors for. Refused with status 503.
        connections_per_address: Connections from one IPv4 address or IPv6 /64. The loopback and trusted proxies are exempt.
            Refused with status 429.
        connections_per_token: Peers of one subject, or of one token without a subject, whose `Grant` does not say. Refused with
            status 429.
        handshakes: Connections that have not completed the WebSocket handshake; beyond it the oldest is cut off.
        handshake_seconds: Seconds that a connection may take to complete the handshake.
        authorizations: Calls of the server's ``authorize`` at the same time; further handshakes wait.
        authorization_seconds: Seconds that ``authorize`` may take, waiting included. Refused with status 503.
        header_bytes: Bytes of a request's header. Refused with status 431.
        message_bytes: Bytes of one message. Closed with code 1009.
        sdp_bytes: Bytes of a session description. Refused by an ``error`` message.
        candidate_bytes: Bytes of an ICE candidate. Refused by an ``error`` message.
        meta_bytes: Bytes of a peer's meta as JSON. Refused by an ``error`` message.
        metas_bytes: Bytes of all metas together, so that clients can take the list of all producers. Refused by an ``error``
            message.
        metas_bytes_per_address: Bytes of the metas of one address, with the exemptions of `connections_per_address`. Refused by
            an ``error`` message.
        messages: WebSocket frames from one peer, pings included.
        bytes: Bytes from one peer.
        status_changes: ``setPeerStatus`` messages from one peer.
        lists: ``list`` and ``listConsumers`` messages from one peer.
        session_starts: ``startSession`` messages from one peer.
        sessions_per_pair: Sessions between one producer and one consumer. Refused by an ``error`` message.
        sessions_per_consumer: Sessions of one consumer with all producers. Refused by an ``error`` message.
        sessions_per_producer: Sessions of one producer with all consumers. Refused by an ``error`` message.
        unread_bytes: Bytes that wait for one peer that does not read; it is cut off.
        unread_bytes_in_all: Bytes that wait for all peers; those with the most are cut off.
        unread_statuses: Statuses by which a listener may lag behind; it is cut off.
        incomplete_bytes_in_all: Bytes of messages that have begun to arrive; the connections with the most are cut off.
        warnings: Log lines of one kind about all connections together.

    Raises:
        ValueError: A limit is not positive, or a limit of a handshake or message is None.
        TypeError: A limit is neither a number nor, where a rate is due, a `Rate`.
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
            if field.name in _REQUIRED and getattr(self, field.name) is None:
                raise ValueError(f"{field.name} must be a number, not None")
        check_limits(self)

    @classmethod
    def unlimited(cls) -> Self:
        """No limits but those of one handshake and one message, for servers whose peers are all trusted."""
        optional: dict[str, Any] = {field.name: None for field in fields(cls) if field.name not in _REQUIRED}
        return cls(**optional)


def check_limits(limits: Any) -> None:
    """Check that each limit is of the kind of its default, and positive. None is no limit.

    Args:
        limits: A dataclass of limits.

    Raises:
        ValueError: One is not positive.
        TypeError: One is of another kind, such as a string of the environment.
    """
    for field in fields(limits):
        value = getattr(limits, field.name)
        if value is None:
            continue
        if isinstance(field.default, Rate):
            if not isinstance(value, Rate):
                raise TypeError(f"{field.name} must be a Rate, not {value!r:.100}: write Rate(per_second, burst=...)")
        elif not _is_number(value):
            raise TypeError(f"{field.name} must be a number, not {value!r:.100}")
        elif not value > 0:
            raise ValueError(f"{field.name} must be positive, not {value!r}")


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
