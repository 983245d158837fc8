"""Files of numbered frames and a tone for players, a web server that streams, and what players write."""

from __future__ import annotations

import http.server
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, NamedTuple

import av
import numpy as np
import pytest
from av.codec.context import Flags
from numpy.typing import NDArray

from gst_signalling_sync.webrtc.media.frame_conversion import to_array
from gst_signalling_sync.webrtc.media.playing.player import Player, thread_of
from gst_signalling_sync.webrtc.media.sending.controlled_track import ControlledTrack, feed_of
from gst_signalling_sync.webrtc.media.sending.encoded_audio_source import EncodedAudioSource
from gst_signalling_sync.webrtc.media.sending.encoded_video_source import EncodedVideoSource

from .media import number_in, numbered_frame, tone

__all__ = [
    "CLOSE_SECONDS",
    "FPS",
    "RATE",
    "SECONDS",
    "Chunks",
    "Film",
    "Written",
    "closing_player",
    "film_server",
    "http_server",
    "playing",
    "write_file",
]

FPS: Final = 30
RATE: Final = 48000
SECONDS: Final = 20.0
CLOSE_SECONDS: Final = 2.0


def write_file(
    path: Path,
    seconds: float = 1.0,
    *,
    video: str | None = "libx264",
    audio: str | None = "aac",
    layout: str = "mono",
    samples: NDArray[np.int16] | None = None,
    first: int = 0,
) -> Path:
    """Write a file with numbered frames and a tone of 440 Hz."""
    with av.open(path, "w") as container:
        video_stream = None if video is None else container.add_stream(video, rate=FPS)
        audio_stream = None if audio is None else container.add_stream(audio, rate=RATE, layout=layout)
        if video_stream is not None:
            assert isinstance(video_stream, av.VideoStream)
            video_stream.width, video_stream.height, video_stream.pix_fmt = 320, 240, "yuv420p"
            video_stream.options = {"g": "10", **({"preset": "ultrafast"} if video == "libx264" else {})}
        if samples is None:
            samples = tone(440, round(seconds * RATE))
        for number in range(round(seconds * FPS)):
            if isinstance(video_stream, av.VideoStream):
                video_frame = av.VideoFrame.from_ndarray(numbered_frame(first + number), "bgr24").reformat(
                    format="yuv420p"
                )
                video_frame.pts, video_frame.time_base = number, Fraction(1, FPS)
                container.mux(video_stream.encode(video_frame))
            if isinstance(audio_stream, av.AudioStream):
                begin = number * RATE // FPS
                piece = np.repeat(samples[begin : begin + RATE // FPS], audio_stream.codec_context.channels, axis=1)
                audio_frame = av.AudioFrame.from_ndarray(piece.reshape(1, -1), "s16", layout)
                audio_frame.pts, audio_frame.time_base, audio_frame.sample_rate = begin, Fraction(1, RATE), RATE
                container.mux(audio_stream.encode(audio_frame))
        for stream in (video_stream, audio_stream):
            if isinstance(stream, av.VideoStream | av.AudioStream):
                container.mux(stream.encode(None))
    return path


class Write(NamedTuple):
    """A call of a source's `write`.

    Attributes:
        moment: Time of the call, by `time.monotonic`.
        content: A frame or samples.
        captured: Capture time that the player gave.
    """

    moment: float
    content: Any
    captured: float | None


class Written:
    """Collects what a player writes into its sources.

    Args:
        player: The player, not started yet.
        patch: Undoes the change at the end of the test.
    """

    def __init__(self, player: Player, patch: pytest.MonkeyPatch) -> None:
        self.frames: list[Write] = []
        self.audio: list[Write] = []
        for source in player.sources:
            track: ControlledTrack = source
            collect = self._collect(self.frames if source.kind == "video" else self.audio)
            if isinstance(source, EncodedVideoSource | EncodedAudioSource):
                collect = _decoding(feed_of(track).codecs[0], collect)
            patch.setattr(source, "write", collect)

    @property
    def numbers(self) -> list[int | None]:
        """The numbers in the frames."""
        return [number_in(to_array(each.content)) for each in list(self.frames)]

    @property
    def samples(self) -> NDArray[np.int16]:
        return np.concatenate([each.content for each in list(self.audio)])

    @staticmethod
    def _collect(into: list[Write]) -> Callable[..., None]:
        return lambda content, captured=None: into.append(Write(time.monotonic(), content, captured))


def _decoding(codec: str, collect: Callable[..., None]) -> Callable[..., None]:
    """Decode the encoded content as a receiver does, and collect the result."""
    decoder = av.CodecContext.create("libopus" if codec == "opus" else codec.lower(), "r")
    assert isinstance(decoder, av.VideoCodecContext | av.AudioCodecContext)
    if isinstance(decoder, av.VideoCodecContext):
        decoder.thread_count = 1
        decoder.flags |= Flags.low_delay

    def write(content: bytes, captured: float | None = None) -> None:
        for frame in decoder.decode(av.Packet(content)):
            if isinstance(frame, av.AudioFrame):
                collect(frame.to_ndarray().reshape(-1, frame.layout.nb_channels), captured=captured)
            else:
                collect(frame, captured=captured)

    return write


@contextmanager
def closing_player(player: Player) -> Iterator[Player]:
    try:
        yield player
    finally:
        thread_of(player).close(CLOSE_SECONDS)


@contextmanager
def playing(player: Player) -> Iterator[Player]:
    with closing_player(player):
        thread_of(player).start()
        yield player


class Chunks:
    """The body of a response whose length is not known in advance: chunked transfer coding (RFC 9112 section 7.1).

    Args:
        file: The connection's.
    """

    def __init__(self, file: Any) -> None:
        self._file = file

    def write(self, data: bytes) -> None:
        self._file.write(b"%x\r\n%b\r\n" % (len(data), data))


@contextmanager
def http_server(answer: Callable[[Chunks], None]) -> Iterator[str]:
    """A web server that answers every request with a stream."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.send_header("Connection", "close")
            self.end_headers()
            try:
                answer(Chunks(self.wfile))
                self.wfile.write(b"0\r\n\r\n")
            except ConnectionError as error:
                logging.debug("the player went: %s", error)

        def log_message(self, format: str, *arguments: Any) -> None:
            logging.debug(format, *arguments)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/film"
        finally:
            server.shutdown()
            thread.join(SECONDS)


class Film(NamedTuple):
    """A stream at a URL.

    Attributes:
        url: The stream's URL.
        requests: One entry for each time that it was opened.
    """

    url: str
    requests: list[int]


@contextmanager
def film_server(content: bytes) -> Iterator[Film]:
    """Serve a film from its beginning to each client, and then keep the connection open until the block ends."""
    requests: list[int] = []
    ended = threading.Event()

    def answer(stream: Chunks) -> None:
        requests.append(1)
        stream.write(content)
        ended.wait(SECONDS)

    with http_server(answer) as url:
        try:
            yield Film(url, requests)
        finally:
            ended.set()
