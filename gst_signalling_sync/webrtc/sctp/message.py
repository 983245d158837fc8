"""`Message`: a user message (RFC 9260), from the queue to its acknowledgement."""

from __future__ import annotations

__all__ = ["Message"]


class Message:
    """A user message.

    Attributes:
        stream: The stream identifier.
        identifier: The payload protocol identifier.
        data: The payload.
        ordered: Whether it is delivered in the order of sending within its stream.
        expires_at: Time at which it expires unless it was acknowledged, on the clock of the association (RFC 3758 section 4.1).
        max_retransmits: Maximum number of retransmissions (RFC 7496 section 3.2).
        context: Any object of the sender.
        ssn: The stream sequence number, once a fragment was sent.
        first_tsn: The TSN of the first fragment; -1: it was not sent yet.
        offset: Bytes that were sent at least once.
        tells_when_sent: Whether there is an event `Sent` for it once its last fragment was sent.
        is_abandoned: Whether it was abandoned.
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
