"""gst-signalling 1.1.2 on GStreamer's webrtcbin. Runs in the virtual environment that ``.ci/peers`` made.

Each consumer has its own ``appsrc ! vp8enc ! rtpvp8pay ! webrtcbin``, and so its own encoder, as in webrtcsink and with
webrtcsink's settings. The frames are I420, which vp8enc takes without conversion.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import Any, Final
from urllib.parse import urlsplit

from gi.repository import Gst
from gst_signalling import GstSignallingProducer
from gst_signalling.utils import async_find_producer_peer_id_by_name

from benchmarks.video.control_loop import answer_windows
from benchmarks.video.scene import live_frames
from benchmarks.video.workload import PRODUCER, VideoWorkload

BRANCH: Final = (
    "appsrc name=source is-live=true format=time do-timestamp=true leaky-type=downstream max-buffers=2"
    " caps=video/x-raw,format=I420,width={width},height={height},framerate={fps}/1"
    " ! vp8enc deadline=1 cpu-used=-16 target-bitrate={bitrate} end-usage=cbr lag-in-frames=0"
    " keyframe-mode=disabled keyframe-max-dist=2000"
    " buffer-size=150 buffer-initial-size=100 buffer-optimal-size=120 max-intra-bitrate=250"
    " ! rtpvp8pay picture-id-mode=15-bit mtu=1200"
    " ! capsfilter caps=application/x-rtp,media=video,encoding-name=VP8,payload=96,clock-rate=90000"
)


class VideoProducer(GstSignallingProducer):  # type: ignore[misc]
    """A producer that sends the frames that are written to all sessions.

    Args:
        host: The signalling server's host.
        port: The signalling server's port.
        workload: The size, frame rate and bitrate.
    """

    def __init__(self, host: str | None, port: int | None, workload: VideoWorkload) -> None:
        super().__init__(host, port, PRODUCER)
        self._branch = BRANCH.format(
            width=workload.width, height=workload.height, fps=workload.fps, bitrate=workload.bitrate
        )
        # Replaced on the loop, read on the thread that writes frames.
        self._sources: tuple[Any, ...] = ()

    def init_webrtc(self, session_id: str) -> Any:
        """The session's webrtcbin, which has the video before its offer is asked for."""
        webrtc = super().init_webrtc(session_id)
        branch = Gst.parse_bin_from_description(self._branch, True)
        self._pipeline.add(branch)
        branch.get_static_pad("src").link(webrtc.request_pad_simple("sink_%u"))
        branch.sync_state_with_parent()
        self._sources = (*self._sources, branch.get_by_name("source"))
        return webrtc

    def write(self, frame: bytes) -> None:
        """Give a frame to all sessions."""
        buffer = Gst.Buffer.new_wrapped(frame)
        for source in self._sources:
            # The signal takes a reference of its own, so that all sessions share one buffer.
            source.emit("push-buffer", buffer)


async def produce(uri: str, workload: VideoWorkload) -> None:
    """Offer the video to every session."""
    address = urlsplit(uri)
    producer = VideoProducer(address.hostname, address.port, workload)
    await producer.connect()
    await _registered(address.hostname, address.port)
    threading.Thread(target=_stream, args=(producer, workload), daemon=True).start()
    print(f"ready {uri}", flush=True)
    await asyncio.to_thread(answer_windows)
    await producer.close()


def _stream(producer: VideoProducer, workload: VideoWorkload) -> None:
    for frame in live_frames(workload, "yuv420p"):
        producer.write(frame.tobytes())


async def _registered(host: str | None, port: int | None) -> None:
    """Wait until the server lists the producer, because `connect` does not."""
    while True:
        try:
            await async_find_producer_peer_id_by_name(host, port, PRODUCER)
        except KeyError:
            continue
        return


if __name__ == "__main__":
    asyncio.run(produce(sys.argv[1], VideoWorkload.from_json(sys.argv[2])))
