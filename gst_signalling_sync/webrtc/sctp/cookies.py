"""State cookies (RFC 9260 sections 5.1.3 and 5.2.4): what an INIT said, kept by its sender instead of here."""

from __future__ import annotations

import hmac
import struct
from typing import Final, NamedTuple

__all__ = ["Cookie", "Cookies"]

_FIELDS: Final = struct.Struct("!dLLLLLHH??LL")
_SIGNATURE_BYTES: Final = 32


class Cookie(NamedTuple):
    """What an association begins with.

    Attributes:
        made_at: When the cookie was made, in seconds of the clock of the association.
        tag: The verification tag of this end.
        first_tsn: The first TSN of this end.
        peer_tag: That of the peer.
        peer_first_tsn: Its first TSN.
        peer_window: Bytes that it has room for.
        outgoing_streams: Streams that it sends on.
        incoming_streams: Streams that it takes.
        takes_forward_tsn: Whether it knows of FORWARD TSN.
        takes_re_config: Whether it knows of RE-CONFIG.
        tie_tag: The tag of the association that there was when the INIT came, 0 if there was none.
        peer_tie_tag: That of its peer.
    """

    made_at: float
    tag: int
    first_tsn: int
    peer_tag: int
    peer_first_tsn: int
    peer_window: int
    outgoing_streams: int
    incoming_streams: int
    takes_forward_tsn: bool
    takes_re_config: bool
    tie_tag: int
    peer_tie_tag: int


class Cookies:
    """Makes cookies that it knows again.

    Args:
        secret: Known to nobody else.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def seal(self, cookie: Cookie) -> bytes:
        """The cookie for the wire."""
        fields = _FIELDS.pack(*cookie)
        return hmac.digest(self._secret, fields, "sha256") + fields

    def open(self, sealed: bytes) -> Cookie | None:
        """The cookie, None if it is none of these."""
        if len(sealed) != _SIGNATURE_BYTES + _FIELDS.size:
            return None
        signature, fields = sealed[:_SIGNATURE_BYTES], sealed[_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, hmac.digest(self._secret, fields, "sha256")):
            return None
        return Cookie(*_FIELDS.unpack(fields))
