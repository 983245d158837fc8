"""Hostile candidates."""

from __future__ import annotations

import logging
import threading

import pytest

from gst_signalling_sync import SignallingClient, WaitTimeout

from ..helpers.peer_ids import id_of
from .stage import Stage
from .villains import meddle, on_request

SECONDS = 10.0

CANDIDATES: dict[str, str] = {
    "junk": "hello",
    "blank": "  ",
    "huge": "candidate:" + "9" * 100_000,
    "huge priority": "candidate:1 1 udp 99999999999999999999999999 192.0.2.77 9 typ host",
    "negative priority": "candidate:1 1 udp -1 192.0.2.77 9 typ host",
    "port 99999": "candidate:1 1 udp 1 192.0.2.77 99999 typ host",
    "port 0": "candidate:1 1 udp 1 192.0.2.77 0 typ host",
    "port a word": "candidate:1 1 udp 1 192.0.2.77 port typ host",
    "no foundation": "candidate: 1 udp 1 192.0.2.77 9 typ host",
    "no type": "candidate:1 1 udp 1 192.0.2.77 9 typ",
    "unknown type": "candidate:1 1 udp 1 192.0.2.77 9 typ banana",
    "component 2": "candidate:1 2 udp 1 192.0.2.77 9 typ host",
    "TCP": "candidate:1 1 tcp 1 192.0.2.77 9 typ host tcptype active",
    "IPv6 link-local": "candidate:1 1 udp 1 fe80::1 9 typ host",
    "IPv6 multicast": "candidate:1 1 udp 1 ff02::1 9 typ host",
    "broadcast": "candidate:1 1 udp 1 255.255.255.255 9 typ host",
    "nowhere": "candidate:1 1 udp 1 0.0.0.0 9 typ host",
    "no address": "candidate:1 1 udp 1 999.1.1.1 9 typ host",
    "host name": "candidate:1 1 udp 1 nowhere.invalid 9 typ host",
    ".local name": "candidate:1 1 udp 1 8d2bd3c5-7d0f-4a52-a1b9-0a3c6ed1f3b4.local 9 typ host",
    "NUL": "candidate:1 1 udp 1 \0 9 typ host",
    "line end": "candidate:1 1 udp 1 192.0.2.77 9 typ host\r\na=candidate:2",
    "end of candidates, and one more": "",
}


@pytest.mark.parametrize("kind", CANDIDATES)
def test_hostile_candidate_does_not_keep_a_session_from_connecting(
    stage: Stage, villain: SignallingClient, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    honest = "candidate:1 1 udp 1 192.0.2.77 9 typ host"

    seconds = meddle(stage, villain, candidates=[(CANDIDATES[kind], 0), (honest, 0)])

    assert seconds < 6
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("index", [1, 65536, 2**32 - 1])
def test_candidate_for_media_that_is_not_there(stage: Stage, villain: SignallingClient, index: int) -> None:
    seconds = meddle(stage, villain, candidates=[("candidate:1 1 udp 1 192.0.2.77 9 typ host", index)])

    assert seconds < 6


@pytest.mark.parametrize("host", ["10.0.{0}.{1}", "{0}-{1}.local"])
def test_flood_of_candidates_disturbs_nobody(
    stage: Stage, villain: SignallingClient, offer: str, host: str, caplog: pytest.LogCaptureFixture
) -> None:
    # After the session's end the server logs a warning for each candidate.
    caplog.set_level(logging.ERROR, "gst_signalling_sync.protocol.registry")
    flooded = threading.Event()

    def flood(session_id: str) -> None:
        villain.send_sdp(session_id, "offer", offer)
        for number in range(10_000):
            address = host.format(number // 256, number % 256)
            villain.send_ice(session_id, f"candidate:{number} 1 udp {number} {address} {1024 + number} typ host")
        flooded.set()

    on_request(villain, flood)

    with pytest.raises(WaitTimeout, match=id_of(villain)):
        stage.consumer.start_session(villain.peer_id, timeout=0.5)

    assert flooded.wait(SECONDS)
    assert stage.goes_on(8)
