"""``list`` and ``listen``."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

from gst_signalling_sync import Consumer, Producer

from ..helpers.raw_peer import RawPeer
from .command import PROGRAM, Command, Terminal, errors_without_a_reader, is_one_line, run, run_in_terminal

SECONDS = 60.0


class TestList:
    def test_pipe_gets_id_name_and_meta(self, uri: str, producer: Producer) -> None:
        finished = run("list", "--uri", uri)
        assert finished.returncode == 0
        assert finished.stdout == f'{producer.peer_id}\trobot\t{{"kind": "arm"}}\n'

    def test_full_disk_is_one_line(self, uri: str) -> None:
        with Path("/dev/full").open("w") as full:
            finished = subprocess.run(
                [*PROGRAM, "list", "--json", "--uri", uri], stdout=full, stderr=subprocess.PIPE, text=True, check=False
            )
        assert finished.returncode == 1
        assert is_one_line(finished.stderr)
        assert "No space left on device" in finished.stderr

    def test_json_is_one_document(self, uri: str, producer: Producer) -> None:
        finished = run("list", "--uri", uri, "--json")
        assert json.loads(finished.stdout) == [
            {"id": producer.peer_id, "name": "robot", "meta": {"kind": "arm", "name": "robot"}}
        ]

    def test_consumers_are_the_passive_ones(self, uri: str, producer: Producer) -> None:
        with Consumer(uri, meta=7, passive=True) as consumer:
            finished = run("list", "--uri", uri, "--consumers", "--json")
            assert json.loads(finished.stdout) == [{"id": consumer.peer_id, "name": None, "meta": 7}]

    def test_none_is_said_on_stderr(self, uri: str) -> None:
        finished = run("list", "--uri", uri)
        assert (finished.returncode, finished.stdout) == (0, "")
        assert finished.stderr == f"There are no producers at {uri}.\n"

    def test_names_cannot_control_the_terminal(self, uri: str) -> None:
        with RawPeer(uri) as peer:
            peer.register("producer", meta={"name": "\x1b[31mred\n[bold]\u202e"})
            finished = run("list", "--uri", uri)
        assert finished.stdout == f"{peer.id}\t\\x1b[31mred\\n[bold]\\u202e\t\n"

    def test_terminal_gets_a_table(self, uri: str, producer: Producer) -> None:
        output = run_in_terminal("list", "--uri", uri)
        assert "name" in output
        assert f"{producer.peer_id}" in output
        assert "─" in output

    def test_server_that_never_answers_is_given_up(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            finished = run("list", "--port", str(server.getsockname()[1]), "--timeout", "0.5")
        assert finished.returncode == 1
        assert is_one_line(finished.stderr)

    def test_reader_that_left_gets_no_traceback(self, uri: str, producer: Producer) -> None:
        assert errors_without_a_reader("list", "--uri", uri) == ""


class TestListen:
    def test_tells_who_comes_changes_and_goes(self, uri: str, producer: Producer) -> None:
        with Command("listen", "--uri", uri, "--json") as listen:

            def heard() -> tuple[str, str, list[str], Any]:
                event = json.loads(listen.line())
                assert event["time"][10] == "T"
                return event["event"], event["id"], event["roles"], event["meta"]

            assert heard() == ("came", producer.peer_id, ["producer"], {"kind": "arm", "name": "robot"})
            with RawPeer(uri) as peer:
                peer.register("consumer", meta=1)
                assert heard() == ("came", peer.id, ["consumer"], 1)
                peer.register("consumer", meta=2)
                assert heard() == ("changed", peer.id, ["consumer"], 2)
            assert heard() == ("left", peer.id, [], 2)
            assert listen.stop() == 0
            assert (listen.rest(), listen.errors) == ([], "")

    def test_line_has_time_event_and_peer(self, uri: str, producer: Producer) -> None:
        with Command("listen", "--uri", uri) as listen:
            line = listen.line()
            assert line[2] == line[5] == ":"
            assert line.split()[1:] == ["came", producer.peer_id, "robot", "producer", '{"kind":', '"arm"}']
            assert listen.stop(signal.SIGTERM) == 0

    def test_ctrl_c_ends_the_terminal_s_line(self, uri: str, producer: Producer) -> None:
        with Terminal("listen", "--uri", uri) as terminal:
            terminal.output_with('"arm"}\r\n')
            terminal.process.send_signal(signal.SIGINT)
            assert (terminal.rest(), terminal.process.wait(SECONDS)) == ("\r\n", 0)

    def test_reader_that_left_gets_no_traceback(self, uri: str, producer: Producer) -> None:
        assert errors_without_a_reader("listen", "--uri", uri) == ""
