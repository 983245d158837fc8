"""`Trickle`: this end's candidates, which are sent when they are found (trickle ICE, RFC 8838). No I/O and no clock."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Trickle"]


class Trickle:
    """Keeps candidates until the peer has been sent the description that they belong to.

    Args:
        send: Sends a candidate and the index of its section to the peer. An empty candidate ends the candidates.
        index_of: Returns the index of the section with a mid; None: the peer does not know such a section.
    """

    def __init__(self, send: Callable[[str, int], None], index_of: Callable[[str], int | None]) -> None:
        self._send = send
        self._index_of = index_of
        self._kept: list[tuple[str, str]] = []
        self._is_held = True

    def hold(self) -> None:
        """Keep candidates from now on, because another description is made."""
        self._is_held = True

    def leave_out(self, sdp: str) -> None:
        """Forget the kept candidates that a description has, since they need not be sent again."""
        self._kept = [each for each in self._kept if each[1] not in sdp]

    def release(self, *, is_gathering: bool) -> None:
        """Send the kept candidates, and later ones at once; called when the peer has been sent the description.

        Args:
            is_gathering: Whether more candidates are looked for.
        """
        self._is_held = False
        kept, self._kept = self._kept, []
        for mid, candidate in kept:
            self.on_candidate(mid, candidate)
        if kept and not is_gathering:
            self.on_gathered()

    def on_candidate(self, mid: str, candidate: str) -> None:
        """Handle a candidate that was found for the section with a mid."""
        if self._is_held:
            self._kept.append((mid, candidate))
        elif (index := self._index_of(mid)) is not None:
            self._send(candidate, index)

    def on_gathered(self) -> None:
        """Handle that all candidates were found."""
        if not self._is_held:
            self._send("", 0)
