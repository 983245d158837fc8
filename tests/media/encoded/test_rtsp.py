"""IP cameras: a real RTSP server whose H264 is sent as it is."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest

from gst_signalling_sync import EncodedVideoSource, MediaError, Producer, SignallingServer, connect
from gst_signalling_sync.webrtc.media.playing.media_input import Location
from gst_signalling_sync.webrtc.media.sending.controlled_track import feed_of

from ...peers.colour_bars import has_smpte_bars
from ...peers.require import require
from ...peers.rtsp_server import camera_pipeline, find_rtsp_server, rtsp_camera

SECONDS = 40.0


@pytest.fixture
def producer(embedded_server: SignallingServer) -> Iterator[Producer]:
    require("gst-rtsp-server", find_rtsp_server(), ".ci/peers")
    with Producer(embedded_server.uri, name="robot") as started:
        yield started


def see_bars(producer: Producer) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """The frame that a consumer receives, when it is the camera's."""
    with connect(producer.uri, name="robot") as session:
        end = time.monotonic() + SECONDS
        while not has_smpte_bars(frame := session.video.read(timeout=SECONDS)):
            assert time.monotonic() < end
        return frame


@pytest.mark.interop
@pytest.mark.parametrize("profile", ["baseline", "main", "high"])
def test_camera_is_passed_through(producer: Producer, profile: str) -> None:
    with rtsp_camera(camera_pipeline(profile)) as url:
        player = producer.add_player(url)
        (source,) = player.sources
        assert isinstance(source, EncodedVideoSource)
        assert see_bars(producer).shape == (240, 320, 3)
        assert feed_of(source).frames_decoded == 0


@pytest.mark.interop
def test_camera_over_udp(producer: Producer) -> None:
    with rtsp_camera(camera_pipeline()) as url:
        producer.add_player(url, options={"rtsp_transport": "udp"})
        see_bars(producer)


@pytest.mark.interop
@pytest.mark.usefixtures("_ahead_of_other_programs")
def test_consumer_that_comes_between_two_keyframes_sees_within_a_second(producer: Producer) -> None:
    with rtsp_camera(camera_pipeline(keyframes=300)) as url:
        player = producer.add_player(url)
        (source,) = player.sources
        assert isinstance(source, EncodedVideoSource)
        see_bars(producer)
        written = source.frames_written
        with connect(producer.uri, name="robot") as session:
            connected = time.monotonic()
            session.video.read(timeout=SECONDS)
            assert time.monotonic() - connected < 1
        assert source.frames_written - written < 240


@pytest.mark.interop
def test_camera_that_is_encoded_again(producer: Producer) -> None:
    with rtsp_camera(camera_pipeline()) as url:
        player = producer.add_player(url, pass_through=False)
        assert not isinstance(player.sources[0], EncodedVideoSource)
        see_bars(producer)


def test_camera_that_is_not_there_is_told() -> None:
    producer = Producer("ws://127.0.0.1:1")
    with pytest.raises(MediaError, match="check the address") as raised:
        producer.add_player("rtsp://user:secret@127.0.0.1:1/camera", options={"timeout": "2000000"})
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "given", "options"),
    [
        ("rtsp://camera/1", {}, {"rtsp_flags": "prefer_tcp"}),
        ("rtsp://camera/1", {"timeout": "1"}, {"rtsp_flags": "prefer_tcp", "timeout": "1"}),
        ("rtsp://camera/1", {"rtsp_transport": "udp"}, {"rtsp_transport": "udp"}),
        ("http://camera/1", {}, {}),
    ],
)
def test_rtsp_goes_over_tcp_unless_asked_otherwise(url: str, given: dict[str, str], options: dict[str, str]) -> None:
    assert Location.of(url, options=given).options == options


def test_options_are_strings() -> None:
    with pytest.raises(TypeError, match="options must have strings"):
        Location.of("rtsp://camera/1", options={"timeout": 5})  # type: ignore[dict-item]
