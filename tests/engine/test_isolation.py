"""The engine's changes do not affect other users of aiortc in the same process."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

import aiortc
from aiortc import RTCConfiguration, RTCDataChannel, RTCPeerConnection
from aiortc.codecs import CODECS, HEADER_EXTENSIONS

from gst_signalling_sync import Producer, connect
from gst_signalling_sync.server import SignallingServer
from gst_signalling_sync.testing import connected_peers
from gst_signalling_sync.webrtc.engine.ice import connection_of

from ..helpers.media import numbered_frame
from .pairs import SECONDS, until


def class_bodies() -> dict[str, dict[str, Any]]:
    """The contents of every class of aiortc and aioice."""
    import aioice.ice

    classes = [each for each in vars(aiortc).values() if isinstance(each, type)]
    classes += [each for each in vars(aioice.ice).values() if isinstance(each, type)]
    return {f"{each.__module__}.{each.__qualname__}": dict(vars(each)) for each in classes}


async def classes_of_a_bare_pair() -> set[type]:
    """Connect two bare peer connections with video and data, exchange a message, and return the classes that are in use."""
    offerer, answerer = (RTCPeerConnection(RTCConfiguration(iceServers=[])) for _ in range(2))
    received: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    @answerer.on("datachannel")
    def on_channel(channel: RTCDataChannel) -> None:
        channel.on("message", received.set_result)

    offerer.addTransceiver("video", "sendrecv")
    channel = offerer.createDataChannel("data")
    channel.on("open", lambda: channel.send("hello"))
    try:
        await offerer.setLocalDescription(await offerer.createOffer())
        await answerer.setRemoteDescription(offerer.localDescription)
        await answerer.setLocalDescription(await answerer.createAnswer())
        await offerer.setRemoteDescription(answerer.localDescription)
        assert await asyncio.wait_for(received, SECONDS) == "hello"
        await until(lambda: offerer.connectionState == "connected", "connected")
        found = set()
        for end in (offerer, answerer):
            (transceiver,) = end.getTransceivers()
            transport = transceiver.receiver.transport
            parts = (
                end,
                end.sctp,
                transceiver,
                transceiver.sender,
                transceiver.receiver,
                transport,
                transport.transport,
            )
            found |= {type(part) for part in (*parts, connection_of(transport.transport))}
        return found
    finally:
        await offerer.close()
        await answerer.close()


def test_bare_peer_connections_are_what_they_were(embedded_server: SignallingServer) -> None:
    classes = asyncio.run(classes_of_a_bare_pair())
    tables = copy.deepcopy((CODECS, HEADER_EXTENSIONS))
    bodies = class_bodies()

    filming = Producer(embedded_server.uri, name="camera")
    camera = filming.add_video(codecs=["H264"])
    with filming, connect(embedded_server.uri, name="camera") as session, connected_peers(embedded_server) as pair:
        camera.write(numbered_frame(7))
        assert session.video.read_frame().repeated is False
        pair.consumer_channel.send("ours")
        assert pair.producer_channel.recv() == "ours"
        assert asyncio.run(classes_of_a_bare_pair()) == classes

    assert all(each.__module__.startswith(("aiortc.", "aioice.")) for each in classes)
    assert asyncio.run(classes_of_a_bare_pair()) == classes
    assert class_bodies() == bodies
    assert tables == (CODECS, HEADER_EXTENSIONS)
