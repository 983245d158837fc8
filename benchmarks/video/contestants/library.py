"""This library by its public API: a plain thread writes bgr24 arrays."""

from __future__ import annotations

import sys
import threading

from benchmarks.video.control_loop import answer_windows
from benchmarks.video.scene import live_frames
from benchmarks.video.workload import PRODUCER, VideoWorkload
from gst_signalling_sync import Producer


def produce(uri: str, workload: VideoWorkload) -> None:
    """Offer the video to every session."""
    producer = Producer(uri, name=PRODUCER)
    video = producer.add_video(fps=workload.fps, codecs=("VP8",), bitrate=workload.bitrate)

    def stream() -> None:
        for frame in live_frames(workload, "bgr24"):
            video.write(frame)

    with producer:
        threading.Thread(target=stream, daemon=True).start()
        print(f"ready {uri}", flush=True)
        answer_windows()


if __name__ == "__main__":
    produce(sys.argv[1], VideoWorkload.from_json(sys.argv[2]))
