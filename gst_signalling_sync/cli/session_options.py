"""`SessionOptions`: what commands that have a session with a producer are told by their options, and how they get to it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gst_signalling_sync

from ..ice_options import IceOptions
from ..protocol.session_limits import SessionLimits
from .ice_options import ice_options
from .limits import session_limits_option
from .logs import verbose_option
from .server_options import server_options

if TYPE_CHECKING:
    from .. import Endpoint, Peer, Session

__all__ = ["SessionOptions", "session_options"]


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """The way to a producer.

    Attributes:
        endpoint: The signalling server.
        timeout: Seconds that the server and the producer may take to answer.
        ice: Which ICE servers, ports and interfaces to use.
        limits: What the producer may use of this end.
    """

    endpoint: Endpoint
    timeout: float
    ice: IceOptions
    limits: SessionLimits

    def find(self, name: str) -> Peer:
        """The producer that a user names.

        Args:
            name: Its name or its peer id.

        Returns:
            The producer.

        Raises:
            PeerNotFound: There is none; the message says which there are.
            SignallingError: The server could not be asked.
        """
        for producer in gst_signalling_sync.list_producers(self.endpoint, timeout=self.timeout):
            if name in (producer.id, producer.name):
                return producer
        # It raises an error that says which there are; or it is there by now.
        return gst_signalling_sync.find_producer(name, self.endpoint, timeout=self.timeout)

    def connect(self, producer: Peer, *, resume: bool = False) -> Session:
        """A session with a producer, connected; closing it closes all that this opened.

        Args:
            producer: What `find` returned.
            resume: Whether the session goes on in a new connection when this one breaks.

        Raises:
            SignallingError: As `gst_signalling_sync.connect` raises it.
        """
        return gst_signalling_sync.connect(
            self.endpoint,
            peer_id=producer.id,
            timeout=self.timeout,
            resume=resume,
            ice=self.ice,
            limits=self.limits,
        )


def session_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a signalling server and a session, and ``-v``; it gets `options`, a `SessionOptions`."""

    @server_options
    @ice_options
    @session_limits_option
    @verbose_option
    @functools.wraps(function)
    def command(endpoint: Endpoint, timeout: float, ice: IceOptions, limits: SessionLimits, **others: Any) -> None:
        function(options=SessionOptions(endpoint, timeout, ice, limits), **others)

    return command
