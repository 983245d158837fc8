"""`Allocation` in simulated time: hours of a relay in milliseconds."""

from __future__ import annotations

import itertools

import pytest

from gst_signalling_sync.webrtc.ice.stun import Method
from gst_signalling_sync.webrtc.ice.turn import ANSWER_SECONDS, Allocation, AllocationState

from .turn_server import PASSWORD, PEER, USER, Simulation, TurnServer


def simulation(server: TurnServer | None = None, password: str = PASSWORD) -> Simulation:
    return Simulation(Allocation(USER, password), server or TurnServer())


def allocated(server: TurnServer | None = None) -> Simulation:
    allocating = simulation(server)
    allocating.allocate()
    assert allocating.allocation.state is AllocationState.ALLOCATED
    return allocating


def test_allocation_tells_its_addresses() -> None:
    allocation = allocated().allocation

    assert allocation.relayed == {4: ("198.51.100.1", 50000)}
    assert allocation.mapped == ("203.0.113.1", 1234)


def test_allocation_has_addresses_of_both_versions_where_the_server_has() -> None:
    allocation = allocated(TurnServer(has_ipv6=True)).allocation

    assert sorted(allocation.relayed) == [4, 6]


def test_version_of_ip_that_the_server_has_no_address_of_is_left_out() -> None:
    allocation = allocated(TurnServer(has_ipv4=False, has_ipv6=True)).allocation

    assert sorted(allocation.relayed) == [6]


def test_server_that_knows_no_additional_family_is_asked_for_one_alone() -> None:
    allocation = allocated(TurnServer(refuses_additional=True)).allocation

    assert sorted(allocation.relayed) == [4]


def test_wrong_password_is_told_at_once() -> None:
    refused = simulation(password="wrong")
    refused.allocate()

    assert refused.allocation.state is AllocationState.ENDED
    assert refused.allocation.error is not None
    assert refused.allocation.error.code == 401
    assert refused.now < 0.1


def test_server_that_does_not_answer_is_given_up() -> None:
    silent = simulation()
    silent.is_cut = True
    silent.allocate()

    assert str(silent.allocation.error) == "no answer within 8 s"
    assert silent.now == pytest.approx(ANSWER_SECONDS)
    assert 5 <= silent.sent <= 9


@pytest.mark.parametrize("lost", [{0}, {1}, {0, 2}, {0, 1, 3}])
def test_lost_requests_are_sent_again(lost: set[int]) -> None:
    lossy = simulation()
    lossy.lost = lost
    lossy.allocate()

    assert lossy.allocation.state is AllocationState.ALLOCATED
    assert lossy.now < 1.5


def test_reliable_transport_sends_nothing_twice() -> None:
    silent = Simulation(Allocation(USER, PASSWORD, is_reliable=True), TurnServer())
    silent.is_cut = True
    silent.allocate()

    assert silent.sent == 1
    assert silent.allocation.state is AllocationState.ENDED


def test_datagrams_wait_for_their_channel_and_keep_their_order() -> None:
    relay = allocated()
    for number in range(5):
        relay.send(b"%d" % number)
    relay.run(1)
    relay.send(b"5")
    relay.run(1)

    assert [data for _, data, _ in relay.server.relayed] == [b"0", b"1", b"2", b"3", b"4", b"5"]
    assert [method for _, method in relay.server.requests].count(Method.CHANNEL_BIND) == 1


def test_peers_have_channels_of_their_own() -> None:
    relay = allocated()
    peers = [("192.0.2.7", 1), ("192.0.2.7", 2), ("192.0.2.8", 1)]
    for peer in peers:
        relay.send(b"x", peer)
    relay.run(1)

    assert sorted(peer for _, _, peer in relay.server.relayed) == peers


def test_peer_that_the_server_does_not_relay_to_is_told_and_asked_for_again_later() -> None:
    relay = allocated(TurnServer(forbidden=frozenset(("192.0.2.9",))))
    for _ in range(3):
        relay.send(b"x", ("192.0.2.9", 1))
        relay.run(1)

    assert relay.allocation.refusals[("192.0.2.9", 1)].code == 403
    assert [method for _, method in relay.server.requests].count(Method.CHANNEL_BIND) == 1
    relay.run(5)
    relay.send(b"x", ("192.0.2.9", 1))
    relay.run(1)
    assert [method for _, method in relay.server.requests].count(Method.CHANNEL_BIND) == 2


def test_datagram_of_a_stranger_is_dropped() -> None:
    relay = allocated()
    relay.send(b"x")
    relay.run(1)

    for host in (PEER[0], "192.0.2.99"):
        relay.allocation.receive(relay.server.send(host.encode(), (host, 5)), relay.now)
    received = relay.allocation.receive(relay.server.send(b"hello", (PEER[0], 5)), relay.now)
    stranger = relay.allocation.receive(relay.server.send(b"hello", ("192.0.2.99", 5)), relay.now)

    assert received == (b"hello", (PEER[0], 5))
    assert stranger is None


