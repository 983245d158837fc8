"""A robot with a producer that strangers attack, and an operator whose session with it must not be affected."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
from collections.abc import Iterator
from typing import Any

from ..helpers.background import running_beside
from ..helpers.strangers import Stranger
from .helper_process import Helper

__all__ = ["AttackedProducer", "Operator", "reading"]


class AttackedProducer(Helper):
    """A robot that sends 100 messages a second and a video of 30 frames a second.

    Args:
        uri: The signalling server's.
        limits: Its `SessionLimits`; a rate is a list of two numbers.
    """

    def __init__(self, uri: str, **limits: Any) -> None:
        super().__init__("producer_process", uri, json.dumps(limits))

    @property
    def peer_id(self) -> str:
        return self.first_line


class Operator(Helper):
    """A connected session with the robot.

    Args:
        uri: The signalling server's.
    """

    def __init__(self, uri: str) -> None:
        super().__init__("operator_process", uri)
        assert self.first_line == "connected"


@contextlib.contextmanager
def reading(strangers: list[Stranger]) -> Iterator[None]:
    """Have strangers read and drop what they are sent, so that the server keeps them connected."""
    done = threading.Event()

    def read() -> None:
        with contextlib.suppress(PermissionError):
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        while not done.wait(0.02):
            for stranger in strangers:
                with contextlib.suppress(BlockingIOError, TimeoutError):
                    stranger.socket.recv(2**20, socket.MSG_DONTWAIT)

    with running_beside(read, done):
        yield
