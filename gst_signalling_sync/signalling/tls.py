"""TLS (RFC 8446) to a signalling server: which certificates are trusted, and what a failure means."""

from __future__ import annotations

import errno
import logging
import os
import ssl
from pathlib import Path
from typing import Final

from ..endpoint import Endpoint

__all__ = ["explain", "tls_context"]

logger = logging.getLogger(__name__)

_FOREIGN_VARIABLE: Final = "WEBSOCKET_CLIENT_CA_BUNDLE"
"""What named a private CA before `Endpoint.cafile` did."""

_HOW_TO_TRUST: Final = (
    "name the file of its CA by Endpoint(cafile=...), $GST_SIGNALLING_CAFILE or --cafile, or go unprotected by"
    " Endpoint(insecure=True) or --insecure"
)

_EXPLANATIONS: Final = {
    9: "is not valid yet: is the clock of this machine right?",
    10: "has expired: the server needs a new one, or the clock of this machine is wrong",
    18: f"is self-signed and not known here: {_HOW_TO_TRUST}",
    19: f"comes from a CA that is not known here: {_HOW_TO_TRUST}",
    20: f"comes from a CA that is not known here: {_HOW_TO_TRUST}",
    21: f"comes from a CA that is not known here: {_HOW_TO_TRUST}",
    **dict.fromkeys(
        range(80, 95),
        "is not made as RFC 5280 requires, which Python checks from 3.13 on: have its CA issue it again, as 'openssl x509 -req'"
        " does with the extensions subjectKeyIdentifier=hash and authorityKeyIdentifier=keyid",
    ),
    62: "is for another host: use the name that it was made for",
    64: "is for another address: use the name that it was made for",
}
"""By OpenSSL's verification codes (X509_V_ERR_...)."""

_warned: set[str] = set()
"""The servers of which it was said that nothing protects the connection to them."""


def tls_context(endpoint: Endpoint) -> ssl.SSLContext:
    """What to trust when connecting to an endpoint.

    Args:
        endpoint: The endpoint.

    Returns:
        A context with its CA certificates, or the system's.

    Raises:
        OSError: The file of CA certificates cannot be read, or holds none.
    """
    cafile = endpoint.cafile or os.environ.get(_FOREIGN_VARIABLE) or None
    if endpoint.insecure:
        if endpoint.uri not in _warned:
            _warned.add(endpoint.uri)
            logger.warning(
                "%s: its certificate is not checked (insecure): anybody on the way can read and change", endpoint.uri
            )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    try:
        if cafile is not None and Path(cafile).is_dir():
            context = ssl.create_default_context(capath=cafile)
        else:
            context = ssl.create_default_context(cafile=cafile)
        # The state machine would have to read in order to write.
        context.options |= ssl.OP_NO_RENEGOTIATION
        return context
    except ssl.SSLError as error:
        raise OSError(errno.EINVAL, f"holds no certificates in PEM format ({error.reason or error})", cafile) from error


def explain(error: ssl.SSLError, host: str) -> str:
    """What a failed handshake means, and what to do.

    Args:
        error: What the handshake raised.
        host: The name or address that the certificate had to be for.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        explanation = _EXPLANATIONS.get(error.verify_code, "is not trusted")
        return f"TLS: the certificate of {host} {explanation} ({error.verify_message})"
    reason = error.reason or ""
    if reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "PACKET_LENGTH_TOO_LONG"):
        return f"TLS: the server does not speak TLS there: is its address ws://? ({_words(reason)})"
    if "ALERT" in reason:
        return f"TLS: the server refused the handshake by an alert: {_words(reason)}"
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError) or reason == "UNEXPECTED_EOF_WHILE_READING":
        return "TLS: the server closed the connection during the handshake: does it speak TLS there, or is its address ws://?"
    return f"TLS: the handshake failed: {_words(reason) or error}"


def _words(reason: str) -> str:
    return reason.replace("_", " ").lower()
