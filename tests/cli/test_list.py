"""``list``."""

from __future__ import annotations

import json
import socket
import subprocess
from pathlib import Path

from gst_signalling_sync import Consumer, Producer

from ..helpers.raw_peer import RawPeer
from .command import PROGRAM, errors_without_a_reader, is_one_line, run, run_in_terminal


def test_pipe_gets_id_name_and_meta(uri: str, producer: Producer) -> None:
    finished = run("list", "--uri", uri)
    assert finished.returncode == 0
    assert finished.stdout == f'{producer.peer_id}\trobot\t{{"kind": "arm"}}\n'


def test_full_disk_is_one_line(uri: str) -> None:
    with Path("/dev/full").open("w") as full:
        finished = subprocess.run(
            [*PROGRAM, "list", "--json", "--uri", uri], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert finished.returncode == 1
    assert is_one_line(finished.stderr)
    assert "No space left on device" in finished.stderr


def test_json_is_one_document(uri: str, producer: Producer) -> None:
    finished = run("list", "--uri", uri, "--json")
    assert json.loads(finished.stdout) == [
        {"id": producer.peer_id, "name": "robot", "meta": {"kind": "arm", "name": "robot"}}
    ]


def test_consumers_are_the_passive_ones(uri: str, producer: Producer) -> None:
    with Consumer(uri, meta=7, passive=True) as consumer:
        finished = run("list", "--uri", uri, "--consumers", "--json")
        assert json.loads(finished.stdout) == [{"id": consumer.peer_id, "name": None, "meta": 7}]


def test_none_is_said_on_stderr(uri: str) -> None:
    finished = run("list", "--uri", uri)
    assert (finished.returncode, finished.stdout) == (0, "")
    assert finished.stderr == f"There are no producers at {uri}.\n"


def test_names_cannot_control_the_terminal(uri: str) -> None:
    with RawPeer(uri) as peer:
        peer.register("producer", meta={"name": "\x1b[31mred\n[bold]\u202e"})
        finished = run("list", "--uri", uri)
    assert finished.stdout == f"{peer.id}\t\\x1b[31mred\\n[bold]\\u202e\t\n"


def test_terminal_gets_a_table(uri: str, producer: Producer) -> None:
    output = run_in_terminal("list", "--uri", uri)
    assert "name" in output
    assert f"{producer.peer_id}" in output
    assert "─" in output


def test_server_that_never_answers_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        finished = run("list", "--port", str(server.getsockname()[1]), "--timeout", "0.5")
    assert finished.returncode == 1
    assert is_one_line(finished.stderr)


def test_reader_that_left_gets_no_traceback(uri: str, producer: Producer) -> None:
    assert errors_without_a_reader("list", "--uri", uri) == ""
