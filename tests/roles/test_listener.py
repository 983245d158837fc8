"""`Listener`: peers that register, change and leave, on both signalling servers."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from gst_signalling_sync import (
    ConnectionLost,
    Listener,
    Peer,
    PeerNotFound,
    PeerWaitTimeout,
    SignallingClient,
    SignallingServer,
    WaitTimeout,
)
from gst_signalling_sync.protocol.messages import Role

from ..helpers.peer_ids import id_of
from ..helpers.processes import in_child
from ..helpers.waiting import Heard, wait_until, wait_until_waiting

SECONDS = 10.0


@pytest.fixture
def listener(signalling_uri: str) -> Iterator[Listener]:
    with Listener(signalling_uri, timeout=SECONDS) as listener:
        yield listener


@pytest.fixture
def peer(signalling_uri: str) -> Iterator[SignallingClient]:
    with SignallingClient(signalling_uri) as peer:
        yield peer


def test_producer_that_was_there_before_is_known_at_once(signalling_uri: str, peer: SignallingClient) -> None:
    peer.set_status(["producer"], {"name": "robot"})

    with Listener(signalling_uri) as listener:
        assert listener.producers == {id_of(peer): Peer(id_of(peer), {"name": "robot"})}


def test_producer_that_was_there_before_is_announced(signalling_uri: str, peer: SignallingClient) -> None:
    peer.set_status(["producer"], {"name": "robot"})
    listener = Listener(signalling_uri)
    added = Heard(listener.producer_added)

    with listener:
        assert added.next()["peer"].name == "robot"


def test_producer_that_comes_is_announced_and_known(listener: Listener, peer: SignallingClient) -> None:
    added = Heard(listener.producer_added)

    peer.set_status(["producer"], {"name": "robot"})

    assert added.next() == {"peer": Peer(id_of(peer), {"name": "robot"})}
    assert id_of(peer) in listener.producers


@pytest.mark.parametrize("goes", ["disconnects", "stops producing", "becomes a passive consumer"])
def test_producer_that_goes_is_announced_and_forgotten(listener: Listener, peer: SignallingClient, goes: str) -> None:
    removed = Heard(listener.producer_removed)
    peer.set_status(["producer"], {"name": "robot"})
    peer_id = id_of(peer)

    match goes:
        case "disconnects":
            peer.close()
        case "stops producing":
            peer.set_status()
        case "becomes a passive consumer":
            peer.set_status(["consumer"])

    assert removed.next()["peer"].id == peer_id
    assert listener.producers == {}


def test_producer_that_changes_its_meta_is_neither_new_nor_gone(listener: Listener, peer: SignallingClient) -> None:
    added, removed = Heard(listener.producer_added), Heard(listener.producer_removed)
    changed = Heard(listener.peer_status_changed)
    peer.set_status(["producer"], {"name": "robot"})
    peer.set_status(["producer"], {"name": "renamed"})

    while changed.next()["peer"].name != "renamed":
        pass

    assert listener.producers[id_of(peer)].name == "renamed"
    with SignallingClient(listener.uri) as last:
        last.set_status(["producer"], {"name": "last"})
        assert [added.next()["peer"].name for _ in range(2)] == ["robot", "last"]
    assert removed.next()["peer"].name == "last"


def test_every_change_of_status_is_told(listener: Listener, peer: SignallingClient) -> None:
    changed = Heard(listener.peer_status_changed)
    peer_id = id_of(peer)

    peer.set_status(["consumer"], 5)
    peer.set_status(["producer", "listener"], None)
    peer.close()

    own = (told for told in iter(changed.next, None) if told["peer"].id == peer_id)
    heard = [next(own) for _ in range(3)]
    assert [(told["peer"].meta, set(told["roles"])) for told in heard] == [
        (5, {Role.CONSUMER}),
        (None, {Role.PRODUCER, Role.LISTENER}),
        (None, set()),
    ]


def test_listener_is_told_of_itself(signalling_uri: str) -> None:
    listener = Listener(signalling_uri, meta={"name": "me"})
    changed = Heard(listener.peer_status_changed)

    with listener:
        assert changed.next() == {"peer": Peer(str(listener.peer_id), {"name": "me"}), "roles": (Role.LISTENER,)}


def test_producers_are_a_copy(listener: Listener) -> None:
    listener.producers["nonsense"] = Peer("nonsense")

    assert listener.producers == {}


def test_wait_for_a_producer_that_is_there(listener: Listener, peer: SignallingClient) -> None:
    peer.set_status(["producer"], {"name": "robot"})

    assert listener.wait_for_producer("robot").id == peer.peer_id
    assert listener.wait_for_producer().id == peer.peer_id


def test_wait_for_a_producer_that_comes(listener: Listener, peer: SignallingClient) -> None:
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(listener.wait_for_producer, "robot", SECONDS)
        wait_until_waiting(listener.wait_for_producer)
        peer.set_status(["producer"], {"name": "other"})
        peer.set_status(["producer"], {"name": "robot"})

        assert waiting.result(SECONDS) == Peer(id_of(peer), {"name": "robot"})


def test_wait_for_a_producer_in_a_callback(listener: Listener, peer: SignallingClient) -> None:
    found: list[Peer] = []
    done = threading.Event()

    @listener.peer_status_changed.connect
    def wait(listener: Listener, peer: Peer, roles: tuple[Role, ...]) -> None:
        if not found:
            found.append(listener.wait_for_producer("robot"))
            done.set()

    peer.set_status(["consumer"])
    peer.set_status(["producer"], {"name": "robot"})

    assert done.wait(SECONDS)
    assert found[0].id == peer.peer_id


def test_wait_in_vain_gives_up_in_time_and_tells_who_is_there(listener: Listener, peer: SignallingClient) -> None:
    peer.set_status(["producer"], {"name": "other"})
    wait_until(lambda: listener.producers, "the producer is known")

    begin = time.monotonic()
    with pytest.raises(PeerWaitTimeout, match=rf"'robot' at {listener.uri}: none within 0\.2 s; there are 'other'"):
        listener.wait_for_producer("robot", timeout=0.2)

    assert 0.2 <= time.monotonic() - begin < 4


def test_wait_in_vain_is_a_lookup_error_and_a_timeout(listener: Listener) -> None:
    with pytest.raises(PeerNotFound) as caught:
        listener.wait_for_producer(timeout=0)

    assert isinstance(caught.value, WaitTimeout)
    assert isinstance(caught.value, LookupError | TimeoutError)


def test_wait_before_start_says_what_to_do() -> None:
    with pytest.raises(ConnectionLost, match=r"not started.*start\(\)"):
        Listener("ws://127.0.0.1:1").wait_for_producer()


def test_close_wakes_who_waits(listener: Listener) -> None:
    begin = time.monotonic()
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(listener.wait_for_producer, "robot", SECONDS)
        wait_until_waiting(listener.wait_for_producer)
        listener.close()

        with pytest.raises(ConnectionLost):
            waiting.result(SECONDS)
    assert time.monotonic() - begin < 4


def test_death_of_the_server_wakes_who_waits_where_it_is_not_connected_again(
    embedded_server: SignallingServer,
) -> None:
    with Listener(embedded_server.uri, retry=None) as listener, ThreadPoolExecutor() as pool:
        waiting = pool.submit(listener.wait_for_producer, "robot", SECONDS)
        serving = pool.submit(listener.serve_forever)
        wait_until_waiting(listener.wait_for_producer)
        wait_until_waiting(listener.serve_forever)
        embedded_server.close()

        for call in (waiting, serving):
            with pytest.raises(ConnectionLost, match=f"connection to {listener.uri} lost"):
                call.result(SECONDS)


def test_start_after_close_hears_again(listener: Listener, peer: SignallingClient) -> None:
    listener.close()
    peer.set_status(["producer"], {"name": "robot"})

    with listener:
        assert listener.wait_for_producer("robot").id == peer.peer_id


def test_producers_of_an_earlier_life_are_forgotten(listener: Listener, peer: SignallingClient) -> None:
    peer.set_status(["producer"])
    wait_until(lambda: listener.producers, "the producer is known")
    listener.close()
    peer.set_status()

    with listener:
        assert listener.producers == {}


def test_close_is_idempotent(listener: Listener) -> None:
    listener.close()
    listener.close()


def test_close_by_a_callback(listener: Listener, peer: SignallingClient) -> None:
    closed = threading.Event()

    @listener.producer_added.connect
    def close(listener: Listener, peer: Peer) -> None:
        listener.close()
        closed.set()

    peer.set_status(["producer"])

    assert closed.wait(SECONDS)
    assert listener.peer_id is None


def test_listener_that_comes_while_others_come_and_go_misses_nobody(signalling_uri: str) -> None:
    def produce(number: int) -> None:
        with SignallingClient(signalling_uri) as producer:
            producer.set_status(["producer"], {"name": f"robot {number}"})
            left.wait(SECONDS)

    left = threading.Event()
    with ThreadPoolExecutor(10) as pool:
        producing = [pool.submit(produce, number) for number in range(10)]
        with Listener(signalling_uri) as listener:
            for number in range(10):
                listener.wait_for_producer(f"robot {number}")
            left.set()
            for producer in producing:
                producer.result(SECONDS)
            wait_until(lambda: not listener.producers, "all producers are gone")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_inherited_listener_says_so(embedded_server: SignallingServer) -> None:
    def refuses() -> bool:
        with pytest.raises(RuntimeError, match=rf"listener of {embedded_server.uri}.*inherited by fork"):
            inherited.wait_for_producer()
        return True

    with Listener(embedded_server.uri) as inherited:
        assert in_child(refuses)


def test_listeners_started_and_closed_200_times_leave_nothing(embedded_server: SignallingServer) -> None:
    listener = Listener(embedded_server.uri)
    heard = Heard(listener.peer_status_changed)

    for _ in range(200):
        with listener:
            assert heard.next()["roles"] == (Role.LISTENER,)

    wait_until(lambda: not embedded_server.peers, "the server has seen the last listener leave")
