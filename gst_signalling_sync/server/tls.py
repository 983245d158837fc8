"""`Certificate`: the server's end of TLS, 1.2 or newer, with a certificate that can be renewed while it runs."""

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
        cert: The file with the certificate, and those between it and the root, in PEM.
        key: The file with the key, in PEM; None: it is in `cert` too.

    Attributes:
        context: What connections are accepted with.

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
        """Read the files again, for connections from now on; what cannot be read is logged, and the old one stays."""
        self._stamps = Stamps(self._paths)
        try:
            # A context keeps the old certificate where this fails in the middle: so it is tried with another one.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self._cert, self._key)
            self._load()
        except (OSError, ValueError) as error:
            logger.error("the certificate in %s stays as it was: %s", self._cert, error)
        else:
            logger.info("the certificate was read again from %s", self._cert)

    def reload_if_changed(self) -> None:
        """Read the files again if one of them is another one, or was written to."""
        if self._stamps.have_changed:
            self.reload()

    def _load(self) -> None:
        try:
            self.context.load_cert_chain(self._cert, self._key)
        except ssl.SSLError as error:
            raise ValueError(
                f"cert and key must be a certificate and its key in PEM, not {self._cert!r} and {self._key!r}: {error}"
            ) from error
