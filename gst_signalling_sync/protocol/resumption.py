"""`ResumptionKeys`: how a peer whose connection broke shows that it is the same, without I/O."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

__all__ = ["HEADER", "NEW", "Resumption", "ResumptionKeys"]

HEADER: Final = "Signalling-Resumption"
"""Of the handshake's request, with the key or `NEW`, and of the answer, with the key for the next time."""

NEW: Final = "new"
"""What a client sends that has no key yet, and wants one."""


@dataclass(frozen=True, slots=True)
class Resumption:
    """What a handshake says of it.

    Attributes:
        presented: The key that the client sent, or `NEW`.
        issued: The key that it gets for the next time.
    """

    presented: str
    issued: str

    def __repr__(self) -> str:
        return "Resumption(...)"


class ResumptionKeys:
    """Which peer a key stands for.

    A key is good for one return. It is spent once the peer was heard on the connection that it opened, and not before: the
    answer with the next key may have been lost together with that connection.
    """

    def __init__(self) -> None:
        # Of hashes, so that how long a look-up takes tells nothing of the keys.
        self._peers: dict[bytes, str] = {}
        self._hashes: dict[str, tuple[bytes, ...]] = {}
        # Those that have not been heard since they got their first: they may never have received it.
        self._unheard: set[str] = set()
        # The last that each peer has spent, and whose it was.
        self._spent: dict[bytes, str] = {}
        self._spent_by: dict[str, bytes] = {}

    def issue(self, peer_id: str, resumption: Resumption) -> None:
        """Give a peer the key for its next return.

        Args:
            peer_id: Of the peer.
            resumption: Its new key, and the one by which it returned.
        """
        self._drop(peer_id)
        if resumption.presented == NEW:
            self._unheard.add(peer_id)
        self._hashes[peer_id] = tuple(_hash(key) for key in (resumption.presented, resumption.issued) if key != NEW)
        for key_hash in self._hashes[peer_id]:
            self._peers[key_hash] = peer_id

    def confirm(self, peer_id: str) -> None:
        """The peer was heard: it has the newest key, and the one before is spent."""
        self._unheard.discard(peer_id)
        hashes = self._hashes.get(peer_id)
        if hashes is not None and len(hashes) > 1:
            del self._peers[hashes[0]]
            self._hashes[peer_id] = hashes[1:]
            self._spent.pop(self._spent_by.get(peer_id, b""), None)
            self._spent[hashes[0]], self._spent_by[peer_id] = peer_id, hashes[0]

    def peer_of(self, key: str) -> str | None:
        """The peer that a key stands for; None: it is unknown, spent, or the peer is gone."""
        return self._peers.get(_hash(key))

    def is_spent(self, key: str) -> bool:
        """Whether a key is the last that a peer has spent: only who has stolen it, or repeats a request, shows it again."""
        return _hash(key) in self._spent

    def has(self, peer_id: str) -> bool:
        """Whether a peer can return: it has a key, and was heard since it got its first."""
        return peer_id in self._hashes and peer_id not in self._unheard

    def forget(self, peer_id: str) -> None:
        """Forget the keys of a peer."""
        self._drop(peer_id)
        self._spent.pop(self._spent_by.pop(peer_id, b""), None)

    def _drop(self, peer_id: str) -> None:
        self._unheard.discard(peer_id)
        for key_hash in self._hashes.pop(peer_id, ()):
            del self._peers[key_hash]


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode(errors="surrogateescape")).digest()
