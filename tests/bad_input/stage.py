"""A producer and a consumer that go on, whatever other peers do."""

from __future__ import annotations

import time
from dataclasses import dataclass

from gst_signalling_sync import Consumer, DataChannel, Producer, SignallingServer

SECONDS = 10.0


@dataclass(frozen=True)
class Stage:
    """A producer that echoes, a consumer, and a session between them."""

    server: SignallingServer
    producer: Producer
    consumer: Consumer
    echo: DataChannel

    def goes_on(self, seconds: float = 6.0) -> bool:
        """Whether the session works, and the same producer and consumer can have another one."""
        begin = time.monotonic()
        self.echo.send("still there?")
        if self.echo.recv(SECONDS) != "still there?":
            return False
        with self.consumer.start_session(self.producer.peer_id):
            return time.monotonic() - begin < seconds
