"""The consumers' processes: ``python -m benchmarks.video.consumers viewer|counters WORKLOAD``.

The viewer is one consumer that decodes. The counters are the other consumers, which only count what arrives. They run at a low
priority, because on this machine they would take processor time from the producer, which consumers on other machines do not.
All consumers are aiortc's connections up to the decrypted packets, the same for each contestant.

The first line of standard input is the producer's address. The process prints ``ready`` when all its consumers receive. Then it
answers each window on standard input with a measurement.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import Final

import uvloop
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCRtpReceiver, RTCSessionDescription

from benchmarks.video.receivers import FrameCounter, Viewer
from benchmarks.video.signalling import Signalling, connect
from benchmarks.video.workload import ConsumersMeasurement, VideoWorkload, Window, percentiles
from gst_signalling_sync.protocol.messages import IceMessage
from gst_signalling_sync.webrtc.description import parse_candidate, with_passive_setup

FRAMES_TO_START: Final = 15
COUNTERS_NICENESS: Final = 10


async def consume(role: str, workload: VideoWorkload) -> None:
    """Receive until standard input ends."""
    address = await asyncio.to_thread(sys.stdin.readline)
    signalling = await connect(address.strip())
    consumers = [Consumer(workload.bitrate, role == "viewer") for _ in range(_count(role, workload))]
    try:
        await asyncio.gather(*(consumer.receive(signalling) for consumer in consumers))
        print("ready", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            window = Window.from_json(line)
            cpu_cores = await asyncio.to_thread(_cpu_cores, window)
            print(_measurement(consumers, window, cpu_cores).to_json(), flush=True)
    finally:
        await asyncio.gather(*(consumer.close() for consumer in consumers))
        await signalling.close()


class Consumer:
    """One connection that receives video.

    Args:
        bitrate: Bit/s to report as its estimate.
        decodes: Whether it is the viewer.
    """

    def __init__(self, bitrate: int, decodes: bool) -> None:
        self._bitrate = bitrate
        self._loop = asyncio.get_running_loop()
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._connection.on("track", self._on_track)
        self._receiver: RTCRtpReceiver | None = None
        self._candidates: asyncio.Task[None] | None = None
        self.frames: FrameCounter | None = None
        self.viewer = Viewer(self._request_keyframe) if decodes else None

    async def receive(self, signalling: Signalling) -> None:
        """Connect. Returns when video arrives, and for the viewer when a frame is decoded."""
        session_id = await signalling.join()
        offer = await signalling.receive(session_id)
        assert not isinstance(offer, IceMessage)
        await self._connection.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
        answer = await self._connection.createAnswer()
        await self._connection.setLocalDescription(RTCSessionDescription(with_passive_setup(answer.sdp), answer.type))
        await signalling.answer(session_id, self._connection.localDescription.sdp)
        self._candidates = asyncio.create_task(self._add_candidates(signalling, session_id))
        while not self._is_receiving():
            await asyncio.sleep(0.05)

    async def close(self) -> None:
        """Close the connection."""
        if self._candidates is not None:
            self._candidates.cancel()
        await self._connection.close()
        if self.viewer is not None:
            self.viewer.close()

    async def _add_candidates(self, signalling: Signalling, session_id: str) -> None:
        while True:
            message = await signalling.receive(session_id)
            if isinstance(message, IceMessage) and message.candidate:
                candidate = parse_candidate(message.candidate, message.sdp_m_line_index)
                if candidate is not None:
                    await self._connection.addIceCandidate(candidate)

    def _on_track(self, track: MediaStreamTrack) -> None:
        self._receiver = next(each for each in self._connection.getReceivers() if each.track is track)
        on_frame = self.viewer.add if self.viewer is not None else None
        self.frames = FrameCounter(self._receiver, self._bitrate, on_frame)

    def _is_receiving(self) -> bool:
        if self.frames is None or self.frames.count < FRAMES_TO_START:
            return False
        return self.viewer is None or self.viewer.has_frame

    def _request_keyframe(self, source: int) -> None:
        assert self._receiver is not None
        asyncio.run_coroutine_threadsafe(self._receiver._send_rtcp_pli(source), self._loop)


def _count(role: str, workload: VideoWorkload) -> int:
    return 1 if role == "viewer" else workload.consumers - 1


def _cpu_cores(window: Window) -> float:
    time.sleep(max(0.0, window.start - time.monotonic()))
    before, started = time.process_time(), time.monotonic()
    time.sleep(max(0.0, window.end - started))
    return (time.process_time() - before) / (time.monotonic() - started)


def _measurement(consumers: list[Consumer], window: Window, cpu_cores: float) -> ConsumersMeasurement:
    counted = [consumer.frames.within(window) for consumer in consumers if consumer.frames is not None]
    fps, kbit_per_s = ([each[index] for each in counted] for index in (0, 1))
    viewers = [consumer.viewer for consumer in consumers if consumer.viewer is not None]
    if not viewers:
        return ConsumersMeasurement(fps, kbit_per_s, cpu_cores)
    latencies, unreadable = viewers[0].within(window)
    if len(latencies) < 2:
        return ConsumersMeasurement(fps, kbit_per_s, cpu_cores, unreadable=unreadable)
    p50, p99 = percentiles(latencies)
    return ConsumersMeasurement(fps, kbit_per_s, cpu_cores, p50 * 1e3, p99 * 1e3, unreadable)


if __name__ == "__main__":
    if sys.argv[1] == "counters":
        os.nice(COUNTERS_NICENESS)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(consume(sys.argv[1], VideoWorkload.from_json(sys.argv[2])))
