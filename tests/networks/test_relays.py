"""Sessions through a real TURN server on the loopback interface."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gst_signalling_sync import (
    Consumer,
    IceOptions,
    Producer,
    Session,
    SessionClosed,
    SignallingServer,
    ask_ice_servers,
    connect,
)

from ..helpers.certificates import PrivateCA
from ..helpers.ports import reserved_port
from ..peers.coturn import SECRET, Coturn, run_coturn

pytestmark = pytest.mark.interop

UDP_PAYLOAD = 50_000


def relay_only(*servers: str, cafile: Path | None = None) -> IceOptions:
    return IceOptions(servers, relay_only=True, cafile=cafile)


def route(session: Session) -> tuple[str, str]:
    """The candidate types of a session: of this end and of the peer."""
    stats = session.stats().values()
    (local,) = (each["candidateType"] for each in stats if each["type"] == "local-candidate")
    (remote,) = (each["candidateType"] for each in stats if each["type"] == "remote-candidate")
    return local, remote


def exchange(producer: Producer, session: Session) -> None:
    """Send a message larger than a packet through the session and back."""
    channel = session.channel("data")
    channel.send("a" * UDP_PAYLOAD)
    robot = producer.wait_for_session()
    assert robot.channel("data").recv() == "a" * UDP_PAYLOAD
    robot.channel("data").send(b"b" * UDP_PAYLOAD)
    assert channel.recv() == b"b" * UDP_PAYLOAD


def producer_at(server: SignallingServer, ice: IceOptions | None = None) -> Producer:
    producer = Producer(server.uri, name="robot", ice=ice)
    producer.add_channel("data")
    return producer


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
@pytest.mark.parametrize("ends", ["producer", "consumer", "both"])
def test_session_goes_through_a_relay(
    embedded_server: SignallingServer,
    coturn: Coturn,
    ca: PrivateCA,
    transport: str,
    ends: str,
) -> None:
    ice = relay_only(coturn.uri(transport), cafile=ca.cafile)
    with (
        producer_at(embedded_server, ice if ends != "consumer" else None) as producer,
        connect(embedded_server.uri, name="robot", ice=ice if ends != "producer" else None) as session,
    ):
        exchange(producer, session)
        local, remote = route(session)

        assert (local == "relay") == (ends != "producer")
        assert remote == "relay" if ends != "consumer" else remote != "relay"


def test_statistics_tell_of_the_relay(embedded_server: SignallingServer, coturn: Coturn) -> None:
    ice = relay_only(coturn.uri("tcp"))
    with producer_at(embedded_server), connect(embedded_server.uri, name="robot", ice=ice) as session:
        (local,) = (each for each in session.stats().values() if each["type"] == "local-candidate")
        route = session.quality().route

    assert local["relayProtocol"] == "tcp"
    assert local["url"] == f"turn:127.0.0.1:{coturn.port}?transport=tcp"
    assert route is not None
    assert str(route).startswith("relay over tcp")


def test_consumer_that_offers_goes_through_a_relay(embedded_server: SignallingServer, coturn: Coturn) -> None:
    ice = relay_only(coturn.uri())
    with producer_at(embedded_server) as producer, Consumer(embedded_server.uri, ice=ice) as consumer:
        session = consumer.start_session(name="robot", offer=True)
        exchange(producer, session)

        assert route(session)[0] == "relay"


def test_session_releases_its_allocations(embedded_server: SignallingServer, coturn: Coturn) -> None:
    ice = relay_only(coturn.uri())
    with producer_at(embedded_server), connect(embedded_server.uri, name="robot", ice=ice):
        pass

    released = re.findall(r"refreshed,.* lifetime=0$", coturn.log.read_text(errors="replace"), re.MULTILINE)
    assert len(released) == coturn.allocations >= 1


@pytest.mark.parametrize("end", ["producer", "consumer"])
def test_wrong_password_is_told_with_the_server_within_three_seconds(
    embedded_server: SignallingServer, coturn: Coturn, end: str
) -> None:
    ice = relay_only(coturn.uri(password="wrong"))
    with producer_at(embedded_server, ice if end == "producer" else None):
        began = time.monotonic()
        with pytest.raises(SessionClosed, match=rf"turn:127\.0\.0\.1:{coturn.port}\?transport=udp: 401") as raised:
            connect(embedded_server.uri, name="robot", ice=ice if end == "consumer" else None)

        assert time.monotonic() - began < 3
        assert raised.value.reason == "not connected"


def test_certificate_that_is_not_trusted_is_told(embedded_server: SignallingServer, coturn: Coturn) -> None:
    ice = relay_only(coturn.uri("tls"))
    with (
        producer_at(embedded_server),
        pytest.raises(
            SessionClosed, match=r"TLS: the certificate of \S+ .* not known here: .*by IceOptions\(cafile=\.\.\.\)"
        ),
    ):
        connect(embedded_server.uri, name="robot", ice=ice)


@pytest.mark.parametrize(
    ("content", "said"), [(None, "No such file"), ("nonsense", "holds no certificates in PEM format")]
)
def test_file_of_certificates_that_is_of_no_use_is_told(
    embedded_server: SignallingServer, coturn: Coturn, tmp_path: Path, content: str | None, said: str
) -> None:
    cafile = tmp_path / "authority.pem"
    if content is not None:
        cafile.write_text(content)
    with producer_at(embedded_server), pytest.raises(SessionClosed, match=rf"authority\.pem': {said}"):
        connect(embedded_server.uri, name="robot", ice=relay_only(coturn.uri("tls"), cafile=cafile))


def test_all_servers_are_asked_and_each_is_told_of(
    embedded_server: SignallingServer, coturn: Coturn, silent_addresses: list[str]
) -> None:
    ice = relay_only(
        f"turn://robot:x@{silent_addresses[0]}",
        coturn.uri(password="wrong"),
        "turn://robot:x@no-such-name.invalid",
        "turn://robot:x@127.0.0.1:1?transport=tcp",
        "turn://robot:x@127.0.0.1:2",
    )
    with producer_at(embedded_server), pytest.raises(SessionClosed) as raised:
        connect(embedded_server.uri, name="robot", ice=ice, timeout=20)

    text = str(raised.value)
    assert f"turn:{silent_addresses[0]}?transport=udp: no answer within 8 s" in text
    assert "401 Unauthorized" in text
    assert "the name no-such-name.invalid cannot be resolved" in text
    assert "turn:127.0.0.1:1?transport=tcp: connection refused" in text
    assert "turn:127.0.0.1:2?transport=udp: nothing listens there" in text
    assert "robot:x" not in text


def connected_within(server: SignallingServer, ice: IceOptions) -> float:
    """Minimum of the seconds that some calls of `connect` take."""

    def once() -> float:
        began = time.monotonic()
        with connect(server.uri, name="robot", ice=ice):
            return time.monotonic() - began

    return min(once() for _ in range(5))


def test_servers_that_do_not_answer_cost_nothing(
    embedded_server: SignallingServer, coturn: Coturn, silent_addresses: list[str]
) -> None:
    dead = [f"turn://robot:x@{address}" for address in silent_addresses]
    with producer_at(embedded_server):
        alone = connected_within(embedded_server, relay_only(coturn.uri()))
        behind = connected_within(embedded_server, relay_only(*dead, coturn.uri()))

        assert behind < 1.3 * alone + 0.05


@pytest.mark.parametrize("ends", ["consumer", "both"])
def test_stun_server_that_does_not_answer_costs_nothing(
    embedded_server: SignallingServer, silent_addresses: list[str], ends: str
) -> None:
    silent = IceOptions([f"stun:{address}" for address in silent_addresses])
    with producer_at(embedded_server, silent if ends == "both" else None):
        # aioice itself would wait five seconds for either.
        assert connected_within(embedded_server, silent) < 2.0


def test_stun_server_tells_of_an_address(coturn: Coturn) -> None:
    options = IceOptions(coturn.stun_uri, interfaces="lo")
    answers, _ = ask_ice_servers(options)

    assert [answer.is_usable for answer in answers] == [True]
    assert answers[0].outcome.startswith("srflx 127.0.0.1:")


def test_relay_at_an_ipv6_address(embedded_server: SignallingServer, tmp_path: Path) -> None:
    with (
        reserved_port() as port,
        reserved_port() as tls_port,
        run_coturn(tmp_path, ("::1",), ports=(port, tls_port)) as server,
    ):
        ice = relay_only(server.uri())
        with (
            producer_at(embedded_server, ice) as producer,
            connect(embedded_server.uri, name="robot", ice=ice) as session,
        ):
            exchange(producer, session)
            quality = session.quality()

    assert quality.route is not None
    assert quality.route.local_address[0] == "::1"
    assert quality.route.local_type == "relay"


def test_udp_ports_are_those_of_the_range(embedded_server: SignallingServer) -> None:
    ice = IceOptions(udp_ports=(47000, 47020))
    with producer_at(embedded_server, ice), connect(embedded_server.uri, name="robot", ice=ice) as session:
        route = session.quality().route

    assert route is not None
    assert 47000 <= route.local_address[1] <= 47020
    assert 47000 <= route.remote_address[1] <= 47020


def test_interface_that_is_chosen_is_used_alone(embedded_server: SignallingServer) -> None:
    ice = IceOptions(interfaces="lo")
    with producer_at(embedded_server, ice), connect(embedded_server.uri, name="robot", ice=ice) as session:
        route = session.quality().route

    assert route is not None
    assert route.local_address[0] in ("127.0.0.1", "::1")


def test_interfaces_of_which_there_is_none_are_told(embedded_server: SignallingServer) -> None:
    with producer_at(embedded_server), pytest.raises(SessionClosed, match=r"IceOptions\(interfaces=\)"):
        connect(embedded_server.uri, name="robot", ice=IceOptions(interfaces="no-such-interface"))


def expiring_credentials(coturn: Coturn, seconds: int) -> Callable[[], list[dict[str, object]]]:
    """Makes credentials as a web service does (draft-uberti-behave-turn-rest)."""

    def make() -> list[dict[str, object]]:
        user = f"{int(time.time()) + seconds}:robot"
        password = base64.b64encode(hmac.digest(SECRET.encode(), user.encode(), hashlib.sha1)).decode()
        return [{"urls": f"turn:{coturn.host}:{coturn.port}", "username": user, "credential": password}]

    return make


@pytest.fixture
def coturn_with_secret(tmp_path: Path) -> Iterator[Coturn]:
    with (
        reserved_port() as port,
        reserved_port() as tls_port,
        run_coturn(tmp_path, ports=(port, tls_port), shared_secret=True) as server,
    ):
        yield server


@pytest.mark.parametrize(("valid", "later"), [(2, 3), pytest.param(30, 120, marks=pytest.mark.long)])
@pytest.mark.timeout(200)
def test_credentials_are_asked_for_with_each_session(
    embedded_server: SignallingServer, coturn_with_secret: Coturn, valid: int, later: int
) -> None:
    fresh = expiring_credentials(coturn_with_secret, valid)
    asked: list[float] = []

    def servers() -> list[dict[str, object]]:
        asked.append(time.time())
        return fresh()

    with producer_at(embedded_server, IceOptions(servers, relay_only=True)):
        with connect(embedded_server.uri, name="robot"):
            pass
        first = asked[0]
        while time.time() < first + later:
            time.sleep(0.1)
        with connect(embedded_server.uri, name="robot") as session:
            assert route(session)[1] == "relay"

    assert len(asked) == 2


def test_credentials_that_have_expired_are_refused(
    embedded_server: SignallingServer, coturn_with_secret: Coturn
) -> None:
    stale = expiring_credentials(coturn_with_secret, -1)()
    with producer_at(embedded_server), pytest.raises(SessionClosed, match="401"):
        connect(embedded_server.uri, name="robot", ice=IceOptions(stale, relay_only=True))


def test_callable_that_fails_is_the_error_of_its_session(embedded_server: SignallingServer) -> None:
    def servers() -> list[str]:
        raise OSError("the service is down")

    with (
        producer_at(embedded_server),
        pytest.raises(SessionClosed, match="callable for ICE servers failed: OSError: the service is down"),
    ):
        connect(embedded_server.uri, name="robot", ice=IceOptions(servers))
