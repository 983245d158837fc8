from __future__ import annotations

import pytest

from gst_signalling_sync.webrtc.engine.destinations import is_loopback, may_be_peer


@pytest.mark.parametrize("host", ["192.0.2.1", "10.0.0.7", "127.0.0.1", "2001:db8::1", "fe80::1", "robot.local"])
def test_address_of_a_machine_may_be_the_peer(host: str) -> None:
    assert may_be_peer(host)


@pytest.mark.parametrize("host", ["224.0.0.1", "ff02::1", "0.0.0.0", "::", "255.255.255.255", "169.254.169.254"])
def test_address_that_no_peer_has_is_refused(host: str) -> None:
    assert not may_be_peer(host)


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True), ("192.0.2.1", False), ("a", False)],
)
def test_loopback_is_told_from_other_hosts(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
