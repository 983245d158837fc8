"""TLS: which certificates are accepted, and the error for each that is not."""

from __future__ import annotations

import socket
import ssl
import sys
from pathlib import Path
from typing import Any

import pytest

from gst_signalling_sync import (
    Endpoint,
    SignallingClient,
    SignallingServer,
    find_producer,
    list_consumers,
    list_producers,
)

from ..helpers.certificates import PrivateCA
from ..helpers.hostile import Conversation, tcp_server
from .problems import problem_of
from .relays import tls_server, tls_terminator


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> PrivateCA:
    return PrivateCA(tmp_path_factory.mktemp("ca"))


def test_private_ca_that_is_named(ca: PrivateCA, embedded_server: SignallingServer) -> None:
    with tls_terminator(ca.server("localhost"), embedded_server.uri) as uri:
        assert list_producers(Endpoint(uri, cafile=ca.cafile)) == []


def test_private_ca_of_the_environment(
    ca: PrivateCA, embedded_server: SignallingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GST_SIGNALLING_CAFILE", str(ca.cafile))
    with tls_terminator(ca.server("localhost"), embedded_server.uri) as uri:
        assert list_producers(uri) == []
        assert list_consumers(uri) == []


def test_certificate_for_an_address(ca: PrivateCA, embedded_server: SignallingServer) -> None:
    with tls_terminator(ca.server("127.0.0.1"), embedded_server.uri) as uri:
        assert list_producers(Endpoint(uri.replace("localhost", "127.0.0.1"), cafile=ca.cafile)) == []


def test_large_lists_pass_tls_in_both_directions(ca: PrivateCA, embedded_server: SignallingServer) -> None:
    with tls_terminator(ca.server("localhost"), embedded_server.uri) as uri:
        endpoint = Endpoint(uri, cafile=ca.cafile)
        with SignallingClient(endpoint) as producer, SignallingClient(endpoint) as other:
            producer.set_status(["producer"], {"name": "robot", "text": "x" * 10_000})

            assert find_producer("robot", endpoint).meta["text"] == "x" * 10_000
            assert len(other.list_producers()) == 1


def welcome_and_list(secured: ssl.SSLSocket) -> None:
    conversation = Conversation(secured)
    conversation.welcome()
    conversation.serve()


def tls_problem(ca: PrivateCA, *hosts: str, age: int = 0, **values: Any) -> str:
    with tls_server(ca.server(*hosts, age=age), welcome_and_list) as uri:
        return str(problem_of(Endpoint(uri, **values)))


def test_unknown_ca_says_how_to_name_it(ca: PrivateCA) -> None:
    problem = tls_problem(ca, "localhost")

    assert "TLS: the certificate of localhost comes from a CA that is not known here" in problem
    assert all(way in problem for way in ("Endpoint(cafile=...)", "$GST_SIGNALLING_CAFILE", "--cafile", "--insecure"))


def test_expired_certificate(ca: PrivateCA) -> None:
    assert "TLS: the certificate of localhost has expired" in tls_problem(ca, "localhost", age=3, cafile=ca.cafile)


def test_certificate_that_is_not_valid_yet(ca: PrivateCA) -> None:
    assert "is not valid yet: is the clock" in tls_problem(ca, "localhost", age=-3, cafile=ca.cafile)


def test_certificate_for_another_host(ca: PrivateCA) -> None:
    problem = tls_problem(ca, "robot.example", cafile=ca.cafile)

    assert "TLS: the certificate of localhost is for another host" in problem
    assert "robot" not in problem.partition("is for another")[0]


def test_certificate_for_another_address(ca: PrivateCA) -> None:
    with tls_server(ca.server("localhost"), welcome_and_list) as uri:
        problem = str(problem_of(Endpoint(uri.replace("localhost", "127.0.0.1"), cafile=ca.cafile)))

    assert "TLS: the certificate of 127.0.0.1 is for another address" in problem


@pytest.mark.skipif(sys.version_info < (3, 13), reason="older Pythons do not insist on RFC 5280")
def test_certificate_that_does_not_name_its_issuer(ca: PrivateCA) -> None:
    with tls_server(ca.server("localhost", names_issuer=False), welcome_and_list) as uri:
        problem = str(problem_of(Endpoint(uri, cafile=ca.cafile)))

    assert "TLS: the certificate of localhost is not made as RFC 5280 requires" in problem
    assert "authorityKeyIdentifier=keyid" in problem


def test_insecure_connects_and_warns_once(
    ca: PrivateCA, embedded_server: SignallingServer, caplog: pytest.LogCaptureFixture
) -> None:
    with tls_terminator(ca.server("robot.example", age=3), embedded_server.uri) as uri:
        for _ in range(2):
            assert list_producers(Endpoint(uri, insecure=True)) == []

    [record] = [each for each in caplog.records if "its certificate is not checked" in each.getMessage()]
    assert (record.levelname, uri in record.getMessage()) == ("WARNING", True)


def test_alert_of_the_server(ca: PrivateCA) -> None:
    context = ca.server("localhost")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(ca.cafile)
    context.maximum_version = ssl.TLSVersion.TLSv1_2

    with tls_server(context, welcome_and_list) as uri:
        problem = str(problem_of(Endpoint(uri, cafile=ca.cafile)))

    assert "TLS: the server refused the handshake by an alert" in problem


def test_plain_server_where_tls_is_wanted(embedded_server: SignallingServer) -> None:
    problem = str(problem_of(embedded_server.uri.replace("ws://", "wss://")))

    assert "TLS: the server " in problem
    assert "is its address ws://?" in problem


def test_tls_server_where_none_is_wanted(ca: PrivateCA) -> None:
    with tls_server(ca.server("localhost"), welcome_and_list) as uri:
        problem = str(problem_of(uri.replace("wss://", "ws://")))

    assert "wss://" in problem


def test_alert_record_where_no_tls_is_wanted_says_to_write_wss() -> None:
    def alert(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"\x15\x03\x01\x00\x02\x02\x46")

    with tcp_server(alert) as uri:
        assert "the server speaks TLS there: write wss:// instead of ws://" in str(problem_of(uri))


def test_server_that_closes_in_the_handshake() -> None:
    with tcp_server(lambda connection: connection.recv(4096)) as uri:
        assert "TLS: " in str(problem_of(uri.replace("ws://", "wss://")))


@pytest.mark.parametrize(
    ("content", "words"), [(None, "No such file"), ("nonsense", "holds no certificates in PEM format")]
)
def test_cafile_that_is_none(tmp_path: Path, content: str | None, words: str) -> None:
    cafile = tmp_path / "ca.pem"
    if content is not None:
        cafile.write_text(content)

    with tcp_server(lambda connection: connection.recv(4096)) as uri:
        problem = str(problem_of(Endpoint(uri.replace("ws://", "wss://"), cafile=cafile)))

    assert f"the CA certificates {str(cafile)!r}" in problem
    assert words in problem
