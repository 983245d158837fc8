"""A server with a token file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gst_signalling_sync import SignallingServer

from ...helpers.tokens import TokensFile


@pytest.fixture
def tokens(tmp_path: Path) -> TokensFile:
    return TokensFile(tmp_path)


@pytest.fixture
def server(tokens: TokensFile) -> Iterator[SignallingServer]:
    with SignallingServer(port=0, tokens=tokens.path) as server:
        yield server
