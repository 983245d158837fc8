"""The packet size of a path is found by checks of different sizes."""

from __future__ import annotations

import asyncio

import pytest

from gst_signalling_sync.webrtc.path_size import largest_payload


class Path:
    """A path that carries packets up to a size, and loses some of them.

    Args:
        takes: Maximum size in bytes; None: it carries nothing.
        lost: Numbers of the large requests that are lost, from 0.
    """

    def __init__(self, takes: int | None, lost: frozenset[int] = frozenset()) -> None:
        self._takes = takes
        self._lost = lost
        self.large = 0

    async def check(self, seconds: float, size: int | None = None) -> float | None:
        if size is not None:
            self.large += 1
            if self.large - 1 in self._lost:
                return None
        return 0.01 if self._takes is not None and (size or 0) <= self._takes else None


@pytest.mark.parametrize(
    ("takes", "found"), [(1500, 1200), (1200, 1200), (1199, 1100), (950, 900), (None, None), (100, None)]
)
def test_largest_size_that_passes_is_found(takes: int | None, found: int | None) -> None:
    assert asyncio.run(largest_payload(Path(takes).check)) == found


def test_good_path_is_asked_once() -> None:
    path = Path(1500)
    asyncio.run(largest_payload(path.check))

    assert path.large == 1


def test_lost_packet_is_no_small_path() -> None:
    assert asyncio.run(largest_payload(Path(1500, frozenset((0, 1))).check)) == 1200
