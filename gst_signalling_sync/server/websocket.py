"""`websocket`: the protocol class of `websockets`, for handshakes and for frames that `frames` does not parse."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any, Final

from websockets.protocol import State
from websockets.server import ServerProtocol

__all__ = ["is_traced", "websocket"]


class _Log(logging.LoggerAdapter[logging.Logger]):
    """Keeps tracebacks caused by strangers out of the log, unless it is at debug level."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        if not self.isEnabledFor(logging.DEBUG):
            kwargs["exc_info"] = None
        return msg, kwargs


_log: Final = _Log(logging.getLogger(__name__), {})


def is_traced() -> bool:
    """Whether every frame of an open connection goes to the log."""
    return _log.isEnabledFor(logging.DEBUG)


def websocket(state: State, max_bytes: int) -> ServerProtocol:
    """Make a parser.

    Args:
        state: The state of the connection. The headers of a handshake, some of which are secrets, are never logged.
        max_bytes: Maximum length of a message.
    """
    protocol = ServerProtocol(state=state, max_size=max_bytes, logger=_log)
    protocol.debug = state is State.OPEN and is_traced()
    return protocol
