"""S2, H3, M6, M7: what strangers can make the server hold is limited, and is given back."""

from __future__ import annotations

import pytest

from ..helpers.proofs import short_and_long
from ..helpers.raw_peer import RawPeer
from ..helpers.strangers import PING_FRAME, Stranger, connected, message
from ..helpers.waiting import wait_until
from .victim import Victim

MIB = 2**20


def test_peer_that_pings_and_does_not_read_is_held_up(victim: Victim) -> None:
    before = victim.resident_bytes()
    stranger = Stranger(victim.port, receive_buffer=4096)

    sent = stranger.flood(PING_FRAME * (40 * MIB // len(PING_FRAME)), seconds=3)

    # The burst, three seconds at the rate, and what the kernels of both ends buffer.
    assert sent < (500 + 3 * 100) * len(PING_FRAME) + 8 * MIB
    assert victim.resident_bytes() - before < 8 * MIB
    stranger.close()


@pytest.mark.usefixtures("_ahead_of_other_programs")
def test_peer_that_pings_and_does_not_read_is_cut_off_without_a_limit_of_rate() -> None:
    with Victim(messages=None, bytes=None) as victim:
        before = victim.resident_bytes()
        stranger = Stranger(victim.port, receive_buffer=4096)

        stranger.flood(PING_FRAME * (40 * MIB // len(PING_FRAME)), seconds=10)

        assert stranger.is_cut_off()
        assert victim.tell()["refusals"]["unread_bytes"] == 1
        assert victim.resident_bytes() - before < 8 * MIB
        stranger.close()


@pytest.mark.usefixtures("_ahead_of_other_programs")
@short_and_long("strangers", 40, 300)
def test_peers_that_ask_for_long_lists_and_do_not_read(strangers: int) -> None:
    with (
        Victim(unread_bytes_in_all=16 * MIB, lists=None) as victim,
        RawPeer(victim.uri) as honest,
        connected(victim.port, 100) as producers,
    ):
        for producer in producers:
            producer.register("producer", meta="x" * 16_000)
        honest.request("list")
        before = victim.resident_bytes()
        with connected(victim.port, strangers, receive_buffer=4096) as crowd:
            for stranger in crowd:
                stranger.send(message("list"))
            assert max(victim.list_seconds(honest, 20)) < 1

            assert victim.tell()["refusals"]["unread_bytes_in_all"] > 0
            assert victim.resident_bytes() - before < 40 * MIB


@pytest.mark.usefixtures("_ahead_of_other_programs")
def test_messages_that_begin_and_never_end() -> None:
    with Victim(incomplete_bytes_in_all=8 * MIB, bytes=None) as victim, RawPeer(victim.uri) as honest:
        before = victim.resident_bytes()
        beginning = message("list", padding="x" * 1_000_000)[:900_000]
        with connected(victim.port, 120) as strangers:
            for stranger in strangers:
                stranger.flood(beginning, 2)

            assert honest.hears_nothing()
            wait_until(lambda: victim.tell()["refusals"].get("incomplete_bytes_in_all", 0) >= 100, "they were cut off")
            # Without the limit they would hold 103 MiB.
            assert victim.resident_bytes() - before < 48 * MIB


@short_and_long("producers", 60, 300)
def test_list_stays_short_enough_for_clients(victim: Victim, honest: RawPeer, producers: int) -> None:
    with connected(victim.port, producers) as strangers:
        for stranger in strangers:
            stranger.send(message("setPeerStatus", roles=["producer"], meta="x" * 60_000))
            stranger.register("producer", meta="x" * 16_000)

        room = min(producers, 3 * MIB // 16_002)
        wait_until(
            lambda: len(honest.request("list")["producers"]) >= room, "all that there is room for are listed", 20
        )

        honest.send("list")
        assert len(honest.socket.recv()) < 4 * MIB
        assert victim.tell()["refusals"]["meta_bytes"] == producers


def test_memory_is_given_back(victim: Victim, honest: RawPeer) -> None:
    def crowd_comes_and_goes() -> None:
        with connected(victim.port, 300) as strangers:
            for stranger in strangers:
                stranger.register("producer", "listener", meta="x" * 1000)
            honest.request("list")
        wait_until(lambda: victim.tell()["peers"] <= 1, "they are gone", 20)

    for _ in range(3):
        crowd_comes_and_goes()
    before = victim.resident_bytes()
    for _ in range(4):
        crowd_comes_and_goes()

    assert victim.resident_bytes() < 1.1 * before
