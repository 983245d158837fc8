"""The life of roles at a server that is stopped and started: what they report and wait for, and what close() leaves behind."""

from __future__ import annotations

import contextlib
import itertools
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from queue import SimpleQueue

import pytest

from gst_signalling_sync import (
    ConnectError,
    ConnectionLost,
    Consumer,
    Endpoint,
    Listener,
    Producer,
    Retry,
    SignallingClient,
    SignallingServer,
    WaitTimeout,
    connect,
)
from gst_signalling_sync.protocol.messages import Peer

from ..helpers.hostile import Conversation, signalling_server
from ..helpers.mortal_server import MortalServer, mortal_server
from ..helpers.ports import reserved_port
from ..helpers.waiting import Heard, wait_until

SECONDS = 10.0
QUICK = Retry(first=0.05, maximum=0.2)

RoleClass = type[Producer] | type[Consumer] | type[Listener]
ROLES: list[RoleClass] = [Producer, Consumer, Listener]


@pytest.fixture
def server() -> Iterator[MortalServer]:
    with mortal_server() as server:
        yield server


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
        wait_until(lambda: server.peer_ids, "it is there")
        restart(server, consumer)
        reconnected.next()
        with Producer(server.uri, name="robot") as producer:
            assert starting.result(SECONDS).peer_id == producer.peer_id


def test_a_listener_waits_for_a_producer_over_a_restart(server: MortalServer) -> None:
    with Listener(server.uri, retry=QUICK) as listener, ThreadPoolExecutor() as pool:
        waiting = pool.submit(listener.wait_for_producer, "robot", SECONDS)
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
        heard_by: list[tuple[str, str | None]] = []
        listener.peer_status_changed.connect(lambda listener, peer, roles: heard_by.append((peer.id, listener.peer_id)))
        reconnected = Heard(listener.reconnected)
        for _ in range(5):
            server.go()
            server.come()
            reconnected.next()
        wait_until(lambda: len(heard_by) >= 5, "it is told of itself each time")
        assert [own for own, _ in heard_by] == [peer_id for _, peer_id in heard_by]


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


def test_start_waits_for_a_server_that_is_not_there_yet() -> None:
    retry = Retry(first=0.05, maximum=0.2, wait_for_server=True)
    with reserved_port() as port, ThreadPoolExecutor() as pool:
        producer = Producer(port=port, name="robot", retry=retry)
        starting = pool.submit(producer.start, SECONDS)
        wait_until(lambda: producer.state == "connecting", "it tries")
        with SignallingServer(port=port), producer:
            starting.result(SECONDS)


@pytest.mark.parametrize("role_class", [Producer, Listener])
def test_start_goes_on_when_the_server_restarts_meanwhile(role_class: RoleClass) -> None:
    connections = itertools.count()

    def serve(conversation: Conversation) -> None:
        conversation.welcome()
        if next(connections) >= 2:
            conversation.serve()

    with signalling_server(serve) as uri, role_class(uri, retry=Retry(first=0.05, maximum=0.1)) as role:
        assert role.state == "registered"


def test_start_that_has_waited_for_a_server_is_not_told_how_to_wait() -> None:
    met = threading.Event()

    def leave(conversation: Conversation) -> None:
        conversation.welcome()
        met.set()

    with ThreadPoolExecutor() as pool:
        with signalling_server(leave) as uri:
            starting = pool.submit(Producer(uri, name="robot").start, 2)
            assert met.wait(SECONDS)
        with pytest.raises((ConnectError, ConnectionLost)) as told:
            starting.result(SECONDS)
    assert "Retry(" not in str(told.value)


def test_start_tells_the_loss_where_the_server_closes_each_connection() -> None:
    with signalling_server(Conversation.welcome) as uri:
        producer = Producer(uri, name="robot", retry=Retry(first=0.05, maximum=0.1))
        with pytest.raises(ConnectionLost):
            producer.start(timeout=1)
        assert producer.state == "closed"


@pytest.mark.parametrize("role_class", [Producer, Consumer, Listener])
def test_a_start_before_the_server_s_names_what_waits_for_it(role_class: RoleClass) -> None:
    with (
        reserved_port() as port,
        pytest.raises(ConnectError, match=r"nothing listens there.*retry=Retry\(wait_for_server=True\)"),
    ):
        role_class(port=port).start()


@pytest.mark.parametrize("retry", [None, Retry(), Retry(first=0.05, maximum=0.1, wait_for_server=True)])
def test_whoever_gave_a_retry_is_not_told_of_it(retry: Retry | None) -> None:
    with reserved_port() as port:
        with pytest.raises(ConnectError, match="nothing listens there") as told:
            Producer(port=port, retry=retry).start(timeout=0.5)
        assert "Retry(" not in str(told.value)


