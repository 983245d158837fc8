"""The requests of a client that wait for an answer."""

from __future__ import annotations

from collections.abc import Callable

from gst_signalling_sync import SignallingClient

REQUESTS: dict[str, Callable[[SignallingClient, float], object]] = {
    "listing the producers": lambda client, timeout: client.list_producers(timeout=timeout),
    "listing the consumers": lambda client, timeout: client.list_consumers(timeout=timeout),
    "registering as producer": lambda client, timeout: client.set_status(["producer"], timeout=timeout),
    "starting a session with peer robot": lambda client, timeout: client.start_session("robot", timeout=timeout),
}
