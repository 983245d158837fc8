"""Robots with a camera, and the content of their recordings."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from gst_signalling_sync.webrtc.media.frame_conversion import to_array

from ..helpers.media import frequency_of
from ..helpers.processes import exit_of, start_script

ROBOT = """
    import sys, time
    sys.path.insert(0, sys.argv[2])
    from gst_signalling_sync import Producer
    from tests.helpers.filming import filming, humming

    with Producer(sys.argv[1], name="robot") as robot, filming(robot.add_video()), humming(robot.add_audio()):
        print("ready", flush=True)
        sys.stdin.read()
"""


class Content:
    """The content of a recorded file, decoded completely."""

    def __init__(self, file: Path) -> None:
        self.frames: list[NDArray[np.uint8]] = []
        to_mono = av.AudioResampler(format="s16", layout="mono", rate=48_000)
        blocks: list[NDArray[Any]] = []
        with av.open(file) as container:
            self.seconds = (container.duration or 0) / av.time_base
            for frame in container.decode():
                if isinstance(frame, av.VideoFrame):
                    self.frames.append(to_array(frame))
                elif isinstance(frame, av.AudioFrame):
                    blocks.extend(mono.to_ndarray()[0] for mono in to_mono.resample(frame))
        audio = np.concatenate(blocks)
        # The sound may begin with silence.
        self.frequency = frequency_of(audio[len(audio) // 2 :])


@contextmanager
def killable_robot(uri: str) -> Iterator[subprocess.Popen[str]]:
    """A robot with a camera and a tone in a process of its own, which is killed when the block ends."""
    with start_script(ROBOT, uri, str(Path(__file__).parents[2])) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()
        exit_of(process)


def frame_in(file: Path) -> NDArray[np.uint8]:
    with av.open(file) as container:
        return to_array(next(container.decode(video=0)))
