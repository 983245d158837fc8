"""The exceptions of this library, each also a builtin exception that a caller would catch."""

from __future__ import annotations

from typing import Final, Literal, get_args

from .signals import callback_failed

__all__ = [
    "SESSION_CLOSED_REASONS",
    "ChannelClosed",
    "ConnectError",
    "ConnectTimeout",
    "ConnectionLost",
    "MediaError",
    "MessageTooLarge",
    "PeerNotFound",
    "PeerWaitTimeout",
    "ProtocolError",
    "RecordingError",
    "ServerError",
    "SessionClosed",
    "SessionClosedReason",
    "SignallingError",
    "TrackNotFound",
    "TrackRemoved",
    "TracksFixed",
    "WaitTimeout",
    "callback_failed",
]


SessionClosedReason = Literal["left", "rejected", "lost", "not connected", "incompatible", "busy", "expired", "limit"]
"""The values of `SessionClosed.reason`."""

SESSION_CLOSED_REASONS: Final[tuple[SessionClosedReason, ...]] = get_args(SessionClosedReason)


class SignallingError(Exception):
    """Base class of every error that this library raises on purpose.

    Example:
        try:
            session = connect(name="robot", timeout=5)
        except SignallingError as error:
            print(error)  # what was tried, with whom and for how long
    """


class ConnectError(SignallingError, ConnectionError):
    """No connection could be made to the signalling server.

    Attributes:
        status: The HTTP status by which the server, or a proxy on the way, refused the connection, such as 401; None: there was
            no HTTP response.
    """

    def __init__(self, message: str = "", status: int | None = None) -> None:
        super().__init__(message)
        self.status = status

    def __reduce__(self) -> tuple[type[ConnectError], tuple[str, int | None]]:
        return type(self), (str(self), self.status)


class ConnectionLost(SignallingError, ConnectionError):
    """The connection to the signalling server is lost, or the object that it belonged to is closed."""


class WaitTimeout(SignallingError, TimeoutError):
    """A blocking call did not succeed within its timeout."""


class ConnectTimeout(ConnectError, WaitTimeout):
    """The signalling server did not answer in time."""


class PeerNotFound(SignallingError, LookupError):
    """The signalling server knows no peer with that id or name."""


class PeerWaitTimeout(PeerNotFound, WaitTimeout):
    """The peer that was waited for did not come in time."""


class SessionClosed(SignallingError, ConnectionError):
    """The session ended, or could not be established.

    Example:
        try:
            session = connect(name="robot")
        except SessionClosed as error:
            print("the robot is busy" if error.reason == "busy" else error)

    Args:
        message: What was tried, with whom, and what came instead.
        reason: As the attribute. Defaults to ``"left"``.

    Attributes:
        reason: ``"left"``: the peer left, in order or because its process ended. ``"rejected"``: the producer rejected the
            session. ``"lost"``: nothing was heard from the peer any more. ``"not connected"``: no connection could be made.
            ``"incompatible"``: the two ends have no codec in common, or one sent what the other cannot use. ``"busy"``: the
            producer has its maximum number of sessions, or too many others are beginning. ``"expired"``: a grant has ended.
            ``"limit"``: this end exceeded a limit of the other end or of the server.
    """

    def __init__(self, message: str = "", reason: SessionClosedReason = "left") -> None:
        super().__init__(message)
        # In `__dict__`, so that it is pickled and copied.
        self.reason: SessionClosedReason = reason


class TrackRemoved(SessionClosed):
    """The other end has removed the track; its session goes on."""


class TracksFixed(SignallingError, RuntimeError):
    """A session that runs cannot get the track: its producer is another program, and only a producer can offer tracks.

    Add it before the session starts, or close the session and start another.
    """


class ChannelClosed(SignallingError, ConnectionError):
    """The data channel is closed: nothing can be sent on it or will arrive on it."""


class MessageTooLarge(SignallingError, ValueError):
    """The message is larger than the other end's maximum (``a=max-message-size``, RFC 8841 section 6)."""


class TrackNotFound(SignallingError, LookupError):
    """The session has no such track."""


class MediaError(SignallingError, ValueError):
    """Media cannot be read or encoded here."""


class RecordingError(SignallingError, OSError):
    """A recording could not be written, at least not to its end. What was written is kept."""


class ServerError(SignallingError):
    """The signalling server refused a request; the message ends with the server's own words.

    Attributes:
        details: The server's words, unchanged.
    """

    def __init__(self, message: str, details: str) -> None:
        super().__init__(message)
        self.details = details

    def __reduce__(self) -> tuple[type[ServerError], tuple[str, str]]:
        return type(self), (str(self), self.details)


class ProtocolError(SignallingError, ValueError):
    """A message violates the signalling protocol, or holds an unusable session description."""
