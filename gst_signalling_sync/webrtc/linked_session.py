"""`LinkedSession`: a session as its link sees it."""

from __future__ import annotations

from abc import ABC, abstractmethod

from ..errors import SessionClosed
from .channels import Channels
from .media.received_media import ReceivedMedia
from .session_state import SessionState
from .session_status import SessionStatus

__all__ = ["LinkedSession"]


class LinkedSession(SessionStatus, ABC):
    """A session that has a link. Its methods are called on the loop, and do not block."""

    channels: Channels
    """Its data channels."""

    media: ReceivedMedia
    """The tracks that it receives."""

    @property
    @abstractmethod
    def is_overwhelmed(self) -> bool:
        """Whether the queue of callbacks is full, so that the peer may open no more channels."""

    @abstractmethod
    def enter(self, state: SessionState, error: SessionClosed | None = None) -> None:
        """Change the state.

        Args:
            state: The state.
            error: Why the session is closed. Defaults to None: it is not, or one end closed it on purpose.
        """

    @abstractmethod
    def break_off(self, error: SessionClosed) -> bool:
        """Suspend the session, if it is resumed.

        Args:
            error: Why the connection ended.

        Returns:
            Whether the session is resumed. If not, the caller closes it.
        """

    @abstractmethod
    def on_finished(self) -> None:
        """Handle that the session is closed and has no thread left."""
