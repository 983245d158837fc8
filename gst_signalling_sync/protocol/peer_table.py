"""`PeerTable`: the peers of a signalling server, by id. No I/O."""

from __future__ import annotations

from .registered import RegisteredPeer
from .tables import shrunk

__all__ = ["PeerTable"]


class PeerTable:
    """The peers that there are.

    Attributes:
        by_id: The peers. `shrink` replaces the dict, so it is looked up here each time.
    """

    def __init__(self) -> None:
        self.by_id: dict[str, RegisteredPeer] = {}

    def snapshot(self) -> dict[str, RegisteredPeer]:
        """All peers, by id. From any thread."""
        # One atomic copy of a dict whose values never change.
        return self.by_id.copy()

    def shrink(self) -> None:
        """Give back the memory of peers that were removed."""
        self.by_id = shrunk(self.by_id)
