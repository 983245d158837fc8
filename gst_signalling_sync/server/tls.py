"""`Certificate`: the server's TLS context (TLS 1.2 and newer), whose certificate can be renewed while it runs."""

from __future__ import annotations

import logging
import os
import ssl

from .stamps import Stamps

__all__ = ["Certificate"]

logger = logging.getLogger(__name__)


class Certificate:
    """A certificate with its key, in files.

    Args:
        cert: The PEM file with the certificate, and those between it and the root.
        key: The PEM file with the key; None: the key is in `cert` too.

    Attributes:
        context: The TLS context of accepted connections.

    Raises:
        ValueError: The files do not hold a certificate and its key.
        OSError: A file cannot be read.
    """

    def __init__(self, cert: str | os.PathLike[str], key: str | os.PathLike[str] | None) -> None:
        self._cert = os.fspath(cert)
        self._key = None if key is None else os.fspath(key)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._paths = [path for path in (self._cert, self._key) if path is not None]
        self._stamps = Stamps(self._paths)
        self._load()

    def reload(self) -> None:
        """Read the files again, for later connections. If they are unusable, that is logged, and the old certificate stays."""
        self._stamps = Stamps(self._paths)
        try:
            # A failure must not leave the context with a new certificate and an old key, so another context is tried first.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self._cert, self._key)
            self._load()
        except (OSError, ValueError) as error:
            logger.error("the certificate in %s stays as it was: %s", self._cert, error)
        else:
            logger.info("the certificate was read again from %s", self._cert)

    def reload_if_changed(self) -> None:
        """Read the files again if one of them was replaced or written."""
        if self._stamps.have_changed:
            self.reload()

    def _load(self) -> None:
        try:
            self.context.load_cert_chain(self._cert, self._key)
        except ssl.SSLError as error:
            raise ValueError(
                f"cert and key must be a certificate and its key in PEM, not {self._cert!r} and {self._key!r}: {error}"
            ) from error
