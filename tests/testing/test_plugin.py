"""The pytest plugin, as the tests of a program that uses the library see it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gst_signalling_sync import Consumer, SignallingServer, connect, list_producers
from gst_signalling_sync.testing import PRODUCER_NAME, PeerPair, connected_peers

pytestmark = pytest.mark.slow

pytest_plugins = ["pytester"]

USERS_TESTS = """
import threading

from gst_signalling_sync import Producer, connect, list_producers


def test_messages_go_both_ways(peer_pair):
    peer_pair.producer_channel.send("hello")
    assert peer_pair.consumer_channel.recv() == "hello"
    peer_pair.consumer_channel.send(b"hi")
    assert peer_pair.producer_channel.recv() == b"hi"


def test_code_that_gives_no_address_finds_the_server(signalling_server):
    with Producer(name="robot") as robot:
        assert list_producers()[0].name == "robot"
        assert robot.uri == signalling_server.uri


def test_each_test_has_a_server_of_its_own(signalling_server):
    assert list_producers() == []


def test_nothing_was_left_behind():
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("gss-")]
"""

IMPORT_PROBE = """
import sys

import pytest

before = set(sys.modules)
import gst_signalling_sync.testing

print(*sorted({name.partition(".")[0] for name in set(sys.modules) - before}))
"""

WITHOUT_PYTEST = """
import sys

sys.modules["pytest"] = None

from gst_signalling_sync import SignallingServer
from gst_signalling_sync.testing import connected_peers

with SignallingServer(port=0) as server, connected_peers(server) as peers:
    peers.producer_channel.send("hello")
    print(peers.consumer_channel.recv())
"""


def test_users_tests_get_the_fixtures_without_asking_for_the_plugin(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(USERS_TESTS)

    result = pytester.runpytest_subprocess("-v", "--strict-markers", "-W", "error")

    result.assert_outcomes(passed=4)


def test_fixtures_say_what_they_are(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess("--fixtures", "-v")

    result.stdout.fnmatch_lines(["signalling_server*", "*signalling server on a free port*"])
    result.stdout.fnmatch_lines(["peer_pair*", "*connected by a session*"])


def test_loading_the_plugin_imports_nothing_that_takes_time() -> None:
    probe = subprocess.run([sys.executable, "-c", IMPORT_PROBE], capture_output=True, text=True, check=True, timeout=30)

    assert probe.stdout.split() == ["gst_signalling_sync"]


def test_the_default_address_is_the_fixtures_server(signalling_server: SignallingServer) -> None:
    with Consumer() as consumer:
        assert consumer.uri == signalling_server.uri


def test_pair_is_one_session_with_one_channel(peer_pair: PeerPair) -> None:
    assert list(peer_pair.server.sessions) == [peer_pair.producer_session.id] == [peer_pair.consumer_session.id]
    assert peer_pair.producer_session.peer_id == peer_pair.consumer.peer_id
    assert peer_pair.consumer_session.peer_id == peer_pair.producer.peer_id
    assert peer_pair.producer_channel.label == peer_pair.consumer_channel.label == "data"
    assert peer_pair.producer_channel.state == peer_pair.consumer_channel.state == "open"


def test_pair_takes_further_peers(peer_pair: PeerPair) -> None:
    with connect(peer_pair.server.uri, name=PRODUCER_NAME) as session:
        peer_pair.producer_channel.send("only for the pair")
        session.channel("data").send("from another")

        assert peer_pair.consumer_channel.recv() == "only for the pair"
        assert len(peer_pair.producer.sessions) == 2


def test_peers_connect_without_pytest_too() -> None:
    program = subprocess.run(
        [sys.executable, "-c", WITHOUT_PYTEST], capture_output=True, text=True, check=True, timeout=30
    )

    assert program.stdout == "hello\n"


def test_connected_peers_leave_the_server_running() -> None:
    with SignallingServer(port=0) as server:
        with connected_peers(server) as peers:
            peers.consumer_channel.send("hello")
            assert peers.producer_channel.recv() == "hello"
        assert list_producers(server.uri) == []


def test_pair_survives_the_tests_own_closing(peer_pair: PeerPair) -> None:
    peer_pair.consumer_session.close()
    peer_pair.producer.close()
    peer_pair.server.close()
