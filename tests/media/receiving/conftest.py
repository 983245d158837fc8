"""A stream of video, in each codec, its reassembly, and threads that read."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from ...helpers.rtp_streams import Stream
from .reassembled import CODECS, Reassembled


@pytest.fixture
def reassembled() -> Reassembled:
    return Reassembled()


@pytest.fixture(params=CODECS)
def stream(request: pytest.FixtureRequest) -> Stream:
    return Stream(request.param, sequence_number=65530, timestamp=(1 << 32) - 5000)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool
