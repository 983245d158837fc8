from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from gst_signalling_sync import Consumer, IceOptions, Producer
from gst_signalling_sync.ice_options import ask_servers, uses_address
from gst_signalling_sync.ice_servers import IceServer, parse_ice_servers


@pytest.mark.parametrize(
    ("given", "server"),
    [
        ("stun:host", IceServer("stun", "host", 3478)),
        ("stun://host:19302", IceServer("stun", "host", 19302)),
        ("STUN:host?transport=udp", IceServer("stun", "host", 3478)),
        ("stun:[2001:db8::1]:3479", IceServer("stun", "2001:db8::1", 3479)),
        ("turn://u:p%40ss@host", IceServer("turn", "host", 3478, "udp", "u", "p@ss")),
        ("turn://u:p@[::1]:3478?transport=tcp", IceServer("turn", "::1", 3478, "tcp", "u", "p")),
        ("turns:u:p@host", IceServer("turns", "host", 5349, "tcp", "u", "p")),
        ("turns://u:p@host:443?transport=tcp", IceServer("turns", "host", 443, "tcp", "u", "p")),
    ],
)
def test_server_as_a_uri(given: str, server: IceServer) -> None:
    assert parse_ice_servers(given) == (server,)


def test_servers_as_the_w3c_has_them() -> None:
    given = {"urls": ["turn:host", "turns:host:443"], "username": "1700000000:u", "credential": "p/+=@"}

    assert parse_ice_servers([given, {"urls": "stun:host"}]) == (
        IceServer("turn", "host", 3478, "udp", "1700000000:u", "p/+=@"),
        IceServer("turns", "host", 443, "tcp", "1700000000:u", "p/+=@"),
        IceServer("stun", "host", 3478),
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("http://host", "must be of the form stun:host:port"),
        ("stun:", "must be of the form"),
        ("stun:host/path", "must be of the form"),
        ("stun:host:0", "must be of the form"),
        ("stun:host:99999", "Port out of range"),
        ("", "must be of the form"),
        ("turn://host:3478", "needs a user and a password"),
        ("turn://user@host:3478", "needs a user and a password"),
        ("turn://u:p@[::1:3478", "Invalid IPv6 URL"),
        ("turn://u:p@host?transport=tls", "transport must be udp or tcp; for TLS write turns:"),
        ("turn://u:p@host?lifetime=3", "only \\?transport= may follow"),
        ("stun:host?transport=tcp", "must be asked over UDP"),
        ("stuns:host", "not supported: write stun: instead"),
        ("turns://u:p@host?transport=udp", "write turns: with \\?transport=tcp"),
        ({"url": ""}, 'must have "urls"'),
        ({"urls": "turn:host", "username": "u"}, "needs a user and a password"),
        ({"urls": "stun:host", "user": "u"}, "must have urls, username and credential, not 'user'"),
        ({"urls": "turn:host", "credentialType": "oauth"}, "must be 'password'"),
    ],
)
def test_server_of_another_form_is_refused_with_the_reason(given: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        IceOptions([given])
    with pytest.raises(ValueError, match="ICE server"):
        Producer(ice_servers=[given])


def test_password_is_shown_nowhere() -> None:
    options = IceOptions(["turn://robot:hush@host", {"urls": "turns:host", "username": "robot", "credential": "hush"}])

    assert repr(options) == "IceOptions(['turn:host:3478?transport=udp', 'turns:host:5349?transport=tcp'])"
    assert "hush" not in repr(ask_servers(options))
    with pytest.raises(ValueError, match="transport must be") as raised:
        IceOptions("turn://robot:hush@host?transport=x")
    assert "hush" not in str(raised.value)


def test_options_are_a_value() -> None:
    options = IceOptions("stun:host", udp_ports=(40000, 40100), interfaces="eth0", cafile="ca.pem")

    assert options == IceOptions(
        ["stun:host:3478"], udp_ports=(40000, 40100), interfaces=["eth0"], cafile=Path("ca.pem")
    )
    assert options != IceOptions("stun:host")
    assert pickle.loads(pickle.dumps(options)) == options
    assert len({options, IceOptions("stun:host")}) == 2
    with pytest.raises(AttributeError, match="make others with relay_only="):
        options.relay_only = True
    with pytest.raises(AttributeError):
        del options.servers


@pytest.mark.parametrize("ports", [(40000,), (2, 1), (0, 10), (1, 65536), ("a", "b"), 40000])
def test_ports_that_are_no_range(ports: Any) -> None:
    with pytest.raises(ValueError, match="udp_ports"):
        IceOptions(udp_ports=ports)


@pytest.mark.parametrize("interfaces", [[""], ["!"], [3]])
def test_interfaces_that_are_none(interfaces: Any) -> None:
    with pytest.raises(ValueError, match="interfaces"):
        IceOptions(interfaces=interfaces)


@pytest.mark.parametrize(
    ("interfaces", "interface", "address", "is_used"),
    [
        ((), "eth0", "192.0.2.1", True),
        (("eth0",), "eth0", "192.0.2.1", True),
        (("eth0",), "eth1", "192.0.2.1", False),
        (("!docker*",), "docker0", "172.17.0.1", False),
        (("!docker*",), "eth0", "192.0.2.1", True),
        (("eth*", "!eth1"), "eth1", "192.0.2.1", False),
        (("eth*", "!eth1"), "wlan0", "192.0.2.1", False),
        (("192.0.2.0/24",), "any", "192.0.2.1", True),
        (("192.0.2.0/24",), "any", "198.51.100.1", False),
        (("!172.16.0.0/12",), "br-1", "172.18.0.1", False),
        (("2001:db8::/32",), "any", "2001:db8::1", True),
        (("2001:db8::/32",), "any", "192.0.2.1", False),
    ],
)
def test_interfaces(interfaces: tuple[str, ...], interface: str, address: str, is_used: bool) -> None:
    assert uses_address(IceOptions(interfaces=interfaces), interface, address) is is_used


def test_defaults_are_those_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GST_SIGNALLING_ICE_SERVERS", "stun:host turn://u:p@host")
    monkeypatch.setenv("GST_SIGNALLING_RELAY_ONLY", "1")
    monkeypatch.setenv("GST_SIGNALLING_ICE_CAFILE", "ca.pem")

    assert IceOptions() == IceOptions(["stun:host", "turn://u:p@host"], relay_only=True, cafile="ca.pem")
    assert ask_servers(IceOptions("turn://u:p@other")) == parse_ice_servers("turn://u:p@other")
    assert IceOptions(relay_only=False).relay_only is False


def test_relay_only_needs_a_relay() -> None:
    with pytest.raises(ValueError, match="relay_only needs a TURN server"):
        IceOptions("stun:host", relay_only=True)
    with pytest.raises(ValueError, match="the callable returned no such server"):
        ask_servers(IceOptions(lambda: ["stun:host"], relay_only=True))


def test_short_and_long_form_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="not both"):
        Consumer(ice=IceOptions(), ice_servers=["stun:host"])
    with pytest.raises(TypeError, match="write IceOptions"):
        Consumer(ice=["stun:host"])  # type: ignore[arg-type]
