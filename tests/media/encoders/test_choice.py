"""The meaning of ``encoder=``, and what is reported of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import pytest

from gst_signalling_sync import Producer, SignallingServer, connect
from gst_signalling_sync.webrtc.media.codecs import VIDEO
from gst_signalling_sync.webrtc.media.encoders import HARDWARE, listed_encoders
from gst_signalling_sync.webrtc.media.encoders.kind import EncoderSettings, HardwareKind

from ...helpers.filming import filming
from ...helpers.playing import write_file
from .stand_in import StandIn

NAME = "h264_standin"
Hardware = Callable[..., StandIn]


@pytest.fixture
def producer(embedded_server: SignallingServer) -> Producer:
    return Producer(embedded_server.uri, name="robot")


def sent_by(producer: Producer) -> list[tuple[object, object]]:
    (session,) = producer.sessions
    return [
        (each.get("encoderImplementation"), each.get("powerEfficientEncoder"))
        for each in session.stats().values()
        if each["type"] == "outbound-rtp"
    ]


@pytest.mark.parametrize("encoder", [None, "software"])
def test_processor_encodes_where_nothing_else_is_asked_for(
    producer: Producer, hardware: Hardware, encoder: str | None
) -> None:
    kind = hardware()
    camera = producer.add_video(encoder=encoder)
    with producer, filming(camera), connect(producer.uri, name="robot") as session:
        session.video.read()
        assert sent_by(producer) == [("libvpx", False)]
        assert camera.encoders == {"VP8": "libvpx"}
    assert camera.encoders == {}
    assert kind.opened == 0


@pytest.mark.parametrize("encoder", ["auto", NAME])
def test_codec_that_has_hardware_comes_first(producer: Producer, hardware: Hardware, encoder: str) -> None:
    hardware()
    camera = producer.add_video(encoder=encoder)
    with producer, filming(camera), connect(producer.uri, name="robot") as session:
        session.video.read()
        assert sent_by(producer) == [(NAME, True)]
        assert camera.codecs == ("H264", "VP8")


def test_codecs_stay_in_their_order_where_no_hardware_works(producer: Producer, hardware: Hardware) -> None:
    hardware("absent")
    camera = producer.add_video(encoder="auto")

    assert camera.codecs == ("VP8", "H264")
    assert f"{NAME} does not work: Invalid argument. It needs" in str(camera.encoder_failure)


def test_unknown_encoder_is_refused_with_those_that_there_are(producer: Producer) -> None:
    with pytest.raises(ValueError, match=r"'software', 'auto', .*not 'h264_omx'") as raised:
        producer.add_video(encoder="h264_omx")
    for name in listed_encoders():
        assert repr(name) in str(raised.value)


def test_encoder_of_another_codec_is_refused(producer: Producer, hardware: Hardware) -> None:
    hardware()
    with pytest.raises(ValueError, match=f"codecs must contain 'H264' for encoder='{NAME}', not only 'VP8'"):
        producer.add_video(codecs=("VP8",), encoder=NAME)


def test_player_encodes_by_hardware_what_is_not_passed_on(
    producer: Producer, hardware: Hardware, tmp_path: Path
) -> None:
    kind = hardware()
    player = producer.add_player(write_file(tmp_path / "film.mp4"), loop=True, pass_through=False, encoder=NAME)
    opened = kind.opened
    with producer, connect(producer.uri, name="robot") as session:
        session.video.read()
        assert sent_by(producer)[0] == (NAME, True)
        assert player.playing
    assert kind.opened > opened


def test_player_refuses_an_unknown_encoder_and_closes_its_file(producer: Producer, tmp_path: Path) -> None:
    path = write_file(tmp_path / "film.mp4")
    for pass_through in (True, False):
        with pytest.raises(ValueError, match="h264_omx"):
            producer.add_player(path, pass_through=pass_through, encoder="h264_omx")


def test_no_hardware_of_this_machine_is_a_line_of_the_log_and_no_more(
    producer: Producer, caplog: pytest.LogCaptureFixture
) -> None:
    camera = producer.add_video(encoder="auto")
    if camera.encoder_failure is None:
        pytest.skip("this machine has an encoder in hardware")
    (line,) = (record.getMessage() for record in caplog.records)
    assert line == f"{camera.encoder_failure}; frames are encoded by software"
    with producer, filming(camera), connect(producer.uri, name="robot") as session:
        session.video.read()
        assert sent_by(producer) == [("libvpx", False)]


@pytest.mark.parametrize("kind", HARDWARE.values(), ids=list(HARDWARE))
def test_options_are_those_that_ffmpeg_has(kind: HardwareKind) -> None:
    names = [name for name, entry in listed_encoders().items() if entry[1] is kind]
    if not names:
        pytest.skip("this PyAV has none of them")
    for name in names:
        codec = VIDEO[listed_encoders()[name][0]]
        context = av.CodecContext.create(name, "w")
        if not hasattr(context, "supported_options"):
            pytest.skip("PyAV 18 does not tell")
        known = {each.name: each for each in (*context.supported_options.generic, *context.supported_options.private)}
        for option, value in kind.all_options(EncoderSettings(codec, (640, 480), 30, 500_000)).items():
            assert option in known, f"{name} has no {option}"
            choices = [choice.name for choice in known[option].choices]
            assert value.lstrip("-").isdigit() or value in choices, f"{option} of {name} is no {value}"
