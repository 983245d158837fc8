"""Which Origin and Host headers are answered."""

from __future__ import annotations

import socket
from collections.abc import Sequence

import pytest

from gst_signalling_sync.server.origins import OriginRules


def rules(
    host: str = "127.0.0.1", origins: Sequence[str] | None = None, hosts: Sequence[str] | None = None
) -> OriginRules:
    return OriginRules(host, origins, hosts)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:8443",
        "LocalHost",
        "app.localhost:1",
        "127.0.0.1:8443",
        "127.9.9.9",
        "[::1]:8443",
        "192.168.1.5:8443",
        "[fe80::1]",
        "localhost.",
        socket.gethostname(),
        f"{socket.gethostname().partition('.')[0]}.local:8443",
    ],
)
def test_host_of_this_machine_or_an_address_is_answered(host: str) -> None:
    assert rules().allows_host(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "robot.local.evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil.example:8443",
        "localhost:8443:1",
        "localhost:x",
        "evil.example/@localhost",
        "[::1",
        "[localhost]",
        "local host",
    ],
)
def test_foreign_host_is_refused(host: str) -> None:
    assert not rules().allows_host(host)


@pytest.mark.parametrize("host", ["signalling:8443", "robot.local:8443", "a.robot.local"])
def test_name_of_the_local_network_is_answered_to_programs_and_not_to_pages(host: str) -> None:
    assert rules().allows_host(host)
    assert not rules().allows_host(host, origin=f"http://{host}")


def test_name_that_the_server_listens_on_is_its_own() -> None:
    assert rules("robot.example").allows_host("robot.example:8443")


def test_list_of_hosts_takes_the_place_of_the_names_of_this_machine() -> None:
    listed = rules(hosts=["robot.example", "*.fleet.example"])

    assert listed.allows_host("robot.example")
    assert listed.allows_host("r17.fleet.example:8443")
    assert listed.allows_host("localhost")
    assert not listed.allows_host("fleet.example")
    assert not listed.allows_host(f"{socket.gethostname()}.elsewhere.example")


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "http://localhost",
        "http://localhost:3000",
        "https://127.0.0.1:9",
        "http://[::1]:3000",
        "http://robot.example",
        "https://robot.example:444",
    ],
)
def test_origin_of_localhost_and_of_the_server_itself_is_answered(origin: str | None) -> None:
    assert rules("robot.example").allows_origin(origin, "robot.example:8443")


def test_origin_at_the_address_that_the_request_was_sent_to_is_answered() -> None:
    assert rules().allows_origin("http://192.168.1.5:8080", "192.168.1.5:8443")


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "https://evil.example",
        "https://localhost.evil.example",
        "http://192.168.1.66",
        "file://",
        "chrome-extension://localhost",
        "http://evil.example#localhost",
        "http://localhost@evil.example",
        "http://evil.example/localhost",
        "localhost",
        "http://[::1",
    ],
)
def test_foreign_origin_is_refused(origin: str) -> None:
    assert not rules().allows_origin(origin, "127.0.0.1:8443")


@pytest.mark.parametrize(
    ("entry", "origin", "is_allowed"),
    [
        ("*", "https://evil.example", True),
        ("*", "null", True),
        ("null", "null", True),
        ("null", "https://evil.example", False),
        ("app.example", "https://app.example:444", True),
        ("app.example", "null", False),
        ("https://app.example", "https://app.example", True),
        ("https://app.example", "http://app.example", False),
        ("https://app.example:444", "https://app.example", True),
        ("*.app.example", "https://a.app.example", True),
        ("*.app.example", "https://app.example", False),
        ("*.app.example", "https://evilapp.example", False),
        ("app.example", "http://localhost", False),
    ],
)
def test_listed_origins(entry: str, origin: str, is_allowed: bool) -> None:
    assert rules(origins=[entry]).allows_origin(origin, "127.0.0.1:8443") is is_allowed


def test_origin_that_is_the_server_itself_is_answered_whatever_is_listed() -> None:
    assert rules(origins=[]).allows_origin("http://192.168.1.5:8443", "192.168.1.5:8443")
    assert not rules(origins=[]).allows_origin("http://192.168.1.5:8080", "192.168.1.5:8443")


def test_empty_list_of_origins_leaves_those_without_an_origin() -> None:
    assert rules(origins=[]).allows_origin(None, "localhost")
    assert not rules(origins=[]).allows_origin("http://localhost:3000", "localhost:8443")


@pytest.mark.parametrize("entry", ["https://app.example/page", "a b", "", "https://"])
def test_origin_that_is_none_is_refused_at_once(entry: str) -> None:
    with pytest.raises(ValueError, match="origins must hold"):
        rules(origins=[entry])


@pytest.mark.parametrize("entry", ["https://robot.example", "robot.example/x", ""])
def test_host_that_is_none_is_refused_at_once(entry: str) -> None:
    with pytest.raises(ValueError, match="hosts must hold"):
        rules(hosts=[entry])


def test_single_string_is_refused() -> None:
    with pytest.raises(TypeError, match="origins must be a list"):
        rules(origins="https://app.example")
