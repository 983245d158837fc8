"""``serve``."""

from __future__ import annotations

import json
import signal

import pytest

from gst_signalling_sync import SignallingServer

from ..helpers.raw_peer import RawPeer
from .command import Command, Terminal, is_one_line, run

SECONDS = 60.0


def test_prints_the_uri_that_clients_use() -> None:
    with Command("serve", "--port", "0") as serve:
        uri = serve.line()
        assert json.loads(run("list", "--uri", uri, "--json").stdout) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_it_in_order(number: signal.Signals) -> None:
    with Command("serve", "--port", "0") as serve:
        with RawPeer(serve.line()):
            assert serve.stop(number) == 0
        assert (serve.rest(), serve.errors) == ([], "")


def test_ctrl_c_ends_the_terminal_s_line() -> None:
    with Terminal("serve", "--port", "0") as terminal:
        terminal.output_with("Ctrl-C stops it.\r\n")
        terminal.process.send_signal(signal.SIGINT)
        assert (terminal.rest(), terminal.process.wait(SECONDS)) == ("\r\n", 0)


def test_port_in_use_exits_with_1_and_one_line(embedded_server: SignallingServer) -> None:
    finished = run("serve", "--port", str(embedded_server.port))
    assert finished.returncode == 1
    assert is_one_line(finished.stderr)
    assert str(embedded_server.port) in finished.stderr


def test_warns_of_messages_that_it_drops() -> None:
    with Command("serve", "--port", "0") as serve:
        with RawPeer(serve.line()) as peer:
            peer.send_text("junk")
            assert peer.hears_nothing()
        serve.stop()
        assert "WARNING" in serve.errors
