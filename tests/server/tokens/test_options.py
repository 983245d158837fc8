"""Options of a server that asks for tokens, and its warnings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gst_signalling_sync import Grant, SignallingServer


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "anybody who can reach"),
        ({"tokens": {"x": Grant()}}, "tokens travel unencrypted"),
        ({"tokens": {"x": Grant()}, "trusted_proxies": ["10.0.0.1"]}, None),
        ({"authorize": lambda request: None}, "tokens travel unencrypted"),
    ],
)
def test_server_that_others_reach_warns_at_each_start(
    options: dict[str, Any], words: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    server = SignallingServer("0.0.0.0", port=0, **options)
    for _ in range(2):
        server.start()
        server.close()

    assert len(caplog.records) == (0 if words is None else 2)
    assert all(words is not None and words in message for message in caplog.messages)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "localhost", "::1"])
def test_server_on_the_loopback_does_not_warn(host: str, caplog: pytest.LogCaptureFixture) -> None:
    with SignallingServer(host, port=0):
        assert caplog.records == []


@pytest.mark.parametrize(
    ("options", "error", "complaint"),
    [
        ({"tokens": "missing.toml"}, FileNotFoundError, "missing"),
        ({"authorize": "me"}, TypeError, "authorize must be a callable"),
    ],
)
def test_option_that_means_nothing_is_refused_at_once(
    options: dict[str, Any], error: type[Exception], complaint: str
) -> None:
    with pytest.raises(error, match=complaint):
        SignallingServer(port=0, **options)


def test_file_of_the_server_is_checked_at_once(tmp_path: Path) -> None:
    (tmp_path / "tokens.toml").write_text(json.dumps({}))

    with pytest.raises(ValueError, match=r"tokens\.toml"):
        SignallingServer(port=0, tokens=tmp_path / "tokens.toml")
