"""The addresses of a server's name, and the error of each that fails."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gst_signalling_sync import ConnectTimeout, SignallingServer, list_producers
from gst_signalling_sync.signalling.happy_eyeballs import ATTEMPT_SECONDS

from ..helpers.ports import reserved_port
from .problems import full_port, problem_of

SECONDS = 10.0

BLACK_HOLE = "192.0.2.77"
"""A documentation address (RFC 5737), to which there is no route, or which drops packets."""

Names = Callable[[str, list[tuple[int, tuple[Any, ...]]]], None]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """Have the system resolve further names."""
    known: dict[str, list[tuple[int, tuple[Any, ...]]]] = {}
    look_up = socket.getaddrinfo

    def getaddrinfo(host: str, port: int, *rest: Any) -> list[Any]:
        if host not in known:
            return look_up(host, port, *rest)
        if rest[-1] & socket.AI_NUMERICHOST:
            raise socket.gaierror(socket.EAI_NONAME, "not numeric")
        return [(family, socket.SOCK_STREAM, 6, "", address) for family, address in known[host]]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return known.__setitem__


@pytest.fixture
def named_server() -> Iterator[SignallingServer]:
    """A server with the name that these tests give it."""
    with SignallingServer(port=0, hosts=["robot.local"]) as server:
        yield server


@pytest.mark.parametrize(
    "first",
    [
        (socket.AF_INET6, ("fe80::1", 1, 0, 0)),
        (socket.AF_INET6, ("2001:db8::1", 1, 0, 0)),
        (socket.AF_INET, (BLACK_HOLE, 1)),
        (socket.AF_INET, ("127.0.0.1", 1)),
    ],
)
def test_second_address_of_a_name_is_tried(
    named_server: SignallingServer, names: Names, first: tuple[int, tuple[Any, ...]]
) -> None:
    names("robot.local", [first, (socket.AF_INET, ("127.0.0.1", named_server.port))])
    begin = time.monotonic()

    assert list_producers(f"ws://robot.local:{named_server.port}", timeout=SECONDS) == []

    assert time.monotonic() - begin < 4


def test_address_that_swallows_packets_costs_a_quarter_of_a_second(
    named_server: SignallingServer, names: Names
) -> None:
    with full_port() as full:
        names(
            "robot.local",
            [(socket.AF_INET, full), (socket.AF_INET, ("127.0.0.1", named_server.port))],
        )
        begin = time.monotonic()

        assert list_producers("ws://robot.local", timeout=SECONDS) == []

        assert ATTEMPT_SECONDS <= time.monotonic() - begin < ATTEMPT_SECONDS + 1.5


def test_error_tells_what_became_of_each_address(names: Names) -> None:
    with full_port() as full, reserved_port() as closed:
        names("robot.local", [(socket.AF_INET, full), (socket.AF_INET, ("127.0.0.1", closed))])

        error = problem_of("ws://robot.local:1", timeout=0.6)

    assert isinstance(error, ConnectTimeout)
    assert "TCP: nothing answered (127.0.0.1: no answer, 127.0.0.1: Connection refused) within 0.6 s" in str(error)


def test_name_that_is_not_found_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()

    def getaddrinfo(host: str, port: int, *rest: Any) -> list[Any]:
        if not rest[-1] & socket.AI_NUMERICHOST:
            answered.wait(SECONDS)
        raise socket.gaierror(socket.EAI_NONAME, "not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    begin = time.monotonic()

    error = problem_of("ws://robot.local", timeout=0.3)

    assert time.monotonic() - begin < 4
    assert isinstance(error, ConnectTimeout)
    assert "the address of that host name was not found within 0.3 s" in str(error)
    answered.set()


@pytest.mark.parametrize("host", ["nowhere.invalid", "x" * 64, "a..b"])
def test_name_that_nobody_knows(host: str) -> None:
    assert "no address is known for that host name" in str(problem_of(f"ws://{host}"))
