"""H1: one peer's burst delays neither another peer nor the robot's own loop."""

from __future__ import annotations

import json

from ..helpers.proofs import short_and_long
from ..helpers.raw_peer import RawPeer
from ..helpers.strangers import PING_FRAME, Stranger, attacking, connected, message
from ..helpers.waiting import wait_until
from .victim import Victim


@short_and_long("listeners", 100, 500)
def test_one_peer_changes_its_status_as_fast_as_it_may(victim: Victim, honest: RawPeer, listeners: int) -> None:
    changes = b"".join(message("setPeerStatus", roles=["producer"], meta=number) for number in range(2000))
    with connected(victim.port, listeners) as strangers:
        for stranger in strangers:
            stranger.register("listener")
        restless = Stranger(victim.port)

        with attacking(lambda: restless.flood(changes, 2)):
            victim.assert_nobody_notices(honest)

        assert victim.tell()["refusals"]["status_changes"] > 0
        restless.close()


@short_and_long("producers", 60, 180)
def test_one_peer_asks_for_a_long_list_as_fast_as_it_may(victim: Victim, honest: RawPeer, producers: int) -> None:
    with connected(victim.port, producers) as strangers:
        for stranger in strangers:
            stranger.register("producer", meta={"name": "x" * 16_000})
        asker = Stranger(victim.port)
        honest.request("list")

        with attacking(lambda: asker.flood(message("list") * 2000, 2)):
            victim.assert_nobody_notices(honest)

        asker.close()


def test_a_crowd_asks_for_sessions_as_fast_as_it_may(victim: Victim, honest: RawPeer) -> None:
    producer = Stranger(victim.port)
    producer.register("producer")
    with connected(victim.port, 20) as crowd:
        starts = message("startSession", peerId=producer.id) * 1500

        with attacking(*(lambda stranger=stranger: stranger.flood(starts, 2) for stranger in crowd)):
            victim.assert_nobody_notices(honest)

        told = victim.tell()
        assert told["sessions"] <= 20 * 16
        assert told["refusals"]["sessions_per_pair"] > 0
    producer.close()


def test_a_crowd_sends_pings_and_junk_as_fast_as_it_may(victim: Victim, honest: RawPeer) -> None:
    junk = message("junk", text="x" * 100) * 20_000
    with (
        connected(victim.port, 20) as crowd,
        attacking(
            *(lambda stranger=stranger: stranger.flood(PING_FRAME * 20_000, 2) for stranger in crowd[:10]),
            *(lambda stranger=stranger: stranger.flood(junk, 2) for stranger in crowd[10:]),
        ),
    ):
        victim.assert_nobody_notices(honest)


def test_peer_that_leaves_all_its_sessions_behind(victim: Victim, honest: RawPeer) -> None:
    producers = [Stranger(victim.port) for _ in range(16)]
    for producer in producers:
        producer.register("producer")
    with connected(victim.port, 1) as [leaving]:
        for _ in range(4):
            for producer in producers:
                leaving.send(message("startSession", peerId=producer.id) * 16)
        wait_until(lambda: victim.tell()["sessions"] >= 50, "it has many sessions", 30)

    wait_until(lambda: not victim.tell()["sessions"], "they are gone", 5)
    victim.assert_nobody_notices(honest)
    for producer in producers:
        producer.close()


def test_long_messages_as_fast_as_they_may_come(victim: Victim, honest: RawPeer) -> None:
    producer = Stranger(victim.port)
    producer.register("producer")
    with connected(victim.port, 4) as crowd:
        long = message("peer", sessionId="x", sdp={"type": "offer", "sdp": "x" * 1_000_000}) * 8
        deep = message("setPeerStatus", roles=[], meta=json.loads("[" * 110 + "]" * 110)) * 2000

        with attacking(
            *(lambda stranger=stranger: stranger.flood(long, 2) for stranger in crowd[:2]),
            *(lambda stranger=stranger: stranger.flood(deep, 2) for stranger in crowd[2:]),
        ):
            victim.assert_nobody_notices(honest)
    producer.close()
