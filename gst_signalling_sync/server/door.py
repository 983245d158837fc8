"""`Door`: whether a client that asks for a WebSocket, or for the metrics, gets it."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from ..protocol.permissions import Admission
from ..protocol.presence import Presence
from .authorizer import Authorizer
from .connection import Connection
from .page import Page
from .reception import Visitor
from .refusals import Refusals

__all__ = ["Door"]

_TOO_MANY: Final = Page(
    HTTPStatus.TOO_MANY_REQUESTS,
    "This signalling server accepts no more connections with this token.\n",
    refusal="connections_per_token",
    headers={"Retry-After": "5"},
)

_NO_METRICS: Final = Page(
    HTTPStatus.FORBIDDEN,
    "The metrics of this signalling server are for its own machine, and for tokens that have metrics = true.\n",
    refusal="metrics",
)


class Door:
    """Answers clients, at once or when their identity is known.

    Args:
        authorizer: Finds their identity; None: everybody comes in.
        presence: Whether a client is a peer that comes back, and whether there is room for another one.
        refusals: Counts and logs resumption keys that are not accepted.
        show_metrics: Answers a connection by the page of the metrics.
    """

    def __init__(
        self,
        authorizer: Authorizer | None,
        presence: Presence,
        refusals: Refusals,
        show_metrics: Callable[[Connection], object],
    ) -> None:
        self._authorizer = authorizer
        self._presence = presence
        self._refusals = refusals
        self._show_metrics = show_metrics

    def receive(self, connection: Connection, visitor: Visitor) -> None:
        """Answer a client, at once or later.

        Args:
            connection: Of the client.
            visitor: Its request.
        """
        if visitor.wants_metrics and visitor.is_local:
            self._show_metrics(connection)
        elif self._authorizer is None:
            self._answer(connection, visitor, None)
        else:
            self._authorizer.decide(
                visitor.request,
                lambda outcome: self._answer(connection, visitor, outcome),
                lambda: self._refusals.note(connection, "authorizations", "waits for decisions on other clients"),
            )

    def _answer(self, connection: Connection, visitor: Visitor, outcome: Admission | Page | None) -> None:
        if isinstance(outcome, Page):
            connection.show(outcome)
        elif not visitor.wants_metrics:
            self._let_in(connection, visitor.resumption_key, outcome)
        elif outcome is not None and outcome.grant.metrics:
            self._show_metrics(connection)
        else:
            connection.show(_NO_METRICS)

    def _let_in(self, connection: Connection, key: str | None, admission: Admission | None) -> None:
        if admission is not None and not self._presence.has_room(key, admission):
            connection.show(_TOO_MANY)
            return
        if key is not None and (objection := self._presence.objection_to_return(key, admission)) is not None:
            self._refusals.note(connection, *objection)
        connection.admit(admission)
