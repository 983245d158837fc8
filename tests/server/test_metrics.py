"""The page ``/metrics``: its content, and who may read it."""

from __future__ import annotations

import contextlib
import http.client
import sys
from pathlib import Path

import pytest
import websocket
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from gst_signalling_sync import Grant, SignallingServer
from gst_signalling_sync.server.tally import Histogram

from ..helpers.certificates import PrivateCA
from ..helpers.raw_peer import RawPeer
from ..helpers.waiting import wait_until

SECONDS = 10.0


def get(server: SignallingServer, path: str = "/metrics", **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=SECONDS)
    connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    connection.close()
    return response


def samples(server: SignallingServer) -> dict[tuple[str, str], float]:
    """The values by name and label."""
    text = get(server).read().decode()
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_metrics_tell_how_the_server_is() -> None:
    with (
        SignallingServer(port=0, lease=1.0) as server,
        RawPeer(server.uri).register("producer", "listener") as robot,
        RawPeer(server.uri) as consumer,
    ):
        session_id = consumer.request("startSession", peerId=robot.id)["sessionId"]
        assert robot.receive()["type"] == "startSession"
        consumer.send("endSession", sessionId=session_id)
        assert robot.receive()["type"] == "endSession"
        assert consumer.request("startSession", peerId="nobody")["type"] == "error"
        consumer.request("startSession", peerId=robot.id)

        told = samples(server)

        peers = {role: told["gst_signalling_peers", role] for role in ("producer", "listener", "consumer", "none")}
        assert peers == {"producer": 1, "listener": 1, "consumer": 0, "none": 1}
        assert told["gst_signalling_connections", ""] == 3
        assert (told["gst_signalling_sessions", ""], told["gst_signalling_sessions_started_total", ""]) == (1, 2)
        assert told["gst_signalling_refusals_total", "request"] == 1
        assert told["gst_signalling_messages_total", "in"] >= 6
        assert told["gst_signalling_messages_total", "out"] >= 6
        assert told["gst_signalling_bytes_total", "in"] > 200
        assert told["gst_signalling_bytes_total", "out"] > 200
        assert told["process_open_fds", ""] > 3

        robot.socket.settimeout(0.01)

        def a_ping_was_answered() -> bool:
            # Receiving answers pings.
            with contextlib.suppress(websocket.WebSocketTimeoutException, OSError):
                robot.socket.recv()
            return samples(server)["gst_signalling_ping_round_trip_seconds_count", ""] > 0

        wait_until(a_ping_was_answered, "a ping was answered")
        assert 0 < samples(server)["gst_signalling_ping_round_trip_seconds_sum", ""] < 2
        assert samples(server)["gst_signalling_event_loop_late_seconds_count", ""] > 0


def test_metrics_of_another_machine_want_a_token_that_says_so() -> None:
    grants = {"scraper": Grant(metrics=True), "robot": Grant()}
    forwarded = {"X_Forwarded_For": "203.0.113.7"}
    with SignallingServer(port=0, tokens=grants, trusted_proxies=["127.0.0.1"]) as server:
        assert get(server).status == 200
        assert get(server, **forwarded).status == 401
        assert get(server, Authorization="Bearer robot", **forwarded).status == 403
        assert get(server, Authorization="Bearer guessed", **forwarded).status == 403
        assert get(server, Authorization="Bearer scraper", **forwarded).status == 200
        assert server.refusals == {"metrics": 1, "tokens": 2}


@pytest.mark.parametrize("header", ["X_Forwarded_For", "Forwarded", "Via"])
def test_metrics_are_not_for_whom_a_proxy_of_this_machine_hides(header: str) -> None:
    with SignallingServer(port=0) as server:
        assert get(server, **{header: "for=127.0.0.1"}).status == 403
        assert server.refusals == {"metrics": 1}


def test_metrics_are_not_for_pages_of_strangers(embedded_server: SignallingServer) -> None:
    assert get(embedded_server, Host="evil.example").status == 403
    assert get(embedded_server, Origin="https://evil.example").status == 403


def test_server_without_the_extra_says_what_to_install(
    embedded_server: SignallingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    page = get(embedded_server)

    assert page.status == 501
    assert "gst-signalling-sync[server]" in page.read().decode()


def test_welcome_page_names_the_scheme_that_peers_connect_by(tmp_path: Path) -> None:
    ca = PrivateCA(tmp_path)
    context = ca.client()
    ca.server("127.0.0.1")
    with SignallingServer(port=0, cert=tmp_path / "server-127.0.0.1-0.pem") as server:
        connection = http.client.HTTPSConnection("127.0.0.1", server.port, timeout=SECONDS, context=context)
        connection.request("GET", "/")
        assert f"wss://127.0.0.1:{server.port}" in connection.getresponse().read().decode()
        connection.close()
    with SignallingServer(port=0, tokens={"x": Grant()}) as server:
        assert "with a token" in get(server, "/").read().decode()
    with SignallingServer(port=0, trusted_proxies=["127.0.0.1"]) as server:
        page = get(server, "/", Host="localhost", X_Forwarded_Proto="https")
        assert "wss://localhost" in page.read().decode()
    with SignallingServer(port=0) as server:
        assert "wss://" not in get(server, "/", X_Forwarded_Proto="https").read().decode()


@given(st.lists(st.floats(0, 20)))
def test_histogram_counts_each_measurement_in_every_bucket_that_holds_it(values: list[float]) -> None:
    histogram = Histogram([0.1, 1, 10])
    for value in values:
        histogram.add(value)

    assert histogram.buckets == [
        ("0.1", sum(value <= 0.1 for value in values)),
        ("1", sum(value <= 1 for value in values)),
        ("10", sum(value <= 10 for value in values)),
        ("+Inf", len(values)),
    ]
    assert histogram.sum == pytest.approx(sum(values))
