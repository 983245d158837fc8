"""Arguments of a program that are refused before anything is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import gst_signalling_sync
from gst_signalling_sync import (
    Consumer,
    Listener,
    Producer,
    ProtocolError,
    ServerLimits,
    SessionLimits,
    SignallingClient,
    SignallingError,
    SignallingServer,
    connect,
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


def test_timeout_that_is_too_large_for_a_float_is_forever(stage: Stage) -> None:
    forever = 10**400
    Producer(stage.server.uri, timeout=forever).close(forever)
    SignallingClient(stage.server.uri, timeout=forever, keepalive=forever).close(forever)

    stage.echo.send("hello", forever)
    assert stage.echo.recv(forever) == "hello"


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


@pytest.mark.parametrize("retry", [True, 3, "forever"])
@pytest.mark.parametrize("role", [Producer, Consumer, Listener, connect])
def test_retry_that_is_none_is_refused(role: Callable[..., object], retry: Any) -> None:
    with pytest.raises(TypeError, match=f"retry must be a Retry or None, not {retry!r}"):
        role(retry=retry)


@pytest.mark.parametrize("limits", [5, {"sessions": 2}, ServerLimits()])
@pytest.mark.parametrize("role", [Consumer, Listener, connect])
def test_limits_of_another_type_are_refused(role: Callable[..., object], limits: Any) -> None:
    with pytest.raises(TypeError, match="limits must be SessionLimits, not "):
        role(limits=limits)


@pytest.mark.parametrize("limits", [5, {"connections": 2}, SessionLimits()])
def test_limits_of_a_server_of_another_type_are_refused(limits: Any) -> None:
    with pytest.raises(TypeError, match="limits must be ServerLimits, not "):
        SignallingServer(limits=limits)


@pytest.mark.parametrize("host", [5, b"robot", True, ["robot"]])
def test_host_that_is_no_text_is_refused(host: Any) -> None:
    for make in (Producer, SignallingClient, SignallingServer):
        with pytest.raises(TypeError, match="host must be a string"):
            make(host=host)


def test_grant_that_is_none_is_refused_without_its_token() -> None:
    with pytest.raises(TypeError, match="tokens must map strings to grants, not str to str") as caught:
        SignallingServer(tokens={"secret": "producer"})  # type: ignore[dict-item]
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("lease", [1e12, 10**400, float("inf")])
def test_lease_of_many_years_is_possible(lease: float) -> None:
    with SignallingServer(port=0, lease=lease) as server:
        assert list_producers(server.uri) == []


def test_role_that_is_one_text_is_taken_as_one(client: SignallingClient) -> None:
    client.set_status("producer", {"name": "robot"})

    assert [peer.name for peer in client.list_producers()] == ["robot"]


def test_every_error_is_documented_as_one_of_ours() -> None:
    for name in ("ConnectError", "ConnectionLost", "PeerNotFound", "ProtocolError", "ServerError", "SessionClosed"):
        assert issubclass(getattr(gst_signalling_sync, name), SignallingError)
