"""aiortc without this library, as an expert would write it: `MediaRelay` on one source of yuv420p frames.

Each consumer gets an offer over a TCP connection of its own and answers over it, one JSON object per line.
"""

from __future__ import annotations

import asyncio
import fractions
import itertools
import json
import sys
import time
from typing import Final

import uvloop
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaRelay
from av import VideoFrame

from benchmarks.video.control_loop import answer_windows
from benchmarks.video.scene import Scene
from benchmarks.video.workload import VideoWorkload

CLOCK_RATE: Final = 90_000


class SceneTrack(MediaStreamTrack):
    """The scene at the workload's rate.

    Args:
        workload: The size and frame rate.
    """

    kind = "video"

    def __init__(self, workload: VideoWorkload) -> None:
        super().__init__()
        self._scene = Scene(workload.width, workload.height, "yuv420p")
        self._fps = workload.fps
        self._numbers = itertools.count()
        self._started: float | None = None

    async def recv(self) -> VideoFrame:
        """The next frame, when it is due."""
        if self._started is None:
            self._started = time.monotonic()
        number = next(self._numbers)
        await asyncio.sleep(max(0.0, self._started + number / self._fps - time.monotonic()))
        frame = VideoFrame.from_ndarray(self._scene.take(), format="yuv420p")
        frame.pts = number * CLOCK_RATE // self._fps
        frame.time_base = fractions.Fraction(1, CLOCK_RATE)
        return frame


async def produce(workload: VideoWorkload) -> None:
    """Offer the track to every consumer that connects."""
    relay = MediaRelay()
    track = SceneTrack(workload)

    async def serve_consumer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        # Unbuffered, so that an encoder that is too slow takes the newest frame.
        connection.addTransceiver(relay.subscribe(track, buffered=False), direction="sendonly")
        await connection.setLocalDescription(await connection.createOffer())
        writer.write(json.dumps({"type": "offer", "sdp": connection.localDescription.sdp}).encode() + b"\n")
        await connection.setRemoteDescription(RTCSessionDescription(**json.loads(await reader.readline())))
        connections.append(connection)

    connections: list[RTCPeerConnection] = []
    server = await asyncio.start_server(serve_consumer, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    print(f"ready {host}:{port}", flush=True)
    await asyncio.to_thread(answer_windows)
    server.close()
    await asyncio.gather(*(connection.close() for connection in connections))


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(produce(VideoWorkload.from_json(sys.argv[2])))
