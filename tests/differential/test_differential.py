"""The embedded server and the reference server send the same messages."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest

from ..helpers.proofs import short_and_long
from .comparison import first_difference
from .conversation import conversation

PROCESSES = 3
"""Number of processes, each with servers of its own. While one waits for its servers, another one runs."""

RANGE = 2_000
"""Number of conversations of one process."""

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.interop, pytest.mark.usefixtures("reference_server")]


@short_and_long("count", 200, 100_000, timeout=4 * 3600)
def test_random_conversations_are_the_same(count: int) -> None:
    if count <= RANGE:
        assert first_difference(range(count)) is None
        return
    with ThreadPoolExecutor(PROCESSES) as pool:
        try:
            for compared in pool.map(compare, range(0, count, RANGE)):
                assert compared.returncode == 0, f"{compared.args}: {compared.stdout}"
        finally:
            pool.shutdown(cancel_futures=True)


def compare(first: int) -> subprocess.CompletedProcess[str]:
    """Compare a range of conversations in another process."""
    command = [sys.executable, "-m", "tests.differential", str(first), str(first + RANGE)]
    return subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=3600, check=False
    )


def test_conversations_are_the_same_in_each_run() -> None:
    assert conversation(Random(7)) == conversation(Random(7))
