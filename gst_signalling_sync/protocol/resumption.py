"""`ResumptionKeys`: how a peer whose connection broke proves that it is the same. No I/O."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

__all__ = ["HEADER", "NEW", "Resumption", "ResumptionKeys"]

HEADER: Final = "Signalling-Resumption"
"""HTTP header of the handshake: in the request the key or `NEW`, in the response the key for the next time."""

NEW: Final = "new"
"""Sent by a client that has no key yet, and wants one."""


@dataclass(frozen=True, slots=True)
class Resumption:
    """The two keys of a handshake.

    Attributes:
        presented: The key that the client sent, or `NEW`.
        issued: The key that it gets for the next time.
    """

    presented: str
    issued: str

    def __repr__(self) -> str:
        return "Resumption(...)"


class ResumptionKeys:
    """The peers that keys stand for.

    A key is valid for one resumption. It is spent once the peer was heard on the connection that the key opened, and not
    before: the response with the next key may have been lost together with that connection.
    """

    def __init__(self) -> None:
        # By hashes, so that the time of a look-up reveals nothing about the keys.
        self._peers: dict[bytes, str] = {}
        self._hashes: dict[str, tuple[bytes, ...]] = {}
        # Peers that have not been heard since they got their first key: they may never have received it.
        self._unheard: set[str] = set()
        # The last key that each peer has spent, and its peer.
        self._spent: dict[bytes, str] = {}
        self._spent_by: dict[str, bytes] = {}

    def issue(self, peer_id: str, resumption: Resumption) -> None:
        """Give a peer the key for its next resumption.

        Args:
            peer_id: Of the peer.
            resumption: Its new key, and the key that it presented.
        """
        self._drop(peer_id)
        if resumption.presented == NEW:
            self._unheard.add(peer_id)
        self._hashes[peer_id] = tuple(_hash(key) for key in (resumption.presented, resumption.issued) if key != NEW)
        for key_hash in self._hashes[peer_id]:
            self._peers[key_hash] = peer_id

    def confirm(self, peer_id: str) -> None:
        """Record that a peer was heard: it has the newest key, and the former one is spent."""
        self._unheard.discard(peer_id)
        hashes = self._hashes.get(peer_id)
        if hashes is not None and len(hashes) > 1:
            del self._peers[hashes[0]]
            self._hashes[peer_id] = hashes[1:]
            self._spent.pop(self._spent_by.get(peer_id, b""), None)
            self._spent[hashes[0]], self._spent_by[peer_id] = peer_id, hashes[0]

    def peer_of(self, key: str) -> str | None:
        """The peer that a key stands for; None: the key is unknown or spent, or the peer has left."""
        return self._peers.get(_hash(key))

    def is_spent(self, key: str) -> bool:
        """Whether a key is the last one that a peer has spent: only a thief, or a repeated request, presents it again."""
        return _hash(key) in self._spent

    def has(self, peer_id: str) -> bool:
        """Whether a peer can resume: it has a key, and was heard since it got its first one."""
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