LIFETIMES = [
    TurnServer(),
    TurnServer(lifetime=3600),
    TurnServer(lifetime=30, permission_lifetime=30, channel_lifetime=30),
    TurnServer(nonce_lifetime=60),
    TurnServer(lifetime=30, permission_lifetime=20, channel_lifetime=30, nonce_lifetime=7),
]


@pytest.mark.parametrize("server", LIFETIMES, ids=lambda server: f"{server.lifetime:g}-{server.nonce_lifetime:g}")
def test_datagrams_flow_for_two_hours_without_a_gap(server: TurnServer) -> None:
    relay = allocated(server)
    numbers = itertools.count()
    relay.run(7200, each=lambda: relay.send(b"%d" % next(numbers)), every=0.05)

    times = [time for time, _, _ in server.relayed]
    assert len(times) >= 7200 / 0.05 - 5
    assert max(after - before for before, after in itertools.pairwise(times)) < 0.2


def test_relay_is_kept_over_a_lossy_network() -> None:
    server = TurnServer(lifetime=30, permission_lifetime=30, channel_lifetime=30, nonce_lifetime=60)
    relay = allocated(server)
    relay.loss = 0.2
    numbers = itertools.count()
    relay.run(3600, each=lambda: relay.send(b"%d" % next(numbers)), every=0.05)

    times = [time for time, _, _ in server.relayed]
    assert len(times) == pytest.approx(0.8 * 3600 / 0.05, rel=0.01)
    assert max(after - before for before, after in itertools.pairwise(times)) < 0.5


def test_outage_while_a_channel_is_bound_again_takes_no_longer_than_it_is() -> None:
    server = TurnServer(lifetime=30, permission_lifetime=30, channel_lifetime=30)
    relay = allocated(server)

    def flow(seconds: float) -> None:
        relay.run(seconds, each=lambda: relay.send(b"x"), every=0.05)

    flow(14)
    relay.is_cut = True
    flow(10)
    relay.is_cut = False
    flow(60)

    times = [time for time, _, _ in server.relayed]
    assert max(after - before for before, after in itertools.pairwise(times)) < 10.2


def test_peer_is_asked_for_again_at_once_after_the_server_did_not_answer() -> None:
    relay = allocated()
    relay.is_cut = True
    relay.send(b"lost")
    relay.run(ANSWER_SECONDS + 1)
    relay.is_cut = False
    relay.send(b"first")
    relay.run(1)

    assert [data for _, data, _ in relay.server.relayed] == [b"first"]


@pytest.mark.parametrize("server", [TurnServer(), TurnServer(lifetime=30, permission_lifetime=30, channel_lifetime=30)])
def test_idle_relay_is_kept_and_its_unused_channels_are_not(server: TurnServer) -> None:
    relay = allocated(server)
    relay.send(b"first")
    relay.run(7200)
    bindings = [method for _, method in server.requests].count(Method.CHANNEL_BIND)

    assert relay.allocation.state is AllocationState.ALLOCATED
    assert bindings <= 2
    relay.send(b"last")
    relay.run(1)
    assert [data for _, data, _ in server.relayed] == [b"first", b"last"]


def test_peer_that_has_had_more_addresses_than_there_are_channels_is_reached() -> None:
    # Its NAT gives it another port every few minutes, for weeks.
    relay = allocated()
    for port in range(4096):
        relay.send(b"before", ("192.0.2.7", port + 1))
    relay.run(10)
    relay.send(b"too soon", ("192.0.2.7", 5000))
    relay.run(1500)

    relay.send(b"later", ("192.0.2.7", 5000))
    relay.run(10)

    assert [(data, peer) for _, data, peer in relay.server.relayed if data != b"before"] == [
        (b"later", ("192.0.2.7", 5000))
    ]


def test_server_that_falls_silent_ends_the_allocation_when_it_has_expired() -> None:
    relay = allocated()
    relay.is_cut = True
    relay.run(700)

    assert relay.allocation.state is AllocationState.ENDED
    assert "was not refreshed: no answer" in str(relay.allocation.error)


def test_server_that_restarted_ends_the_allocation_at_its_refresh() -> None:
    relay = allocated(TurnServer(lifetime=30))
    relay.server.expires_at = relay.now
    relay.run(30)

    assert relay.allocation.state is AllocationState.ENDED
    assert relay.allocation.error is not None
    assert relay.allocation.error.code == 437


def test_outage_that_is_shorter_than_the_lifetime_is_survived() -> None:
    relay = allocated(TurnServer(lifetime=30))
    relay.run(12)
    relay.is_cut = True
    relay.run(10)
    relay.is_cut = False
    relay.run(3600)

    assert relay.allocation.state is AllocationState.ALLOCATED


def test_released_allocation_is_gone_at_the_server() -> None:
    relay = allocated()
    relay.allocation.release(relay.now)
    relay.run(1)

    assert relay.allocation.state is AllocationState.ENDED
    assert relay.allocation.error is None
    assert relay.server.expires_at <= relay.now
    assert relay.allocation.frame(b"x", PEER, relay.now) is None
