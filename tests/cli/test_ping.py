"""``ping``."""

from __future__ import annotations

import json
import signal
import threading

import pytest

from gst_signalling_sync import Producer, Session
from gst_signalling_sync.cli import echo
from gst_signalling_sync.cli.pinger import RoundTrips
from gst_signalling_sync.echo import ECHO_PROTOCOL, ECHO_REFUSAL

from .command import ONE_LINE, Command, errors_without_a_reader, is_one_line, run

SECONDS = 60.0


def test_prints_replies_and_the_summary(uri: str, producer: Producer) -> None:
    with Command("ping", "robot", "--uri", uri, "-c", "3", "-i", "0.01") as ping:
        lines = ping.rest()
        assert (ping.exit_code(), ping.errors) == (0, "")
    assert lines[0].startswith(f"PING robot ({producer.peer_id}) at {uri}: 56 bytes")
    assert [line.rsplit("=", 1)[0] for line in lines[1:4]] == [
        f"56 bytes from robot: seq={number} time" for number in (1, 2, 3)
    ]
    assert lines[4] == "--- robot ping statistics ---"
    assert lines[5].startswith("3 packets transmitted, 3 received, 0% packet loss, time ")
    assert lines[6].startswith("rtt min/avg/max/mdev = ")


def test_json_is_an_object_per_line(uri: str, producer: Producer) -> None:
    finished = run("ping", str(producer.peer_id), "--uri", uri, "-c", "2", "-i", "0.01", "--json")
    events = [json.loads(line) for line in finished.stdout.splitlines()]
    assert [event["event"] for event in events] == ["reply", "reply", "summary"]
    assert [event["sequence"] for event in events[:2]] == [1, 2]
    summary = events[2]
    assert (summary["transmitted"], summary["received"], summary["loss"]) == (2, 2, 0)
    assert 0 < summary["round_trip_ms"]["min"] <= summary["round_trip_ms"]["p50"] <= summary["round_trip_ms"]["max"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_prints_the_summary(uri: str, producer: Producer, number: signal.Signals) -> None:
    with Command("ping", "robot", "--uri", uri) as ping:
        ping.line_with("seq=1")
        assert ping.stop(number) == 0
        assert "packets transmitted" in ping.rest()[-2]
        assert ping.errors == ""


@pytest.mark.parametrize("options", [(), ("--text",)])
def test_can_use_a_channel_of_the_producer(uri: str, producer: Producer, options: tuple[str, ...]) -> None:
    finished = run("ping", "robot", "--uri", uri, "-c", "1", "--channel", "answers", "-s", "5000", *options)
    assert finished.returncode == 0
    assert "5000 bytes from robot: seq=1" in finished.stdout


def test_no_reply_exits_with_1(uri: str, producer: Producer) -> None:
    finished = run("ping", "robot", "--uri", uri, "-c", "2", "-i", "0.01", "-W", "0.1", "--channel", "silence")
    assert finished.returncode == 1
    assert "no reply from robot: seq=2\n" in finished.stdout
    assert "2 packets transmitted, 0 received, 100% packet loss" in finished.stdout
    assert is_one_line(finished.stderr)
    assert "-W" in finished.stderr
    assert "--channel" not in finished.stderr


def test_late_reply_is_thought_of_before_a_producer_without_echo(uri: str, producer: Producer) -> None:
    finished = run("ping", "robot", "--uri", uri, "-c", "1", "-W", "0.00001")
    assert finished.returncode == 1
    assert is_one_line(finished.stderr)
    assert 0 < finished.stderr.index("a later one") < finished.stderr.index("--channel LABEL")


def test_producer_without_echo_refuses(uri: str) -> None:
    with Producer(uri, name="discreet", echo=False):
        finished = run("ping", "discreet", "--uri", uri)
    assert finished.returncode == 1
    assert is_one_line(finished.stderr)
    assert "answers no pings: its program says Producer(echo=False)" in finished.stderr
    assert "statistics" not in finished.stdout


def test_busy_callback_delays_no_reply(uri: str) -> None:
    busy, may_end = threading.Event(), threading.Event()
    robot = Producer(uri, name="busy")

    @robot.session_started.connect
    def work(robot: Producer, session: Session) -> None:
        busy.set()
        assert may_end.wait(SECONDS)

    with robot, Command("ping", "busy", "--uri", uri) as ping:
        assert busy.wait(SECONDS)
        ping.line_with("seq=1")
        assert ping.stop(signal.SIGINT) == 0
        may_end.set()


def test_unknown_producer_is_told_with_those_there_are(uri: str, producer: Producer) -> None:
    finished = run("ping", "nobody", "--uri", uri)
    assert finished.returncode == 1
    assert is_one_line(finished.stderr)
    assert "'robot'" in finished.stderr


def test_message_that_is_too_large_exits_with_1(uri: str, producer: Producer) -> None:
    finished = run("ping", "robot", "--uri", uri, "-s", "100000000")
    assert finished.returncode == 1
    assert is_one_line(finished.stderr)


def test_producer_that_leaves_exits_with_1(uri: str, producer: Producer) -> None:
    with Command("ping", "robot", "--uri", uri) as ping:
        ping.line_with("seq=1")
        producer.close()
        assert ping.exit_code() == 1
        assert "packets transmitted" in "".join(ping.rest())
        assert ping.errors == f"{ONE_LINE}'robot' left\n"


def test_channel_that_the_producer_closes_exits_with_1(uri: str, producer: Producer) -> None:
    with Command("ping", "robot", "--uri", uri, "--channel", "answers") as ping:
        ping.line_with("seq=1")
        producer.sessions[0].channel("answers").close()
        assert ping.exit_code() == 1
        assert is_one_line(ping.errors)
        assert "channel 'answers'" in ping.errors


def test_reader_that_left_gets_no_traceback(uri: str, producer: Producer) -> None:
    assert errors_without_a_reader("ping", "robot", "--uri", uri) == ""


def test_round_trips_are_summed_up_as_ping_does() -> None:
    trips = RoundTrips()
    for milliseconds in (4, 1, 3, 2):
        trips.add(milliseconds / 1000)
    assert (trips.count, trips.min, trips.max) == (4, 0.001, 0.004)
    assert trips.mean == pytest.approx(0.0025)
    assert trips.deviation == pytest.approx(0.00111803, rel=1e-4)
    assert [trips.percentile(percent) for percent in (0, 50, 75, 99)] == [0.001, 0.002, 0.003, 0.004]


def test_ping_speaks_the_echo_of_producers() -> None:
    assert (echo.ECHO_LABEL, echo.ECHO_PROTOCOL, echo.ECHO_REFUSAL) == ("ping", ECHO_PROTOCOL, ECHO_REFUSAL)
