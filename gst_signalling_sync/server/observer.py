"""`Observer`: what a connection reports to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ..protocol.permissions import Admission
    from ..protocol.resumption import Resumption
    from .connection import Connection
    from .reception import Visitor

__all__ = ["Observer"]


class Observer(Protocol):
    """Told what happens on a connection; every call is made on the loop."""

    def made(self, connection: Connection) -> None:
        """The connection can be read and written."""

    def asked(self, connection: Connection, visitor: Visitor) -> None:
        """A client sent its request, and waits for `Connection.show` or `Connection.admit`."""

    def opened(self, connection: Connection, admission: Admission | None, resumption: Resumption | None) -> None:
        """The handshake is complete. `resumption` has its two keys; None: the peer did not ask for one."""

    def received(self, connection: Connection, text: str) -> None:
        """A text message arrived."""

    def answered(self, connection: Connection) -> None:
        """The peer answered a ping."""

    def writable(self, connection: Connection) -> None:
        """The peer reads again."""

    def left(self, connection: Connection, is_final: bool) -> None:
        """The peer has left, or has begun to close; called once, after `opened`.

        It is final where one of the two ends wanted it, and not where the connection broke.
        """

    def lost(self, connection: Connection) -> None:
        """The TCP connection is gone."""
