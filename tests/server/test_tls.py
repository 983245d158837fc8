"""Connections over TLS: certificates that are renewed, and strangers that use another protocol."""

from __future__ import annotations

import datetime
import ipaddress
import logging
import os
import socket
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gst_signalling_sync.server import ServerLimits, SignallingServer

from ..helpers.raw_peer import RawPeer
from ..helpers.waiting import wait_until

SECONDS = 10.0


def make_certificate(directory: Path, name: str) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key, as files."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = directory / f"{name}.pem", directory / f"{name}.key"
    cert_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return cert_file, key_file


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    return make_certificate(tmp_path, "first")


def joined(server: SignallingServer, cert: Path) -> RawPeer:
    return RawPeer(server.uri, sslopt={"ca_certs": str(cert)})


def name_shown_by(server: SignallingServer) -> str:
    shown = ssl.get_server_certificate(("127.0.0.1", server.port))
    attribute = x509.load_pem_x509_certificate(shown.encode()).subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0]
    return str(attribute.value)


def test_peers_connect_by_wss(certificate: tuple[Path, Path]) -> None:
    cert, key = certificate
    with SignallingServer(port=0, cert=cert, key=key) as server:
        assert server.uri.startswith("wss://127.0.0.1:")
        with joined(server, cert) as peer:
            peer.register("producer", meta={"name": "robot"})
            assert server.peers[peer.id].name == "robot"


def test_certificate_that_was_renewed_is_shown_to_new_peers_and_old_ones_stay(
    certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    cert, key = certificate
    with SignallingServer(port=0, cert=cert, key=key) as server, joined(server, cert) as peer:
        new_cert, new_key = make_certificate(tmp_path, "second")
        os.replace(new_key, key)
        os.replace(new_cert, cert)

        wait_until(lambda: name_shown_by(server) == "second", "the new certificate")
        assert peer.hears_nothing()


def test_certificate_is_read_again_on_demand(certificate: tuple[Path, Path], tmp_path: Path) -> None:
    cert, key = certificate
    with SignallingServer(port=0, cert=cert, key=key) as server:
        new_cert, new_key = make_certificate(tmp_path, "second")
        os.replace(new_key, key)
        os.replace(new_cert, cert)
        server.reload()

        wait_until(lambda: name_shown_by(server) == "second", "the new certificate")


def test_renewed_certificate_that_is_none_leaves_the_old_one(
    certificate: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    cert, key = certificate
    trusted = cert.read_bytes()
    with SignallingServer(port=0, cert=cert, key=key) as server:
        cert.write_text("half a certificate")
        wait_until(lambda: "stays as it was" in caplog.text, "it was noticed")

        cert.write_bytes(trusted)
        assert name_shown_by(server) == "first"


@pytest.mark.parametrize(
    "hello",
    [b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\x00" * 100, b"SSH-2.0-x\r\n"],
    ids=["http", "zeros", "ssh"],
)
def test_stranger_without_tls_is_one_line_in_the_log(
    certificate: tuple[Path, Path], hello: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    cert, key = certificate
    with SignallingServer(port=0, cert=cert, key=key) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=SECONDS) as stranger:
            stranger.sendall(hello)
            stranger.recv(4096)
        wait_until(lambda: caplog.records, "it was logged")
        joined(server, cert).close()

        assert [record.levelno for record in caplog.records] == [logging.WARNING]
        assert server.refusals == {"tls": 1}


def test_tls_1_1_is_refused(certificate: tuple[Path, Path]) -> None:
    cert, key = certificate
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with (
        SignallingServer(port=0, cert=cert, key=key) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=SECONDS) as connection,
        pytest.raises((ssl.SSLError, ConnectionError)),
    ):
        old.wrap_socket(connection)


def test_stranger_that_never_speaks_tls_is_cut_off(certificate: tuple[Path, Path]) -> None:
    cert, key = certificate
    limits = ServerLimits(handshake_seconds=0.2)
    with (
        SignallingServer(port=0, cert=cert, key=key, limits=limits) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=SECONDS) as silent,
    ):
        assert silent.recv(1) == b""


def test_close_is_bounded_while_a_stranger_does_not_speak_tls(certificate: tuple[Path, Path]) -> None:
    cert, key = certificate
    server = SignallingServer(port=0, cert=cert, key=key).start()
    with socket.create_connection(("127.0.0.1", server.port), timeout=SECONDS) as silent:
        joined(server, cert).close()
        server.close(timeout=0.5)

        assert silent.recv(1) == b""


def test_key_without_a_certificate_is_refused(certificate: tuple[Path, Path]) -> None:
    with pytest.raises(ValueError, match="key must be given together with cert"):
        SignallingServer(key=certificate[1])


def test_certificate_that_is_none_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "junk.pem").write_text("junk")

    with pytest.raises(ValueError, match="cert and key must be"):
        SignallingServer(cert=tmp_path / "junk.pem")
    with pytest.raises(FileNotFoundError):
        SignallingServer(cert=tmp_path / "missing.pem")
