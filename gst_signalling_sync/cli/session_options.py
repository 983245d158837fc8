"""`SessionOptions`: the options of commands that have a session with a producer, and how these connect to it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gst_signalling_sync

from .. import IceOptions, SessionLimits
from .ice_options import ice_options
from .limits import session_limits_option
from .logs import verbose_option
from .server_options import server_options

if TYPE_CHECKING:
    from .. import Endpoint, Peer, Session

__all__ = ["SessionOptions", "session_options"]


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """How to reach a producer.

    Attributes:
        endpoint: The signalling server.
        timeout: Seconds that the server and the producer may take to answer.
        ice: The ICE servers, ports and interfaces to use.
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
            PeerNotFound: There is no such producer; the message lists those that there are.
            SignallingError: The server could not be asked.
        """
        for producer in gst_signalling_sync.list_producers(self.endpoint, timeout=self.timeout):
            if name in (producer.id, producer.name):
                return producer
        # It raises an error that lists the producers, unless the producer has come meanwhile.
        return gst_signalling_sync.find_producer(name, self.endpoint, timeout=self.timeout)

    def connect(self, producer: Peer, *, resume: bool = False) -> Session:
        """Connect to a producer. Closing the session closes everything that this opened.

        Args:
            producer: As `find` returned it.
            resume: Whether the session resumes on a new connection when this one breaks. Defaults to False.

        Returns:
            The connected session.

        Raises:
            SignallingError: As in `gst_signalling_sync.connect`.
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
