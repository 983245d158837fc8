"""`UniqueNames`: which producer has which name, where no two may have the same. No I/O."""

from __future__ import annotations

__all__ = ["UniqueNames"]


class UniqueNames:
    """The names that producers hold."""

    def __init__(self) -> None:
        self._holders: dict[str, str] = {}
        self._names: dict[str, str] = {}

    def holder_of(self, name: str | None) -> str | None:
        """The id of the producer that holds a name; None: it is free."""
        return None if name is None else self._holders.get(name)

    def set_name(self, peer_id: str, name: str | None) -> None:
        """Replace the name that a producer holds.

        Args:
            peer_id: Of the producer.
            name: A name that is free or its own; None: it holds none from now on.
        """
        before = self._names.pop(peer_id, None)
        if before is not None:
            del self._holders[before]
        if name is not None:
            self._holders[name], self._names[peer_id] = peer_id, name
