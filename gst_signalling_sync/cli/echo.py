"""The wire contract of the echo that producers of this library answer: see ``Producer(echo=...)``."""

from __future__ import annotations

from typing import Final

__all__ = ["ECHO_LABEL", "ECHO_PROTOCOL", "ECHO_REFUSAL"]

ECHO_LABEL: Final = "ping"
"""The usual label of an echo channel."""

ECHO_PROTOCOL: Final = "echo.gst-signalling-sync"
"""The subprotocol by which a producer knows an echo channel."""

ECHO_REFUSAL: Final = "echo=False"
"""The message of a producer that does not echo, before it closes the channel."""