def test_start_that_waited_for_a_server_in_vain_says_what_came_instead() -> None:
    with reserved_port() as port:
        producer = Producer(port=port, retry=Retry(first=0.05, maximum=0.1, wait_for_server=True))
        with pytest.raises(ConnectError, match="nothing listens there"):
            producer.start(timeout=1.5)
        assert producer.state == "closed"


def test_a_failed_start_leaves_nothing_and_may_be_repeated() -> None:
    with reserved_port() as port:
        producer = Producer(port=port, name="robot")
        for _ in range(3):
            with pytest.raises(ConnectError, match="nothing listens there"):
                producer.start()
        with SignallingServer(port=port) as server, producer:
            assert [peer.name for peer in server.peers.values()] == ["robot"]


@pytest.mark.parametrize("asks_again", [False, True])
def test_a_refused_token_is_tried_again_only_where_there_will_be_another(asks_again: bool) -> None:
    tokens = itertools.chain(["stale"] * 2, itertools.repeat("fresh"))
    authorised: list[str | None] = []

    def serve(conversation: Conversation) -> None:
        conversation.welcome()
        conversation.hold()

    def admit(authorization: str | None) -> HTTPStatus | None:
        authorised.append(authorization)
        return None if authorization == "Bearer fresh" else HTTPStatus.UNAUTHORIZED

    with signalling_server(serve, admit) as uri:
        token = (lambda: next(tokens)) if asks_again else "stale"
        retry = Retry(first=0.05, maximum=0.1, wait_for_server=True)
        consumer = Consumer(Endpoint(uri, token=token), retry=retry)
        if asks_again:
            with consumer:
                assert authorised == ["Bearer stale", "Bearer stale", "Bearer fresh"]
        else:
            with pytest.raises(ConnectError, match="401"):
                consumer.start()
            assert authorised == ["Bearer stale"]


# L1: close() runs together with a callback that is about to call start().


def test_close_is_final_for_a_callback_that_starts_again(server: MortalServer) -> None:
    producer = Producer(server.uri, name="robot", retry=None)
    inside, closing, outcome = threading.Event(), threading.Event(), Heard(producer.reconnected)
    outcomes: list[BaseException | None] = []

    @producer.connection_lost.connect
    def again(role: Producer, error: Exception) -> None:
        inside.set()
        closing.wait(SECONDS)
        wait_until(lambda: role.state == "closed" and role.peer_id is None, "close() has done its part")
        try:
            role.start()
        except ConnectionLost as refused:
            outcomes.append(refused)
        else:
            outcomes.append(None)

    producer.start()
    server.go()
    server.come()
    assert inside.wait(SECONDS)
    started = time.monotonic()
    threading.Timer(0.1, closing.set).start()
    producer.close()
    assert time.monotonic() - started < 3.0
    assert outcome.is_empty
    assert [str(error) for error in outcomes] == [
        f"starting the producer of {server.uri}: it was closed while this callback was running, and a callback does not start"
        " it again"
    ]
    assert producer.state == "closed"
    assert server.peer_ids == []


# L2: start() in a callback must not make a second callback thread.


def test_callbacks_keep_their_thread_and_their_order_over_a_start_in_one_of_them(server: MortalServer) -> None:
    threads: list[int] = []
    running = threading.Lock()
    listener = Listener(server.uri, retry=None)

    def note() -> None:
        assert running.acquire(blocking=False), "two callbacks at once"
        threads.append(threading.get_ident())
        running.release()

    @listener.connection_lost.connect
    def again(role: Listener, error: Exception) -> None:
        with running:
            threads.append(threading.get_ident())
            server.come()
            role.start()
            time.sleep(0.2)

    added = Heard(listener.producer_added)
    listener.producer_added.connect(lambda role, peer: note())
    with listener:
        server.go()
        wait_until(lambda: threads, "the loss was told")
        wait_until(lambda: listener.state == "registered", "it listens again")
        with Producer(server.uri, name="robot"):
            added.next()
    assert len(threads) == 2
    assert len(set(threads)) == 1


# L4: a close() that is forgotten, or that returns without having closed and without an error.


def test_close_in_a_callback_ends_a_role_that_another_thread_starts(server: MortalServer) -> None:
    producer = Producer(server.uri, name="robot")
    stop = producer.add_channel("stop")
    closed = threading.Event()
    begin = threading.Event()

    @stop.message.connect
    def on_stop(channel: object, session: object, data: str | bytes) -> None:
        begin.set()
        producer.close()
        closed.set()

    with producer, connect(server.uri, name="robot", retry=None) as session, ThreadPoolExecutor() as pool:
        session.channel("stop").send("now")
        assert begin.wait(SECONDS)
        with contextlib.suppress(ConnectionLost):
            pool.submit(producer.start).result(SECONDS)
        assert closed.wait(SECONDS)
        producer.close()
    assert producer.state == "closed"
    assert server.peer_ids == []


