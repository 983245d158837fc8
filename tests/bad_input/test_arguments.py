"""Arguments of a program that are refused before anything is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import gst_signalling_sync
from gst_signalling_sync import (
    Consumer,
    Producer,
    ProtocolError,
    SignallingClient,
    SignallingError,
    SignallingServer,
    list_producers,
)

from .stage import Stage


@pytest.mark.parametrize(
    "send",
    [
        lambda client: client.start_session(b"robot"),
        lambda client: client.start_session("robot", offer=b"v=0"),
        lambda client: client.send_sdp("session", "offer", b"v=0"),
        lambda client: client.send_ice("session", b"candidate:1"),
        lambda client: client.end_session(b"session"),
        lambda client: client.set_status(["producer"], b"meta"),
    ],
)
def test_bytes_where_a_text_is_due_are_refused(
    client: SignallingClient, send: Callable[[SignallingClient], object]
) -> None:
    with pytest.raises(ProtocolError, match="bytes"):
        send(client)

    assert client.list_producers() == []


@pytest.mark.parametrize("data", [None, 5, ["text"], {"a": 1}, object()])
def test_message_that_is_neither_text_nor_bytes_is_refused(stage: Stage, data: Any) -> None:
    with pytest.raises(TypeError, match=type(data).__name__):
        stage.echo.send(data)

    assert stage.goes_on()


def test_text_that_is_no_unicode_is_refused(stage: Stage) -> None:
    with pytest.raises(ValueError, match="UTF-8"):
        stage.echo.send("\ud800")

    assert stage.goes_on()


@pytest.mark.parametrize("timeout", [-1, -0.001, float("nan"), float("-inf")])
def test_timeout_that_is_no_time_is_refused(stage: Stage, timeout: float) -> None:
    calls: tuple[Callable[[], object], ...] = (
        lambda: Producer(stage.server.uri, timeout=timeout),
        lambda: SignallingClient(stage.server.uri, timeout=timeout),
        lambda: list_producers(stage.server.uri, timeout=timeout),
        lambda: stage.echo.recv(timeout),
        lambda: stage.consumer.start_session(timeout=timeout),
    )
    for call in calls:
        with pytest.raises(ValueError, match="0 seconds or more"):
            call()

    assert stage.goes_on()


def test_timeout_that_is_no_number_is_refused(stage: Stage) -> None:
    with pytest.raises(TypeError, match="'3'"):
        stage.echo.recv("3")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="'3'"):
        Consumer(stage.server.uri, timeout="3")  # type: ignore[arg-type]


@pytest.mark.parametrize("receiver", [7, "print"])
def test_receiver_that_cannot_be_called_is_refused(stage: Stage, receiver: Any) -> None:
    with pytest.raises(TypeError, match="must be a function"):
        stage.echo.closed.connect(receiver)


@pytest.mark.parametrize("name", [4, b"robot", ["robot"]])
def test_name_that_is_no_text_is_refused(name: Any) -> None:
    with pytest.raises(ValueError, match="name must be a string"):
        Producer(name=name)


def test_two_names_are_refused() -> None:
    with pytest.raises(ValueError, match=r"'arm', not 'robot'"):
        Producer(name="robot", meta={"name": "arm"})


@pytest.mark.parametrize("port", ["8443", 8443.5, None])
def test_port_that_is_no_number_is_refused(port: Any) -> None:
    with pytest.raises(ValueError, match="port must be"):
        SignallingServer(port=port)


def test_role_that_is_one_text_is_taken_as_one(client: SignallingClient) -> None:
    client.set_status("producer", {"name": "robot"})

    assert [peer.name for peer in client.list_producers()] == ["robot"]


def test_every_error_is_documented_as_one_of_ours() -> None:
    for name in ("ConnectError", "ConnectionLost", "PeerNotFound", "ProtocolError", "ServerError", "SessionClosed"):
        assert issubclass(getattr(gst_signalling_sync, name), SignallingError)
