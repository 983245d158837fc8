"""Connections that cannot be opened, and their errors."""

from __future__ import annotations

import socket

import pytest

from gst_signalling_sync import ConnectError, Endpoint, SignallingClient

SECONDS = 10.0


def problem_of(endpoint: Endpoint | str, timeout: float = SECONDS) -> ConnectError:
    with pytest.raises(ConnectError) as caught:
        SignallingClient(endpoint).connect(timeout)
    return caught.value


class full_port:
    """A port whose accept queue is full, so that the system drops further packets, as a cut cable does."""

    def __enter__(self) -> tuple[str, int]:
        self.listening = socket.socket()
        self.listening.bind(("127.0.0.1", 0))
        self.listening.listen(0)
        address: tuple[str, int] = self.listening.getsockname()
        self.queued = [socket.socket() for _ in range(4)]
        for each in self.queued:
            each.setblocking(False)
            each.connect_ex(address)
        return address

    def __exit__(self, *_: object) -> None:
        for each in (self.listening, *self.queued):
            each.close()