def test_a_second_close_with_little_time_finds_the_role_closed_or_says_so(server: MortalServer) -> None:
    producer = Producer(server.uri, name="robot")
    slow = producer.add_channel("slow")
    inside, release = threading.Event(), threading.Event()

    @slow.message.connect
    def on_message(channel: object, session: object, data: str | bytes) -> None:
        inside.set()
        release.wait(SECONDS)

    with producer, connect(server.uri, name="robot", retry=None) as session, ThreadPoolExecutor() as pool:
        session.channel("slow").send("x")
        assert inside.wait(SECONDS)
        first = pool.submit(producer.close, SECONDS)
        with contextlib.suppress(WaitTimeout):
            producer.close(timeout=0.2)
            assert producer.state == "closed"
        release.set()
        first.result(SECONDS)
    assert server.peer_ids == []


def test_ctrl_c_in_close_leaves_nothing_locked(server: MortalServer) -> None:
    producer = Producer(server.uri, name="robot").start()
    channel = producer.add_channel("data")
    with connect(server.uri, name="robot", retry=None) as session:
        wait_until(lambda: channel.channels, "connected")
        timer = threading.Timer(0.01, signal.raise_signal, (signal.SIGINT,))
        timer.start()
        with contextlib.suppress(KeyboardInterrupt):
            producer.close()
            timer.join()
        timer.join()
        producer.close()
        assert producer.state == "closed"
        assert session.id


@pytest.mark.parametrize("waits_for", ["setPeerStatus", "welcome"])
def test_close_of_a_role_that_is_being_started_says_goodbye_to_its_server(waits_for: str) -> None:
    is_waiting = threading.Event()
    farewell: SimpleQueue[str] = SimpleQueue()

    def accept(server: Conversation) -> None:
        if waits_for == "setPeerStatus":
            server.welcome()
        server.expect("setPeerStatus" if waits_for == "setPeerStatus" else "setProtocolVersion")
        is_waiting.set()
        try:
            server.hold()
        except ConnectionError as error:
            farewell.put(str(error))
            raise

    with signalling_server(accept) as uri, ThreadPoolExecutor() as pool:
        producer = Producer(uri, name="robot")
        start = pool.submit(producer.start)
        assert is_waiting.wait(SECONDS)
        producer.close()

        # Without a goodbye the server would keep the peer, and list it, until its lease is over.
        assert farewell.get(timeout=SECONDS) == "the client has left"
        with pytest.raises(ConnectionLost):
            start.result(SECONDS)


def test_close_ends_a_role_that_is_suspended_and_it_does_not_come_back(server: MortalServer) -> None:
    producer = Producer(server.uri, name="robot", retry=QUICK).start()
    server.go()
    wait_until(lambda: producer.state == "suspended", "it is suspended")
    producer.close()
    server.come()
    assert producer.state == "closed"
    assert server.peer_ids == []


@pytest.mark.parametrize("role_class", ROLES)
def test_a_role_that_was_never_started_can_be_closed(role_class: RoleClass) -> None:
    role = role_class("ws://127.0.0.1:1")
    role.close()
    assert role.state == "closed"


# L8: two producers with one name, one of which is dead.


class Ghost:
    """A producer that is registered and no longer sends anything, like one that lost its network.

    Args:
        uri: The server's.
        name: Its name.
    """

    def __init__(self, uri: str, name: str) -> None:
        self._client = SignallingClient(uri)
        self._name = name

    def __enter__(self) -> Ghost:
        self._client.connect()
        self._client.set_status(["producer"], {"name": self._name})
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()


@pytest.mark.parametrize("order", ["ghost first", "ghost last"])
def test_of_two_producers_of_one_name_the_living_one_is_found(signalling_uri: str, order: str) -> None:
    with contextlib.ExitStack() as stack:
        if order == "ghost first":
            stack.enter_context(Ghost(signalling_uri, "robot"))
        producer = stack.enter_context(Producer(signalling_uri, name="robot"))
        if order == "ghost last":
            stack.enter_context(Ghost(signalling_uri, "robot"))
        started = time.monotonic()
        with connect(signalling_uri, name="robot") as session:
            assert session.peer_id == producer.peer_id
        assert time.monotonic() - started < 5.0


def test_a_robot_that_comes_back_while_its_ghost_is_asked_is_found(signalling_uri: str) -> None:
    with Ghost(signalling_uri, "robot"), Consumer(signalling_uri) as consumer, ThreadPoolExecutor() as pool:
        starting = pool.submit(consumer.start_session, name="robot", timeout=SECONDS)
        with Producer(signalling_uri, name="robot") as producer:
            assert starting.result(SECONDS).peer_id == producer.peer_id


def test_only_a_ghost_is_a_timeout_that_says_what_was_missing(signalling_uri: str) -> None:
    with (
        Ghost(signalling_uri, "robot"),
        Consumer(signalling_uri) as consumer,
        pytest.raises(WaitTimeout, match="the peer sent no session description"),
    ):
        consumer.start_session(name="robot", timeout=1.5)
