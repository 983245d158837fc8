"""The address from which a request really comes."""

from __future__ import annotations

import pytest

from gst_signalling_sync.server.proxies import TrustedProxies


@pytest.mark.parametrize(
    ("trusted", "address", "forwarded_for", "client"),
    [
        ([], "203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
        (["10.0.0.7"], "203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
        (["10.0.0.7"], "10.0.0.7", ["198.51.100.1"], "198.51.100.1"),
        (["10.0.0.7"], "10.0.0.7", [], "10.0.0.7"),
        (["10.0.0.7"], "10.0.0.7", ["9.9.9.9, 198.51.100.1"], "198.51.100.1"),
        (["10.0.0.0/8"], "10.0.0.7", ["198.51.100.1, 10.3.3.3"], "198.51.100.1"),
        (["10.0.0.0/8"], "10.0.0.7", ["9.9.9.9", "198.51.100.1"], "198.51.100.1"),
        (["10.0.0.7"], "10.0.0.7", ["198.51.100.1:4711"], "198.51.100.1"),
        (["10.0.0.7"], "10.0.0.7", ["[2001:db8::1]:4711"], "2001:db8::1"),
        (["10.0.0.7"], "10.0.0.7", ["198.51.100.1, junk"], "10.0.0.7"),
        (["10.0.0.7"], "::ffff:10.0.0.7", ["198.51.100.1"], "198.51.100.1"),
        (["::1"], "::1", ["2001:db8::1"], "2001:db8::1"),
    ],
)
def test_client_is_the_first_that_no_trusted_proxy_has(
    trusted: list[str], address: str, forwarded_for: list[str], client: str
) -> None:
    assert TrustedProxies(trusted).client_of(address, forwarded_for) == client


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("127.0.0.1", None),
        ("127.8.8.8", None),
        ("::1", None),
        ("::ffff:127.0.0.1", None),
        ("10.0.0.7", None),
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::2", "2001:db8::/64"),
    ],
)
def test_what_limits_per_address_count(address: str, counted: str | None) -> None:
    assert TrustedProxies(["10.0.0.7"]).limited_as(address) == counted


def test_entry_that_is_no_address_is_refused() -> None:
    with pytest.raises(ValueError, match="trusted_proxies must hold addresses"):
        TrustedProxies(["proxy.example"])


def test_single_string_is_refused() -> None:
    with pytest.raises(TypeError, match="trusted_proxies must be a list"):
        TrustedProxies("10.0.0.7")
