"""The fuzzing targets, with inputs of hypothesis and with earlier findings."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .seeds import SEEDS
from .targets import TARGETS

FINDINGS = sorted(path for path in (Path(__file__).parent / "findings").iterdir() if path.suffix != ".rst")


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_break_no_rule(name: str) -> None:
    for seed in SEEDS[name]:
        TARGETS[name](seed)


@pytest.mark.parametrize("path", FINDINGS, ids=lambda path: path.name)
def test_what_was_found_breaks_no_rule_any_more(path: Path) -> None:
    TARGETS[path.name.partition("-")[0]](path.read_bytes())


def edited(name: str) -> st.SearchStrategy[bytes]:
    """Seeds of a target in which a piece is removed, repeated or replaced."""

    def edit(seed: bytes, first: int, size: int, inserted: bytes) -> bytes:
        first %= len(seed) + 1
        return seed[:first] + inserted + seed[first + size :]

    return st.builds(
        edit, st.sampled_from(SEEDS[name]), st.integers(0, 400), st.integers(0, 40), st.binary(max_size=40)
    )


@given(st.binary(max_size=400) | edited("parser"))
def test_parser(data: bytes) -> None:
    TARGETS["parser"](data)


@given(st.binary(max_size=400) | edited("handshake"))
def test_handshake(data: bytes) -> None:
    TARGETS["handshake"](data)


@given(st.binary(max_size=400))
def test_registry(data: bytes) -> None:
    TARGETS["registry"](data)


@given(st.binary(max_size=400) | edited("video"))
def test_video(data: bytes) -> None:
    TARGETS["video"](data)


@given(st.binary(max_size=400) | edited("sctp"))
def test_sctp(data: bytes) -> None:
    TARGETS["sctp"](data)
