"""How the end of a session is put: as an error here, and as what the other end is told.

Protocol 1.1 carries a text. Between two peers of this library it begins with the reason, ``"rejected: battery low"``, so that
the other end's `SessionClosed` has the same one; for any other peer it is a text to show.
"""

from __future__ import annotations

from ..errors import SESSION_CLOSED_REASONS, ProtocolError, SessionClosed, SessionClosedReason, SignallingError

__all__ = ["as_session_closed", "reason_in", "with_reason"]

_SEPARATOR = ": "


def as_session_closed(error: Exception | None) -> SessionClosed | None:
    """The error of a session's end as a `SessionClosed`, with the original as its cause."""
    if error is None or isinstance(error, SessionClosed):
        return error
    # What is left of this library's errors are timeouts and the loss of the signalling connection, before it was connected.
    is_timeout = isinstance(error, SignallingError) and not isinstance(error, ProtocolError)
    closed = SessionClosed(str(error) or type(error).__name__, "not connected" if is_timeout else "incompatible")
    closed.__cause__ = error
    return closed


def with_reason(reason: SessionClosedReason, text: str | None) -> str | None:
    """What the other end is told through the signalling server; None where there is nothing to say."""
    if reason == "left" or text == reason:
        return text
    return f"{reason}{_SEPARATOR}{text}" if text else reason


def reason_in(told: str, otherwise: SessionClosedReason) -> tuple[SessionClosedReason, str]:
    """The reason and the rest of what the other end told.

    Args:
        told: As `with_reason` puts it, or any text of another library's.
        otherwise: The reason where the text names none.
    """
    for reason in SESSION_CLOSED_REASONS:
        if told == reason:
            return reason, told
        if told.startswith(reason + _SEPARATOR):
            return reason, told[len(reason) + len(_SEPARATOR) :]
    return otherwise, told
