"""How the consumers meet their producer: on a signalling server, or over a plain socket."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from typing import Protocol

from benchmarks.video.workload import PRODUCER
from gst_signalling_sync import SignallingClient, find_producer
from gst_signalling_sync.protocol.messages import IceMessage, SdpMessage, SdpType

__all__ = ["ServerSignalling", "Signalling", "SocketSignalling", "connect"]


class Signalling(Protocol):
    """One way to meet; all methods are called on the loop."""

    async def join(self) -> str:
        """Start a session with the producer.

        Returns:
            The session's id.
        """

    async def receive(self, session_id: str) -> SdpMessage | IceMessage:
        """Wait for the producer's next message in a session."""

    async def answer(self, session_id: str, sdp: str) -> None:
        """Send the answer to the producer's offer."""

    async def close(self) -> None:
        """End all sessions."""


async def connect(address: str) -> Signalling:
    """Connect to a signalling server or to a producer, by the form of the address.

    Args:
        address: ``ws://...`` of a signalling server, or ``HOST:PORT`` of the producer itself.

    Returns:
        The connected object.
    """
    if address.startswith("ws://"):
        return await ServerSignalling.connect(address)
    return SocketSignalling(address)


class ServerSignalling:
    """Meets on a signalling server, with all sessions over one connection.

    Args:
        address: The server's ``ws://HOST:PORT``.
    """

    def __init__(self, address: str) -> None:
        self._loop = asyncio.get_running_loop()
        # A message may come before `join` knows its session.
        self._messages: defaultdict[str, asyncio.Queue[SdpMessage | IceMessage]] = defaultdict(asyncio.Queue)
        self._client = SignallingClient(address)
        self._client.sdp_received.connect(self._on_sdp)
        self._client.ice_received.connect(self._on_ice)
        self._producer_id = ""

    @classmethod
    async def connect(cls, address: str) -> ServerSignalling:
        """Connect, and look up the producer."""
        self = cls(address)
        await asyncio.to_thread(self._client.connect)
        self._producer_id = (await asyncio.to_thread(find_producer, PRODUCER, address)).id
        return self

    async def join(self) -> str:
        """Start a session with the producer; returns its id."""
        return await asyncio.to_thread(self._client.start_session, self._producer_id)

    async def receive(self, session_id: str) -> SdpMessage | IceMessage:
        """Wait for the producer's next message in a session."""
        return await self._messages[session_id].get()

    async def answer(self, session_id: str, sdp: str) -> None:
        """Send the answer to the producer's offer."""
        await asyncio.to_thread(self._client.send_sdp, session_id, SdpType.ANSWER, sdp)

    async def close(self) -> None:
        """End all sessions."""
        await asyncio.to_thread(self._client.close)

    def _on_sdp(self, client: SignallingClient, session_id: str, type: SdpType, sdp: str) -> None:  # noqa: A002 - the signal's
        self._put(SdpMessage(session_id, type, sdp))

    def _on_ice(self, client: SignallingClient, session_id: str, candidate: str, sdp_m_line_index: int) -> None:
        self._put(IceMessage(session_id, candidate, sdp_m_line_index))

    def _put(self, message: SdpMessage | IceMessage) -> None:
        self._loop.call_soon_threadsafe(lambda: self._messages[message.session_id].put_nowait(message))


class SocketSignalling:
    """Meets over a TCP connection to the producer for each session: its offer, then the answer, one JSON object per line.

    Args:
        address: The producer's ``HOST:PORT``.
    """

    def __init__(self, address: str) -> None:
        self._host, _, self._port = address.partition(":")
        self._streams: dict[str, tuple[asyncio.StreamReader, asyncio.StreamWriter]] = {}

    async def join(self) -> str:
        """Start a session with the producer; returns its id."""
        reader, writer = await asyncio.open_connection(self._host, int(self._port))
        session_id = str(writer.get_extra_info("sockname"))
        self._streams[session_id] = reader, writer
        return session_id

    async def receive(self, session_id: str) -> SdpMessage | IceMessage:
        """Wait for the producer's next message in a session."""
        reader, _ = self._streams[session_id]
        description = json.loads(await reader.readline())
        return SdpMessage(session_id, SdpType(description["type"]), description["sdp"])

    async def answer(self, session_id: str, sdp: str) -> None:
        """Send the answer to the producer's offer."""
        _, writer = self._streams[session_id]
        writer.write(json.dumps({"type": "answer", "sdp": sdp}).encode() + b"\n")
        await writer.drain()

    async def close(self) -> None:
        """End all sessions."""
        for _, writer in self._streams.values():
            writer.close()
