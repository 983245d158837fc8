"""A server with as many peers as it accepts, most of them idle, and the attacks of strangers on it."""

from __future__ import annotations

import contextlib
import resource
import socket
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from ..helpers.raw_peer import RawPeer
from ..helpers.strangers import HANDSHAKE, Stranger, attacking, connected, message
from ..helpers.waiting import wait_until
from .helper_process import Helper
from .pace import Pace
from .test_connections import tcp_connections
from .victim import Victim

KIB = 1024
MIB = 1024 * KIB

MAX_BYTES_PER_IDLE_PEER = 10 * KIB
FIRST = 200
PAUSE = 0.1
"""Seconds between two requests of the honest peer. With a shorter pause its own rate limit would delay it."""

FILES = 40_000
OTHER_FILES = 4_000
"""Number of files that the server opens besides those of the idle peers. Without 40,000 in all, the last peers are refused."""
SECONDS = 120.0
GIVEN_BACK_SECONDS = 15.0


@dataclass(frozen=True)
class Crowd:
    """The number of peers, and of the honest peer's requests during each attack."""

    idle: int
    bytewise: int
    bytes_sent: int
    deaf: int
    listeners: int
    sudden: int
    questions: int


MANY = Crowd(idle=20_000, bytewise=2_000, bytes_sent=12, deaf=200, listeners=500, sudden=10_000, questions=300)


@pytest.fixture
def files() -> Iterator[int]:
    """The number of files that this process and its children may open: as many as they need, or as the system allows."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Only some users may raise the hard limit.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, max(FILES, before[1])))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    soft = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    yield soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[0], hard))


@pytest.mark.alone
@pytest.mark.usefixtures("_not_measured", "_ahead_of_other_programs")
@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("many", [MANY], ids=["long"])
def test_crowd_and_what_strangers_do_on_top_of_it(many: Crowd, files: int) -> None:
    idle = min(many.idle, files - OTHER_FILES)
    with Victim(descriptors=files) as victim:
        with Helper("idle_process", str(victim.port), str(FIRST)):
            # This memory is used once, or is the first page of many objects, and must not count for the peers.
            empty = victim.resident_bytes()
        wait_until(lambda: victim.tell()["peers"] == 0, "they are gone", SECONDS)
        with Helper("idle_process", str(victim.port), str(idle)) as crowd, RawPeer(victim.uri) as honest:
            each = (victim.resident_bytes() - empty) / (idle - FIRST)
            print(f"{idle} idle peers, {each:.0f} bytes for each")
            assert victim.tell()["peers"] == idle + 1
            assert each < MAX_BYTES_PER_IDLE_PEER
            victim.assert_nobody_notices(honest, many.questions, PAUSE)

            def attack() -> None:
                bytewise(victim, honest, many)
                deaf(victim, honest, many)
                restless(victim, honest, many)
                sudden(victim, honest, many)
                pace = Pace(0.5)

                def are_gone() -> bool:
                    pace.wait()
                    # The honest peer's requests make it answer pings meanwhile.
                    return honest.hears_nothing() and victim.tell()["peers"] == idle + 1

                wait_until(are_gone, "gone", SECONDS)
                assert crowd.tell() == {"connected": idle}

            blocks, resident = victim.tell()["blocks"], victim.resident_bytes()
            pace = Pace(0.5)

            def is_given_back() -> bool:
                pace.wait()
                return honest.hears_nothing() and victim.resident_bytes() < 1.1 * resident

            for _ in range(2):
                attack()
                assert victim.tell()["blocks"] < 1.1 * blocks
                wait_until(is_given_back, "memory is given back", GIVEN_BACK_SECONDS)
                print(f"resident: {resident / MIB:.1f} MiB before, {victim.resident_bytes() / MIB:.1f} MiB after")


def bytewise(victim: Victim, honest: RawPeer, many: Crowd) -> None:
    """Connections that send one byte of a handshake per second."""
    with tcp_connections(victim.port, many.bytewise) as connections:

        def send_bytes() -> None:
            pace = Pace(1.0)
            for index in range(many.bytes_sent):
                pace.wait()
                for connection in connections:
                    with contextlib.suppress(OSError):
                        connection.send(HANDSHAKE[index : index + 1])

        with attacking(send_bytes):
            victim.assert_nobody_notices(honest, many.questions, PAUSE)


def deaf(victim: Victim, honest: RawPeer, many: Crowd) -> None:
    """Peers that ask for lists and never read them."""
    with connected(victim.port, many.deaf, receive_buffer=4096) as strangers:

        def ask() -> None:
            for stranger in strangers:
                stranger.flood(message("list") * 200, 0.01)

        with attacking(ask):
            victim.assert_nobody_notices(honest, many.questions, PAUSE)


def restless(victim: Victim, honest: RawPeer, many: Crowd) -> None:
    """A peer that changes its status as often as it may, and many peers that are told."""
    changes = b"".join(message("setPeerStatus", roles=["producer"], meta=number) for number in range(2000))
    with connected(victim.port, many.listeners) as strangers:
        for stranger in strangers:
            stranger.register("listener")
        peer = Stranger(victim.port)
        with attacking(lambda: peer.flood(changes, 2)):
            victim.assert_nobody_notices(honest, many.questions, PAUSE)
        peer.close()


def sudden(victim: Victim, honest: RawPeer, many: Crowd) -> None:
    """Connections of one address that all come at once and stay. Those for which there is no room are refused."""
    with contextlib.ExitStack() as stack:

        def come() -> None:
            for _ in range(many.sudden):
                connection = stack.enter_context(socket.socket())
                with contextlib.suppress(OSError):
                    connection.bind(("127.0.2.1", 0))
                    connection.settimeout(SECONDS)
                    connection.connect(("127.0.0.1", victim.port))
                    connection.send(HANDSHAKE)

        with attacking(come):
            victim.assert_nobody_notices(honest, many.questions, PAUSE)
