"""Token files for servers, and peers that have a token."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from gst_signalling_sync import SignallingServer
from gst_signalling_sync.protocol.tokens import hashed

from .raw_peer import RawPeer

__all__ = ["TokensFile", "bearer", "peer_with"]


class TokensFile:
    """A token file that a test changes.

    Args:
        folder: The folder for the file.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "tokens.toml"
        self._entries: dict[str, str] = {}
        self._write()

    def add(self, subject: str, fields: str = "") -> str:
        """Add or replace a token, and return it."""
        token = f"token-of-{subject}-{os.urandom(8).hex()}"
        return self.put(subject, token, fields)

    def put(self, subject: str, token: str, fields: str = "") -> str:
        """Set what a token may do, in TOML, and return the token."""
        self._entries[subject] = f"hash = '{hashed(token)}'\n{fields}\n"
        self._write()
        return token

    def remove(self, subject: str) -> None:
        """Revoke a token."""
        del self._entries[subject]
        self._write()

    def _write(self) -> None:
        text = "".join(f"[tokens.{subject}]\n{entry}" for subject, entry in self._entries.items())
        new = self.path.with_suffix(".new")
        new.write_text(text)
        new.chmod(0o600)
        new.replace(self.path)


def bearer(token: str) -> dict[str, Any]:
    """WebSocket options that present a token."""
    return {"header": [f"Authorization: Bearer {token}"]}


def peer_with(server: SignallingServer, token: str, **options: Any) -> RawPeer:
    """A peer that presents a token to the server."""
    return RawPeer(server.uri, **bearer(token), **options)
