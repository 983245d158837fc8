"""`SimulatedNetwork`: a simulated network between WebRTC peers, of this library or any other."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from types import TracebackType
from typing import Any

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from .link import LinkProfile
from .relay import LinkRelay

__all__ = ["SimulatedNetwork"]


class SimulatedNetwork:
    """A WebSocket proxy in front of a signalling server, which has WebRTC's packets go through a `LinkRelay`.

    The packets of a session go through it if one of its ends, or both, use its `uri` instead of the server's. A server can have
    several networks, each for some of its peers. Peers, even in other processes, need no other change.

    ::

        with SimulatedNetwork(server.uri, LinkProfile(rate=800_000, delay=0.02)) as network:
            with connect(network.uri, name="robot") as session:
                ...

    Args:
        uri: The signalling server's address.
        profile: The properties of the links, for each direction.
        seed: Seed of their random numbers. Defaults to 1.

    Raises:
        TimeoutError: The proxy did not start within 10 s.
    """

    def __init__(self, uri: str, profile: LinkProfile, seed: int = 1) -> None:
        self.relay = LinkRelay(profile, seed)
        self._server_uri = uri
        self._loop = asyncio.new_event_loop()
        self._closing = asyncio.Event()
        self._port = 0
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._main, name="simulated-network", daemon=True)
        self._thread.start()
        if not self._listening.wait(10):
            raise TimeoutError("the network's signalling proxy did not start within 10 s")

    @property
    def uri(self) -> str:
        """The address that peers use instead of the signalling server's."""
        return f"ws://127.0.0.1:{self._port}"

    def close(self) -> None:
        """Cut all connections and stop the threads; idempotent."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join()
        self.relay.close()

    def __enter__(self) -> SimulatedNetwork:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _main(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        async with serve(self._proxy, "127.0.0.1", 0, compression=None, ping_interval=None, max_size=None) as server:
            self._port = next(iter(server.sockets)).getsockname()[1]
            self._listening.set()
            await self._closing.wait()

    async def _proxy(self, peer: ServerConnection) -> None:
        async with connect(self._server_uri, compression=None, ping_interval=None, max_size=None) as server:

            async def from_peer() -> None:
                async for text in peer:
                    rewritten = self._rewrite(text)
                    if rewritten is not None:
                        await server.send(rewritten)

            async def from_server() -> None:
                async for text in server:
                    rewritten = self._rewrite(text)
                    if rewritten is not None:
                        await peer.send(rewritten)

            pumps = [asyncio.create_task(from_peer()), asyncio.create_task(from_server())]
            # When one side leaves, the other one's connection is closed too.
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for pump in pumps:
                pump.cancel()
                with contextlib.suppress(asyncio.CancelledError, ConnectionClosed):
                    await pump

    def _rewrite(self, text: str | bytes) -> str | bytes | None:
        """The message to pass on instead; None: there is none."""
        try:
            message = json.loads(text)
        except ValueError:
            return text
        if not isinstance(message, dict):
            return text
        return self._rewrite_message(message)

    def _rewrite_message(self, message: dict[str, Any]) -> str | None:
        match message:
            case {"type": "startSession", "offer": str(offer)}:
                message["offer"] = self.relay.rewrite_sdp(offer)
            case {"type": "peer", "sdp": {"sdp": str(sdp)}}:
                message["sdp"]["sdp"] = self.relay.rewrite_sdp(sdp)
            case {"type": "peer", "ice": {"candidate": str(candidate)}}:
                rewritten = self.relay.rewrite_candidate(candidate)
                if rewritten is None:
                    return None
                message["ice"]["candidate"] = rewritten
        return json.dumps(message)
