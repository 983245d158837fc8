"""Two producers with one name, one of which is dead."""

from __future__ import annotations

import contextlib
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from gst_signalling_sync import Consumer, Producer, SignallingClient, WaitTimeout, connect

SECONDS = 10.0


class Ghost:
    """A producer that is registered and no longer sends anything, like one that lost its network.

    Args:
        uri: The server's.
        name: Its name.
    """

    def __init__(self, uri: str, name: str) -> None:
        self._client = SignallingClient(uri)
        self._name = name

    def __enter__(self) -> Ghost:
        self._client.connect()
        self._client.set_status(["producer"], {"name": self._name})
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()


@pytest.mark.parametrize("order", ["ghost first", "ghost last"])
def test_of_two_producers_of_one_name_the_living_one_is_found(signalling_uri: str, order: str) -> None:
    with contextlib.ExitStack() as stack:
        if order == "ghost first":
            stack.enter_context(Ghost(signalling_uri, "robot"))
        producer = stack.enter_context(Producer(signalling_uri, name="robot"))
        if order == "ghost last":
            stack.enter_context(Ghost(signalling_uri, "robot"))
        started = time.monotonic()
        with connect(signalling_uri, name="robot") as session:
            assert session.peer_id == producer.peer_id
        assert time.monotonic() - started < 5.0


def test_a_robot_that_comes_back_while_its_ghost_is_asked_is_found(signalling_uri: str) -> None:
    with Ghost(signalling_uri, "robot"), Consumer(signalling_uri) as consumer, ThreadPoolExecutor() as pool:
        starting = pool.submit(consumer.start_session, name="robot", timeout=SECONDS)
        with Producer(signalling_uri, name="robot") as producer:
            assert starting.result(SECONDS).peer_id == producer.peer_id


def test_only_a_ghost_is_a_timeout_that_says_what_was_missing(signalling_uri: str) -> None:
    with (
        Ghost(signalling_uri, "robot"),
        Consumer(signalling_uri) as consumer,
        pytest.raises(WaitTimeout, match="the peer sent no session description"),
    ):
        consumer.start_session(name="robot", timeout=1.5)
