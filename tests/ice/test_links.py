"""The connection to a TURN server over TLS: an invalid certificate is reported in the same words as a signalling server's."""

from __future__ import annotations

import asyncio
import socket
import ssl
import sys
from pathlib import Path

import pytest

from gst_signalling_sync.ice_servers import IceServer
from gst_signalling_sync.webrtc.ice.links import Link, LinkError, open_link

from ..helpers.certificates import PrivateCA


class Nobody:
    """Receives events and ignores them."""

    def on_message(self, data: bytes) -> None: ...

    def on_refused(self) -> None: ...

    def on_lost(self, error: Exception | None) -> None: ...


@pytest.fixture
def ca(tmp_path: Path) -> PrivateCA:
    return PrivateCA(tmp_path)


def problem_with(context: ssl.SSLContext | None, cafile: Path | str | None, host: str = "localhost") -> str:
    """The reason why a TURN server cannot be reached."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async def connect() -> Link:
        server = await asyncio.start_server(refuse, "127.0.0.1", 0, ssl=context)
        async with server:
            port = server.sockets[0].getsockname()[1]
            turn = IceServer("turns", host, port, "tcp", "robot", "secret")
            return await open_link(
                turn, socket.AF_INET, ("127.0.0.1", port), None, None if cafile is None else str(cafile), Nobody()
            )

    with pytest.raises(LinkError) as raised:
        asyncio.run(connect())
    return str(raised.value)


def test_certificate_of_an_unknown_ca(ca: PrivateCA) -> None:
    problem = problem_with(ca.server("localhost"), None)

    assert "TLS: the certificate of localhost comes from a CA that is not known here" in problem
    assert "IceOptions(cafile=...), $GST_SIGNALLING_ICE_CAFILE or --ice-cafile" in problem


def test_certificate_that_has_expired(ca: PrivateCA) -> None:
    assert "TLS: the certificate of localhost has expired" in problem_with(ca.server("localhost", age=3), ca.cafile)


def test_certificate_for_another_host(ca: PrivateCA) -> None:
    problem = problem_with(ca.server("localhost"), ca.cafile, host="relay.example")

    assert "TLS: the certificate of relay.example is for another host" in problem


@pytest.mark.skipif(sys.version_info < (3, 13), reason="older Pythons do not insist on RFC 5280")
def test_certificate_that_does_not_name_its_issuer(ca: PrivateCA) -> None:
    problem = problem_with(ca.server("localhost", names_issuer=False), ca.cafile)

    assert "TLS: the certificate of localhost is not made as RFC 5280 requires" in problem


def test_server_that_speaks_no_tls(ca: PrivateCA) -> None:
    assert "is its address turn:?" in problem_with(None, ca.cafile)
