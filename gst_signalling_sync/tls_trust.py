"""TLS (RFC 8446) of clients: the certificates to trust, and the meaning of failed handshakes, for all kinds of servers."""

from __future__ import annotations

import errno
import os
import ssl
from pathlib import Path
from typing import Final

__all__ = ["explain", "trusting_context"]

_UNKNOWN_CA: Final = {
    18: "is self-signed and not known here",
    19: "comes from a CA that is not known here",
    20: "comes from a CA that is not known here",
    21: "comes from a CA that is not known here",
}
"""By OpenSSL's verification codes (X509_V_ERR_...)."""

_EXPLANATIONS: Final = {
    9: "is not valid yet: is the clock of this machine right?",
    10: "has expired: the server needs a new one, or the clock of this machine is wrong",
    **dict.fromkeys(
        range(80, 95),
        "is not made as RFC 5280 requires, which Python checks from 3.13 on: have its CA issue it again, as 'openssl x509 -req'"
        " does with the extensions subjectKeyIdentifier=hash and authorityKeyIdentifier=keyid",
    ),
    62: "is for another host: use the name that it was made for",
    64: "is for another address: use the name that it was made for",
}
"""The same, of certificates whose CA is trusted."""

_NO_TLS: Final = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "PACKET_LENGTH_TOO_LONG")


def trusting_context(cafile: str | os.PathLike[str] | None) -> ssl.SSLContext:
    """A TLS context for clients.

    Args:
        cafile: A file of CA certificates in PEM format, or a directory as OpenSSL's ``rehash`` makes it; None: the system's.

    Raises:
        OSError: The file cannot be read, or holds no certificates.
    """
    try:
        if cafile is not None and Path(cafile).is_dir():
            return ssl.create_default_context(capath=cafile)
        return ssl.create_default_context(cafile=cafile)
    except ssl.SSLError as error:
        raise OSError(errno.EINVAL, f"holds no certificates in PEM format ({error.reason or error})", cafile) from error


def explain(error: ssl.SSLError, host: str, *, how_to_trust: str, plain: str) -> str:
    """The meaning of a failed handshake, and what to do.

    Args:
        error: Raised by the handshake.
        host: The name or address that the certificate had to be for.
        how_to_trust: How to trust an unknown CA.
        plain: The beginning of an address without TLS, such as ``ws://``.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in _UNKNOWN_CA:
            explanation = f"{_UNKNOWN_CA[error.verify_code]}: {how_to_trust}"
        else:
            explanation = _EXPLANATIONS.get(error.verify_code, "is not trusted")
        return f"TLS: the certificate of {host} {explanation} ({error.verify_message})"
    reason = error.reason or ""
    if reason in _NO_TLS:
        return f"TLS: the server does not speak TLS there: is its address {plain}? ({_words(reason)})"
    if "ALERT" in reason:
        return f"TLS: the server refused the handshake by an alert: {_words(reason)}"
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError) or reason == "UNEXPECTED_EOF_WHILE_READING":
        return (
            "TLS: the server closed the connection during the handshake: does it speak TLS there, or is its address"
            f" {plain}?"
        )
    return f"TLS: the handshake failed: {_words(reason) or error}"


def _words(reason: str) -> str:
    return reason.replace("_", " ").lower()
