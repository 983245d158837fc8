"""State cookies (RFC 9260 sections 5.1.3 and 5.2.4): the contents of an INIT, which its sender keeps instead of this end."""

from __future__ import annotations

import hmac
import struct
from typing import Final, NamedTuple

__all__ = ["Cookie", "Cookies"]

_FIELDS: Final = struct.Struct("!dLLLLLHH??LL")
_SIGNATURE_BYTES: Final = 32


class Cookie(NamedTuple):
    """The initial state of an association.

    Attributes:
        made_at: Time at which the cookie was made, in seconds on the clock of the association.
        tag: The verification tag of this end.
        first_tsn: The first TSN of this end.
        peer_tag: The verification tag of the peer.
        peer_first_tsn: The first TSN of the peer.
        peer_window: The peer's receive window, in bytes.
        outgoing_streams: Number of streams that the peer sends on.
        incoming_streams: Number of streams that the peer accepts.
        supports_forward_tsn: Whether the peer supports FORWARD TSN.
        supports_re_config: Whether the peer supports RE-CONFIG.
        tie_tag: This end's tag of the association that existed when the INIT came; 0: there was none.
        peer_tie_tag: The peer's tag of that association; 0: there was none.
    """

    made_at: float
    tag: int
    first_tsn: int
    peer_tag: int
    peer_first_tsn: int
    peer_window: int
    outgoing_streams: int
    incoming_streams: int
    supports_forward_tsn: bool
    supports_re_config: bool
    tie_tag: int
    peer_tie_tag: int


class Cookies:
    """Makes cookies and verifies them.

    Args:
        secret: The key of the signatures.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def seal(self, cookie: Cookie) -> bytes:
        """Serialise and sign a cookie."""
        fields = _FIELDS.pack(*cookie)
        return hmac.digest(self._secret, fields, "sha256") + fields

    def open(self, sealed: bytes) -> Cookie | None:
        """Verify and parse a cookie; None: its signature is wrong."""
        if len(sealed) != _SIGNATURE_BYTES + _FIELDS.size:
            return None
        signature, fields = sealed[:_SIGNATURE_BYTES], sealed[_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, hmac.digest(self._secret, fields, "sha256")):
            return None
        return Cookie(*_FIELDS.unpack(fields))
