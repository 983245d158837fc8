"""`ServerReport`: the result of asking a STUN or TURN server for candidates."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...threads import clock

__all__ = ["ServerReport"]


@dataclass(slots=True)
class ServerReport:
    """The result of asking one server.

    Attributes:
        server: The server, without its credentials.
        began: When it was asked, on `clock`.
        candidates: The candidates that it gave, such as ``"relay 192.0.2.1:40000"``.
        problems: What failed.
        seconds: Seconds until its first answer; None: it has not answered.
        is_done: Whether no more is expected of the server.
    """

    server: str
    began: float
    candidates: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    seconds: float | None = None
    is_done: bool = False

    @property
    def outcome(self) -> str:
        """The result in one line."""
        if self.candidates:
            return ", ".join(self.candidates)
        if self.problems:
            return "; ".join(dict.fromkeys(self.problems))
        if self.is_done:
            return "not asked: this machine has no address that leads there"
        return f"no answer for {clock.now() - self.began:.1f} s"
