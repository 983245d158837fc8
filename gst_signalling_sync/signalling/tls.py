"""TLS (RFC 8446) to a signalling server: which certificates an endpoint trusts."""

from __future__ import annotations

import logging
import os
import ssl
from typing import Final

from .. import tls_trust
from ..endpoint import Endpoint

__all__ = ["explain", "tls_context"]

logger = logging.getLogger(__name__)

_FOREIGN_VARIABLE: Final = "WEBSOCKET_CLIENT_CA_BUNDLE"
"""websocket-client's variable, which named a private CA before `Endpoint.cafile` did."""

_HOW_TO_TRUST: Final = (
    "name the file of its CA by Endpoint(cafile=...), $GST_SIGNALLING_CAFILE or --cafile, or go unprotected by"
    " Endpoint(insecure=True) or --insecure"
)

_warned: set[str] = set()
"""URIs of servers for which the warning about unchecked certificates was logged."""


def tls_context(endpoint: Endpoint) -> ssl.SSLContext:
    """The TLS context for connections to an endpoint.

    Args:
        endpoint: The endpoint.

    Returns:
        A context with the endpoint's CA certificates, or the system's.

    Raises:
        OSError: The file of CA certificates cannot be read, or holds no certificates.
    """
    if endpoint.insecure:
        if endpoint.uri not in _warned:
            _warned.add(endpoint.uri)
            logger.warning(
                "%s: its certificate is not checked (insecure): anybody on the way can read and change messages",
                endpoint.uri,
            )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    context = tls_trust.trusting_context(endpoint.cafile or os.environ.get(_FOREIGN_VARIABLE) or None)
    # With renegotiation, the state machine would have to read in order to write.
    context.options |= ssl.OP_NO_RENEGOTIATION
    return context


def explain(error: ssl.SSLError, host: str) -> str:
    """The meaning of a failed handshake, and what to do.

    Args:
        error: Raised by the handshake.
        host: The name or address that the certificate had to be for.
    """
    return tls_trust.explain(error, host, how_to_trust=_HOW_TO_TRUST, plain="ws://")
