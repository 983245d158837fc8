"""Every named program in README.rst and in the pages, run as a user does: in a process, with a server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gst_signalling_sync import SignallingServer

from .programs import named_program, named_programs

SECONDS = 60.0

RUN = {
    "embedded-server",
    "several-cameras-consumer",
    "several-cameras-producer",
    "ten-line-consumer",
    "ten-line-producer",
    "users-link-test",
    "users-test",
    "users-unittest",
    "video-consumer",
    "video-producer",
}
"""The names of the programs that the tests below run."""


def test_every_named_program_is_run() -> None:
    assert set(named_programs()) == RUN


def test_producer_and_consumer_run_as_pasted(embedded_server: SignallingServer, tmp_path: Path) -> None:
    with (
        named_program(embedded_server, "ten-line-producer", tmp_path) as producer,
        named_program(embedded_server, "ten-line-consumer", tmp_path) as consumer,
    ):
        consumer.wait()
        producer.expect("(?s)(says wave.*)(says bow.*)(says stop)")

    assert consumer.output == "did wave\ndid bow\ndid stop\n"


@pytest.mark.parametrize("name", ["ten-line-producer", "ten-line-consumer"])
def test_readmes_producer_and_consumer_have_ten_lines(name: str) -> None:
    assert len([line for line in named_programs()[name].splitlines() if line]) <= 10


def test_embedded_server_runs_as_pasted(embedded_server: SignallingServer, tmp_path: Path) -> None:
    with named_program(embedded_server, "embedded-server", tmp_path) as program:
        program.wait()

    assert program.output == "hello\n"


@pytest.mark.parametrize(
    ("programs", "output"),
    [("video", "(480, 640, 3) uint8\n" * 3), ("several-cameras", "['front', 'wrist']\n(120, 160, 3)\n")],
)
def test_video_producer_and_consumer_run_as_pasted(
    embedded_server: SignallingServer, tmp_path: Path, programs: str, output: str
) -> None:
    with (
        named_program(embedded_server, f"{programs}-producer", tmp_path),
        named_program(embedded_server, f"{programs}-consumer", tmp_path) as consumer,
    ):
        consumer.wait()

    assert consumer.output == output


@pytest.mark.parametrize("name", ["users-test", "users-link-test", "users-unittest"])
def test_users_tests_pass_as_pasted(tmp_path: Path, name: str) -> None:
    (tmp_path / "test_robot.py").write_text(named_programs()[name])

    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )

    assert result.returncode == 0, result.stdout
