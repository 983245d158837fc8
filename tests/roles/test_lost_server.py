"""A role loses its server and is registered again: what it reports, and what waits for it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from gst_signalling_sync import (
    ConnectError,
    ConnectionLost,
    Consumer,
    Listener,
    Producer,
    Retry,
    SignallingClient,
    connect,
)
from gst_signalling_sync.protocol.messages import Peer
from gst_signalling_sync.threads.callbacks import Callbacks, Emitter

from ..helpers.hostile import Conversation, signalling_server
from ..helpers.mortal_server import MortalServer
from ..helpers.waiting import Heard, wait_until, wait_until_waiting
from .role_classes import QUICK, ROLES, RoleClass

SECONDS = 10.0


def restart(server: MortalServer, role: Producer | Consumer | Listener) -> None:
    """Have a role lose its server and find it again."""
    lost = Heard(role.connection_lost)
    server.go()
    lost.next()
    server.come()


@pytest.mark.parametrize("role_class", ROLES)
def test_a_role_is_registered_again_and_tells_each_step(server: MortalServer, role_class: RoleClass) -> None:
    role = role_class(server.uri, retry=QUICK)
    told: list[str] = []
    role.state_changed.connect(lambda role, state, error: told.append(f"{state} {type(error).__name__}"))
    role.connection_lost.connect(lambda role, error: told.append(f"lost {type(error).__name__}, {role.state}"))
    reconnected = Heard(role.reconnected)
    assert role.state == "new"

    with role:
        first = role.peer_id
        restart(server, role)
        second = reconnected.next()["peer_id"]
        assert role.state == "registered"
        assert second == role.peer_id != first
    assert role.state == "closed"
    assert told == [
        "connecting NoneType",
        "registered NoneType",
        "suspended ConnectionLost",
        "lost ConnectionLost, suspended",
        "registered NoneType",
        "closing NoneType",
        "closed NoneType",
    ]


def test_unforeseen_errors_in_telling_of_changes_keep_no_role_from_coming_back(
    server: MortalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    emit = Callbacks.emit

    def emit_and_fail(callbacks: Callbacks, signal: Emitter, sender: object, **named: object) -> None:
        emit(callbacks, signal, sender, **named)
        if isinstance(sender, Producer) and signal in (sender.connection_lost, sender.reconnected):
            raise KeyError("a defect")

    with Producer(server.uri, name="robot", retry=QUICK) as producer:
        reconnected = Heard(producer.reconnected)
        monkeypatch.setattr(Callbacks, "emit", emit_and_fail)
        for _ in range(2):
            restart(server, producer)
            reconnected.next()
    assert producer.state == "closed"


def test_roles_and_meta_are_registered_as_before(server: MortalServer) -> None:
    meta = {"kind": "arm"}
    with Producer(server.uri, name="robot", meta=meta, retry=QUICK) as producer:
        reconnected = Heard(producer.reconnected)
        restart(server, producer)
        peer_id = reconnected.next()["peer_id"]
        with SignallingClient(server.uri) as client:
            assert client.list_producers() == [Peer(peer_id, {"kind": "arm", "name": "robot"})]


def test_serve_forever_goes_on(server: MortalServer) -> None:
    with Producer(server.uri, name="robot", retry=QUICK) as producer, ThreadPoolExecutor() as pool:
        serving = pool.submit(producer.serve_forever)
        reconnected = Heard(producer.reconnected)
        for _ in range(3):
            restart(server, producer)
            reconnected.next()
        assert not serving.done()
        producer.close()
        assert serving.result(SECONDS) is None


def test_a_connected_session_goes_on_without_its_server_and_new_ones_follow(server: MortalServer) -> None:
    with Producer(server.uri, name="robot", retry=QUICK) as producer:
        echo = producer.add_channel("echo")
        echo.message.connect(lambda channel, session, data: channel.send(data, session=session))
        reconnected = Heard(producer.reconnected)
        with connect(server.uri, name="robot", retry=QUICK) as session:
            channel = session.channel("echo")
            server.go()
            wait_until(lambda: producer.state == "suspended", "the producer knows")
            channel.send("without a server")
            assert channel.recv() == "without a server"
            server.come()
            reconnected.next()
            channel.send("with another")
            assert channel.recv() == "with another"
            with connect(server.uri, name="robot") as second:
                second.channel("echo").send("new")
                assert second.channel("echo").recv() == "new"
            assert session.state == "connected"


def test_start_waits_while_the_role_is_suspended(server: MortalServer) -> None:
    with Producer(server.uri, name="robot", retry=QUICK) as producer, ThreadPoolExecutor() as pool:
        server.go()
        wait_until(lambda: producer.state == "suspended", "it is suspended")
        starting = pool.submit(producer.start, SECONDS)
        wait_until_waiting(producer.start)
        server.come()
        starting.result(SECONDS)
        assert server.names == ["robot"]


def test_start_in_time_of_a_suspended_role_says_why_it_is(server: MortalServer) -> None:
    with Producer(server.uri, name="robot", retry=QUICK) as producer:
        server.go()
        wait_until(lambda: producer.state == "suspended", "it is suspended")
        with pytest.raises(ConnectionLost, match=r"suspended and was not registered again within 0.3 s: .*"):
            producer.start(timeout=0.3)


def test_what_needs_the_server_waits_for_it(server: MortalServer) -> None:
    with Consumer(server.uri, retry=QUICK) as consumer, ThreadPoolExecutor() as pool:
        server.go()
        wait_until(lambda: consumer.state == "suspended", "it is suspended")
        starting = pool.submit(consumer.start_session, name="robot", timeout=SECONDS)
        wait_until_waiting(consumer.start_session)
        server.come()
        with Producer(server.uri, name="robot") as producer:
            assert starting.result(SECONDS).peer_id == producer.peer_id


def test_what_needs_the_server_says_that_it_is_gone(server: MortalServer) -> None:
    with Consumer(server.uri, retry=QUICK) as consumer:
        server.go()
        wait_until(lambda: consumer.state == "suspended", "it is suspended")
        with pytest.raises(ConnectionLost, match="suspended"):
            consumer.start_session(name="robot", timeout=0.3)


def test_who_waits_for_a_name_still_hears_of_it_after_a_restart(server: MortalServer) -> None:
    with Consumer(server.uri, retry=QUICK) as consumer, ThreadPoolExecutor() as pool:
        reconnected = Heard(consumer.reconnected)
        starting = pool.submit(consumer.start_session, name="robot", timeout=SECONDS)
        wait_until_waiting(consumer.start_session)
        restart(server, consumer)
        reconnected.next()
        with Producer(server.uri, name="robot") as producer:
            assert starting.result(SECONDS).peer_id == producer.peer_id


def test_a_listener_waits_for_a_producer_over_a_restart(server: MortalServer) -> None:
    with Listener(server.uri, retry=QUICK) as listener, ThreadPoolExecutor() as pool:
        waiting = pool.submit(listener.wait_for_producer, "robot", SECONDS)
        wait_until_waiting(listener.wait_for_producer)
        restart(server, listener)
        with Producer(server.uri, name="robot") as producer:
            assert waiting.result(SECONDS).id == producer.peer_id


def test_a_listener_tells_the_difference(server: MortalServer) -> None:
    a = Producer(server.uri, name="A", retry=None).start()
    with Listener(server.uri, retry=QUICK) as listener:
        added, removed = Heard(listener.producer_added), Heard(listener.producer_removed)
        listener.wait_for_producer("A")
        server.go()
        wait_until(lambda: listener.state == "suspended", "it is suspended")
        a.close()
        server.come()
        with Producer(server.uri, name="B"):
            assert removed.next()["peer"].name == "A"
            wait_until(lambda: [peer.name for peer in listener.producers.values()] == ["B"], "B is known")
            named = [added.next()["peer"].name]
            while not added.is_empty:
                named.append(added.next()["peer"].name)
            assert named[-1] == "B"
            assert named.count("B") == 1


def test_a_listener_knows_itself_when_it_hears_of_its_own_return(server: MortalServer) -> None:
    with Listener(server.uri, retry=Retry(first=0.05, maximum=0.1)) as listener:
        first = listener.peer_id
        heard_by: list[tuple[str, str | None]] = []
        listener.peer_status_changed.connect(lambda listener, peer, roles: heard_by.append((peer.id, listener.peer_id)))
        reconnected = Heard(listener.reconnected)
        for _ in range(5):
            server.go()
            server.come()
            reconnected.next()

        def returns() -> list[tuple[str, str | None]]:
            # What it heard of its first connection may have come when that was lost already.
            return [heard for heard in heard_by if heard[0] != first]

        wait_until(lambda: len(returns()) >= 5, "it is told of itself each time")
        assert [own for own, _ in returns()] == [peer_id for _, peer_id in returns()]


def test_a_listener_that_alone_lost_its_connection_tells_nothing_of_those_that_stayed() -> None:
    producers = [{"id": "1", "meta": {"name": "stays"}}]
    listens = threading.Event()

    def serve(conversation: Conversation) -> None:
        conversation.welcome()
        conversation.expect("setPeerStatus")
        conversation.expect("list")
        conversation.send("list", producers=producers)
        if len(producers) == 1:
            producers.append({"id": "2", "meta": {"name": "came"}})
            # If the connection were lost any sooner, the role's start would fail.
            listens.wait(SECONDS)
            return
        conversation.hold()

    with signalling_server(serve) as uri:
        listener = Listener(uri, retry=QUICK)
        added, removed = Heard(listener.producer_added), Heard(listener.producer_removed)
        with listener:
            listens.set()
            assert [added.next()["peer"].name for _ in range(2)] == ["stays", "came"]
        # All callbacks have returned.
        assert added.is_empty
        assert removed.is_empty


def test_without_retry_a_loss_ends_the_role_and_start_begins_again(server: MortalServer) -> None:
    with Producer(server.uri, name="robot", retry=None) as producer:
        lost = Heard(producer.connection_lost)
        server.go()
        error = lost.next()["error"]
        assert isinstance(error, ConnectionLost)
        assert producer.state == "closed"
        with pytest.raises(ConnectionLost, match="lost"):
            producer.serve_forever()
        server.come()
        producer.start()
        assert server.names == ["robot"]


def test_a_failed_start_after_a_loss_ends_no_session(server: MortalServer) -> None:
    with Producer(server.uri, name="robot", retry=None) as producer:
        channel = producer.add_channel("data")
        with connect(server.uri, name="robot", retry=None) as session:
            wait_until(lambda: channel.channels, "connected")
            server.go()
            wait_until(lambda: producer.state == "closed", "the loss is known")
            with pytest.raises(ConnectError):
                producer.start()
            channel.send("still here")
            assert session.channel("data").recv() == "still here"


def test_it_gives_up_when_it_was_told_when(server: MortalServer) -> None:
    retry = Retry(first=0.05, maximum=0.1, give_up_after=0.5)
    with Producer(server.uri, name="robot", retry=retry) as producer:
        server.go()
        with pytest.raises(ConnectError, match="nothing listens there"):
            producer.serve_forever()
        assert producer.state == "closed"
