"""`Observer`: what a connection reports to."""

from __future__ import annotations

from typing import Protocol, TypeVar

from ..protocol.permissions import Admission
from ..protocol.resumption import Resumption
from .reception import Visitor

__all__ = ["Observer"]

Reporting_contra = TypeVar("Reporting_contra", contravariant=True)
"""The connection that reports, which rests on this module."""


class Observer(Protocol[Reporting_contra]):
    """Told what happens on a connection; every call is made on the loop."""

    def made(self, connection: Reporting_contra) -> None:
        """The connection can be read and written."""

    def asked(self, connection: Reporting_contra, visitor: Visitor) -> None:
        """A client sent its request, and waits for `Connection.show` or `Connection.admit`."""

    def opened(self, connection: Reporting_contra, admission: Admission | None, resumption: Resumption | None) -> None:
        """The handshake is complete. `resumption` has its two keys; None: the peer did not ask for one."""

    def received(self, connection: Reporting_contra, text: str) -> None:
        """A text message arrived."""

    def answered(self, connection: Reporting_contra) -> None:
        """The peer answered a ping."""

    def writable(self, connection: Reporting_contra) -> None:
        """The peer reads again."""

    def left(self, connection: Reporting_contra, is_final: bool) -> None:
        """The peer has left, or has begun to close; called once, after `opened`.

        It is final where one of the two ends wanted it, and not where the connection broke.
        """

    def lost(self, connection: Reporting_contra) -> None:
        """The TCP connection is gone."""
