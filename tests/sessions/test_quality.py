from __future__ import annotations

import json

import pytest

from gst_signalling_sync import Producer, Quality, SessionClosed, SignallingServer, connect
from gst_signalling_sync.webrtc.quality import Route, Sample, Stream, quality_between

DIRECT = Route("host", ("192.0.2.1", 4000), "prflx", ("192.0.2.2", 5000))


def sample(
    at: float,
    bytes_in: int = 0,
    bytes_out: int = 0,
    stream: Stream = Stream(0, 0, None),  # noqa: B008 - it is immutable
    frames_out: tuple[int, ...] = (),
    route: Route | None = DIRECT,
) -> Sample:
    return Sample(at, bytes_in, bytes_out, stream, (15.0,), frames_out, 0.0123, route)


def test_rates_are_those_between_the_samples() -> None:
    quality = quality_between(
        sample(10.0, 1000, 500, Stream(100, 5, None), (30,)), sample(12.0, 251_000, 750, Stream(190, 15, 0.25), (90, 7))
    )

    assert quality.bitrate_in == 1_000_000
    assert quality.bitrate_out == 1000
    assert quality.loss_in == pytest.approx(0.1)
    assert quality.loss_out == 0.25
    assert quality.frame_rates_in == (15.0,)
    assert quality.frame_rates_out == (30.0, 3.5)
    assert quality.seconds == 2.0


def test_what_is_not_known_is_none() -> None:
    quality = quality_between(sample(1.0), sample(2.0, route=None))

    assert quality.loss_in is None
    assert quality.loss_out is None
    assert str(quality).endswith("; not connected")


def test_quality_prints_as_one_line() -> None:
    quality = quality_between(sample(1.0), sample(2.0, 250_000, 50, Stream(100, 0, None)))

    assert str(quality) == (
        "round trip 12.3 ms; in 2.0 Mbit/s, 15 frames/s, 0.0 % lost; out 400 bit/s; direct, host 192.0.2.1:4000 to prflx"
        " 192.0.2.2:5000"
    )


@pytest.mark.parametrize(
    ("route", "told"),
    [
        (DIRECT, "direct"),
        (Route("host", ("::1", 1), "relay", ("::2", 2)), "relay, host [::1]:1 to relay [::2]:2"),
        (Route("relay", ("::1", 1), "host", ("::2", 2), relay_protocol="tls"), "relay over tls, "),
    ],
)
def test_route_tells_whether_it_is_relayed(route: Route, told: str) -> None:
    assert str(route).startswith(told)
    assert route.is_relayed == ("relay" in told)


def test_session_tells_its_quality(embedded_server: SignallingServer) -> None:
    with Producer(embedded_server.uri, name="robot") as producer:
        channel = producer.add_channel("data")
        with connect(embedded_server.uri, name="robot") as session:
            session.quality()
            for _ in range(50):
                channel.send(bytes(10_000))
                session.channel("data").recv()
            quality = session.quality()

        assert isinstance(quality, Quality)
        assert quality.bitrate_in > 10_000
        assert quality.round_trip is not None
        assert quality.route is not None
        assert quality.route.local_type == "host"
        assert json.loads(json.dumps(quality.as_dict()))["route"]["protocol"] == "udp"
        with pytest.raises(SessionClosed):
            session.quality()
