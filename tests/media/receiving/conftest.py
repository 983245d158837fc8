"""A stream of video, in each codec, and its reassembly."""

from __future__ import annotations

import pytest

from ...helpers.rtp_streams import Stream
from .reassembled import CODECS, Reassembled


@pytest.fixture
def reassembled() -> Reassembled:
    return Reassembled()


@pytest.fixture(params=CODECS)
def stream(request: pytest.FixtureRequest) -> Stream:
    return Stream(request.param, sequence_number=65530, timestamp=(1 << 32) - 5000)
