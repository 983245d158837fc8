"""`websocket`: the protocol class of `websockets`, for a handshake and for what `frames` leaves to it."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any, Final

from websockets.protocol import State
from websockets.server import ServerProtocol

__all__ = ["is_traced", "websocket"]


class _Log(logging.LoggerAdapter[logging.Logger]):
    """Keeps tracebacks of what strangers send out of the log, unless it is at debug level."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        if not self.isEnabledFor(logging.DEBUG):
            kwargs["exc_info"] = None
        return msg, kwargs


_log: Final = _Log(logging.getLogger(__name__), {})


def is_traced() -> bool:
    """Whether every frame of an open connection goes to the log."""
    return _log.isEnabledFor(logging.DEBUG)


def websocket(state: State, max_bytes: int) -> ServerProtocol:
    """Begin to parse and write.

    Args:
        state: Of the connection. The headers of a handshake, which are secrets in part, never go to the log.
        max_bytes: Maximum of a message.
    """
    protocol = ServerProtocol(state=state, max_size=max_bytes, logger=_log)
    protocol.debug = state is State.OPEN and is_traced()
    return protocol
