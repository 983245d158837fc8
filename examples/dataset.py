"""Writes a robot's cameras and joints as a data set for machine learning, laid out like LeRobot's.

It needs ``pip install pyarrow``. Run these in three terminals:

    gst-signalling-sync serve
    python examples/robot.py
    python examples/dataset.py --seconds 10

Each frame of the first camera becomes a row, with the frames of the other cameras and the joints that are nearest to it in
time, independent of delays in the network. All times are of the robot's own clock (`Frame.captured_at`,
`ReceivedMessage.sent_at`), so that neither a common clock nor a measurement of it is needed.

    dataset/meta/info.json                                 what is in it
    dataset/data/chunk-000/episode_000000.parquet          a row for each frame
    dataset/videos/chunk-000/observation.images.left/...   a video for each camera, frame by frame
"""

from __future__ import annotations

import argparse
import contextlib
import json
import threading
from pathlib import Path
from typing import Any, Generic, TypeVar

import av
import numpy as np
import pyarrow as pa  # type: ignore[import-untyped,unused-ignore]
import pyarrow.parquet as parquet  # type: ignore[import-untyped,unused-ignore]
from numpy.typing import NDArray

from gst_signalling_sync import DataChannel, Frame, ReceivedMessage, SessionClosed, VideoReceiver, connect

FPS = 30
CHUNK, EPISODE = "chunk-000", "episode_000000"

KEPT = 200
"""Maximum number of frames of each camera, and of states, that are kept to choose from."""

LATE_SECONDS = 1.0
"""Maximum that a frame of the first camera waits for the frames and the state that belong to it."""

T = TypeVar("T")


class Track(Generic[T]):
    """The newest entries of one camera or channel, by the robot's time. One thread adds them, another one asks for them."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._entries: list[tuple[float, T]] = []

    def add(self, at: float | None, entry: T) -> None:
        """Add an entry that was captured or sent at a time; one without a time is dropped."""
        if at is None:
            return
        with self._changed:
            self._entries = [*self._entries[1 - KEPT :], (at, entry)]
            self._changed.notify_all()

    def nearest(self, at: float) -> tuple[float, T] | None:
        """The entry nearest to a time. Waits for a later entry, for at most `LATE_SECONDS`; None: there is no entry."""
        with self._changed:
            self._changed.wait_for(lambda: self._entries and self._entries[-1][0] >= at, LATE_SECONDS)
            return min(self._entries, key=lambda entry: abs(entry[0] - at), default=None)


class Video:
    """A camera's video of an episode, frame by frame.

    Args:
        path: The file to write.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = av.open(str(path), "w")
        self._stream = self._file.add_stream("libx264", rate=FPS)
        self._stream.pix_fmt = "yuv420p"
        self.shape: tuple[int, ...] = ()

    def add(self, image: NDArray[np.uint8]) -> None:
        """Add a frame, ``(height, width, 3)`` in BGR."""
        if not self.shape:
            self.shape = image.shape
            self._stream.height, self._stream.width, _ = image.shape
        self._file.mux(self._stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))

    def close(self) -> None:
        """Write what the encoder still holds, and close the file."""
        if self.shape:
            self._file.mux(self._stream.encode())
        self._file.close()


class Episode:
    """The rows and videos of one episode.

    Args:
        directory: The data set's.
        cameras: The cameras' names.
    """

    def __init__(self, directory: Path, cameras: list[str]) -> None:
        self._directory = directory
        self._videos = {
            name: Video(directory / "videos" / CHUNK / f"observation.images.{name}" / f"{EPISODE}.mp4")
            for name in cameras
        }
        self.rows: list[dict[str, Any]] = []

    def add(self, captured_at: float, joints: list[float], images: dict[str, NDArray[np.uint8]]) -> None:
        """Add a row.

        Args:
            captured_at: Capture time of the first camera's frame, in seconds of the robot's clock.
            joints: The state nearest to it.
            images: The frame nearest to it, by the camera's name.
        """
        for name, image in images.items():
            self._videos[name].add(image)
        number = len(self.rows)
        self.rows.append(
            {
                "observation.state": joints,
                # The videos have one frame for each row and a constant frame rate.
                "timestamp": number / FPS,
                "captured_at": captured_at,
                "frame_index": number,
                "episode_index": 0,
                "index": number,
                "task_index": 0,
            }
        )

    def close(self) -> None:
        """Write the rows and the description of the data set."""
        for video in self._videos.values():
            video.close()
        if not self.rows:
            return
        path = self._directory / "data" / CHUNK / f"{EPISODE}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(pa.Table.from_pylist(self.rows), path)
        features = {
            f"observation.images.{name}": {"dtype": "video", "shape": list(video.shape)}
            for name, video in self._videos.items()
        }
        features["observation.state"] = {"dtype": "float64", "shape": [len(self.rows[0]["observation.state"])]}
        info = {"fps": FPS, "total_episodes": 1, "total_frames": len(self.rows), "features": features}
        meta = self._directory / "meta" / "info.json"
        meta.parent.mkdir(parents=True, exist_ok=True)
        meta.write_text(json.dumps(info, indent=2))


def watch(video: VideoReceiver, frames: Track[Frame]) -> None:
    """Keep a camera's frames until the session ends."""
    with contextlib.suppress(SessionClosed):
        while True:
            frame = video.read_frame(timeout=threading.TIMEOUT_MAX)
            frames.add(frame.captured_at, frame)


def main() -> None:
    """Write until the episode is long enough, until Ctrl-C, or until the producer ends the session."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--uri", help="of the signalling server; by default $GST_SIGNALLING_URI or ws://127.0.0.1:8443")
    parser.add_argument("--name", default="robot", help="of the producer, waited for (default: %(default)s)")
    parser.add_argument("--joints", default="joints", help="the channel that has a list in JSON (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of the episode (default: %(default)g)")
    parser.add_argument("directory", type=Path, nargs="?", default=Path("dataset"), help="(default: %(default)s)")
    options = parser.parse_args()

    with connect(options.uri, name=options.name) as session:
        states: Track[list[float]] = Track()

        @session.channel(options.joints).received.connect
        def on_state(channel: DataChannel, message: ReceivedMessage) -> None:
            states.add(message.sent_at, json.loads(message.data))

        first, *others = (video.name for video in session.videos)
        cameras: dict[str, Track[Frame]] = {name: Track() for name in others}
        for name, frames in cameras.items():
            threading.Thread(target=watch, args=(session.videos[name], frames), daemon=True).start()

        episode = Episode(options.directory, [first, *others])
        try:
            with contextlib.suppress(KeyboardInterrupt, SessionClosed):
                while len(episode.rows) < options.seconds * FPS:
                    frame = session.videos[first].read_frame()
                    if frame.captured_at is None or frame.repeated:
                        continue
                    state = states.nearest(frame.captured_at)
                    seen = {name: frames.nearest(frame.captured_at) for name, frames in cameras.items()}
                    images = {name: found[1].array for name, found in seen.items() if found is not None}
                    if state is not None and len(images) == len(cameras):
                        episode.add(frame.captured_at, state[1], {first: frame.array, **images})
        finally:
            episode.close()
    print(f"{len(episode.rows)} frames of {', '.join([first, *others])} in {options.directory}", flush=True)


if __name__ == "__main__":
    main()
