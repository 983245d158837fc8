"""A peer that kills itself at a given point of the handshake; run as ``python -m tests.faults.mortal_peer``.

It reads commands, one per line: ``URI ROLE POINT``. The role is ``producer``, or the id of the producer to have a session with.
For each command it forks a child that is the peer. A producer prints ``ready ID``. When the child has died, its parent prints
by which signal, such as ``died 9``. `POINTS` are the points.
"""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

import aioice
from aiortc import RTCDtlsTransport

from gst_signalling_sync import Consumer, Producer
from gst_signalling_sync.webrtc.engine.association_transport import AssociationTransport
from gst_signalling_sync.webrtc.engine.dtls import RobustDtlsTransport
from gst_signalling_sync.webrtc.engine.ice import IceConnection
from gst_signalling_sync.webrtc.engine.peer_connection import PeerConnection
from gst_signalling_sync.webrtc.inbox import Inbox
from gst_signalling_sync.webrtc.link import Link
from gst_signalling_sync.webrtc.signalling_path import SignallingPath

POINTS: dict[str, tuple[type, tuple[str, ...], str]] = {
    "it is asked for a session": (Link, ("start_as_offerer", "start_as_answerer"), "before"),
    "its description is made": (PeerConnection, ("offer", "answer"), "before"),
    "its description is to be sent": (SignallingPath, ("send_sdp",), "before"),
    "its description has been sent": (SignallingPath, ("send_sdp",), "after"),
    "the other's description has come": (PeerConnection, ("apply",), "before"),
    "a path is looked for": (aioice.Connection, ("connect",), "before"),
    "a check has been answered": (IceConnection, ("request_received",), "after"),
    "a path is found": (aioice.Connection, ("connect",), "after"),
    "the first flight of DTLS is sent": (RobustDtlsTransport, ("_write_ssl",), "after"),
    "DTLS is done": (RTCDtlsTransport, ("start",), "after"),
    "SCTP has begun": (AssociationTransport, ("start",), "after"),
    "a channel opens": (AssociationTransport, ("_on_dcep",), "before"),
    "messages flow": (Inbox, ("put",), "before"),
}
"""Where a peer dies: the class, its methods, and whether it dies before or after one of them is called."""


def die_at(point: str) -> None:
    """Have this process end by SIGKILL when it reaches a point.

    Args:
        point: One of `POINTS`.
    """
    owner, names, when = POINTS[point]
    for name in names:
        setattr(owner, name, _deadly(getattr(owner, name), when))


def _deadly(function: Callable[..., Any], when: str) -> Callable[..., Any]:
    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    @functools.wraps(function)
    def called(*arguments: Any, **named: Any) -> Any:
        if when == "before":
            die()
        result = function(*arguments, **named)
        die()
        return result

    @functools.wraps(function)
    async def awaited(*arguments: Any, **named: Any) -> Any:
        if when == "before":
            die()
        result = await function(*arguments, **named)
        die()
        return result

    return awaited if asyncio.iscoroutinefunction(function) else called


def be(uri: str, role: str, point: str) -> None:
    """Run a peer until it dies."""
    die_at(point)
    if role == "producer":
        producer = Producer(uri, name="mortal")
        producer.add_channel("data").message.connect(lambda channel, data, session: None)
        producer.start()
        print(f"ready {producer.peer_id}", flush=True)
    else:
        session = Consumer(uri).start().start_session(role)
        session.channel("data").send("hello")
    threading.Event().wait()


def main() -> None:
    """Execute commands until standard input ends."""
    for line in sys.stdin:
        uri, role, point = line.strip().split(" ", 2)
        child = os.fork()
        if child == 0:
            be(uri, role, point)
        _, status = os.waitpid(child, 0)
        print(f"died {os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0}", flush=True)


if __name__ == "__main__":
    main()
