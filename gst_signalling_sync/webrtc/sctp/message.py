"""`Message`: a message from when it is queued until the peer has acknowledged it."""

from __future__ import annotations

__all__ = ["Message"]


class Message:
    """A user message.

    Attributes:
        stream: The stream identifier.
        identifier: The payload protocol identifier.
        data: The payload.
        ordered: Whether it is delivered in the order sent within its stream.
        expires_at: When it is given up unless it was acknowledged, on the clock of the association (RFC 3758 section 4.1).
        max_retransmits: Retransmissions after which it is given up (RFC 7496 section 3.2).
        context: What the sender wants to find in events.
        ssn: The stream sequence number, once a fragment was sent.
        first_tsn: The TSN of the first fragment, once it was sent; -1 before.
        offset: Bytes that were sent at least once.
        tells_when_sent: Whether `Sent` tells when its last fragment was sent.
        is_abandoned: Whether it was given up.
    """

    __slots__ = (
        "context",
        "data",
        "expires_at",
        "first_tsn",
        "identifier",
        "is_abandoned",
        "max_retransmits",
        "offset",
        "ordered",
        "ssn",
        "stream",
        "tells_when_sent",
    )

    def __init__(
        self,
        stream: int,
        identifier: int,
        data: bytes,
        ordered: bool = True,
        expires_at: float | None = None,
        max_retransmits: int | None = None,
        context: object = None,
        tells_when_sent: bool = True,
    ) -> None:
        self.stream = stream
        self.identifier = identifier
        self.data = data
        self.ordered = ordered
        self.expires_at = expires_at
        self.max_retransmits = max_retransmits
        self.context = context
        self.tells_when_sent = tells_when_sent
        self.ssn = 0
        self.first_tsn = -1
        self.offset = 0
        self.is_abandoned = False
