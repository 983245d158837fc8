"""S4, M13: strangers cannot fill the disk with the server's log."""

from __future__ import annotations

import pytest

from ..helpers.strangers import BINARY_FRAME, Stranger, connected, masked, message
from .victim import Victim

MESSAGES = 5_000


@pytest.mark.parametrize(
    "frame",
    [
        BINARY_FRAME,
        masked(1, b"junk"),
        message("setPeerStatus", roles=["producer"] * 80_000),
        message("peer", sessionId="x", ice={"candidate": "", "sdpMLineIndex": 0}),
        message("startSession", peerId="nobody"),
    ],
    ids=["binary", "junk", "roles", "unknown session", "unknown peer"],
)
def test_flood_of_what_is_refused_is_one_line_and_a_count(frame: bytes) -> None:
    with Victim(messages=None, bytes=None, session_starts=None) as victim:
        stranger = Stranger(victim.port, receive_buffer=2**20)
        count = min(MESSAGES, 20 * 2**20 // len(frame))
        stranger.flood(frame * count, seconds=30)

        stranger.reads_until(lambda: sum(victim.tell()["refusals"].values()) == count)
        assert victim.tell()["log_lines"] <= 1
        stranger.close()


def test_crowd_of_strangers_is_a_bounded_number_of_lines() -> None:
    with Victim(warnings=[1, 10]) as victim:
        with connected(victim.port, 100) as strangers:
            for stranger in strangers:
                stranger.send(BINARY_FRAME)
            strangers[0].reads_until(lambda: victim.tell()["refusals"].get("binary") == 100)

        told = victim.tell()
        assert told["log_lines"] < 30
        assert told["refusals"]["warnings"] > 70
