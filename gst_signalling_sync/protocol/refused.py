"""`Refused`: the signalling server does not do what a peer asks for."""

from __future__ import annotations

__all__ = ["Refused"]


class Refused(Exception):
    """A request is refused, or its message dropped.

    Args:
        details: The reason in words; the text of the error that the peer gets.
        rule: The name of the rule. Defaults to ``"request"``, for what the reference server refuses too.
        is_answered: Whether the peer gets an error. Defaults to True.
    """

    def __init__(self, details: str, rule: str = "request", *, is_answered: bool = True) -> None:
        super().__init__(details)
        self.details = details
        self.rule = rule
        self.is_answered = is_answered
