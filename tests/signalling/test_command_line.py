"""The options with which every command connects to a server."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from gst_signalling_sync import SignallingServer
from gst_signalling_sync.cli import main

from ..helpers.certificates import PrivateCA
from ..helpers.hostile import tcp_server
from .relays import head_of, tls_terminator


def test_token_file_is_sent_and_not_shown(tmp_path: Path) -> None:
    heads: list[str] = []
    file = tmp_path / "token"
    file.write_text("s3cr3t\n")

    def refuse(connection: socket.socket) -> None:
        heads.append(head_of(connection))
        connection.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")

    with tcp_server(refuse) as uri:
        result = CliRunner().invoke(main, ["list", "--uri", uri, "--token-file", str(file)])

    assert "Authorization: Bearer s3cr3t\r\n" in heads[0]
    assert result.exit_code == 1
    assert "s3cr3t" not in f"{result.output}{result.exception}"


def test_token_of_stdin() -> None:
    heads: list[str] = []

    def refuse(connection: socket.socket) -> None:
        heads.append(head_of(connection))
        connection.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")

    with tcp_server(refuse) as uri:
        CliRunner().invoke(main, ["list", "--uri", uri, "--token-file", "-"], input="s3cr3t\n")

    assert "Authorization: Bearer s3cr3t\r\n" in heads[0]


@pytest.mark.parametrize("content", [None, ""])
def test_token_file_that_has_none_is_wrong_usage(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_text(content)

    result = CliRunner().invoke(main, ["list", "--uri", "ws://127.0.0.1:1", "--token-file", str(file)])

    assert result.exit_code == 2
    assert f"--token-file {file}" in result.output


def test_cafile_and_insecure(embedded_server: SignallingServer, tmp_path: Path) -> None:
    ca = PrivateCA(tmp_path)
    with tls_terminator(ca.server("localhost"), embedded_server.uri) as uri:
        trusted = CliRunner().invoke(main, ["list", "--uri", uri, "--cafile", str(ca.cafile), "--json"])
        unchecked = CliRunner().invoke(main, ["list", "--uri", uri, "--insecure", "--json"])

    assert (trusted.exit_code, trusted.output) == (0, "[]\n")
    assert unchecked.exit_code == 0
    assert unchecked.output.count("is not checked") == 1
