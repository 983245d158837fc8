"""The end of a session, as an error at this end and as the string that the other end is told.

Protocol 1.1 carries a string. Between two peers of this library it begins with the reason, ``"rejected: battery low"``, so that
the other end's `SessionClosed` has the same reason. Other peers can show the string.
"""

from __future__ import annotations

from ..errors import SESSION_CLOSED_REASONS, ProtocolError, SessionClosed, SessionClosedReason, SignallingError

__all__ = ["as_session_closed", "reason_in", "with_reason"]

_SEPARATOR = ": "


def as_session_closed(error: Exception | None) -> SessionClosed | None:
    """Convert the error that ended a session to a `SessionClosed` whose cause is that error."""
    if error is None or isinstance(error, SessionClosed):
        return error
    # The remaining errors of this library are timeouts and the loss of the signalling connection before the session connected.
    is_timeout = isinstance(error, SignallingError) and not isinstance(error, ProtocolError)
    closed = SessionClosed(str(error) or type(error).__name__, "not connected" if is_timeout else "incompatible")
    closed.__cause__ = error
    return closed


def with_reason(reason: SessionClosedReason, text: str | None) -> str | None:
    """The string that the other end is told through the signalling server; None: it is told no reason."""
    if reason == "left" or text == reason:
        return text
    return f"{reason}{_SEPARATOR}{text}" if text else reason


def reason_in(told: str, otherwise: SessionClosedReason) -> tuple[SessionClosedReason, str]:
    """Split the string that the other end told into the reason and the rest.

    Args:
        told: A string made by `with_reason`, or any string of another library.
        otherwise: Reason if the string does not begin with one.
    """
    for reason in SESSION_CLOSED_REASONS:
        if told == reason:
            return reason, told
        if told.startswith(reason + _SEPARATOR):
            return reason, told[len(reason) + len(_SEPARATOR) :]
    return otherwise, told
