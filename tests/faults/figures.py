"""How long things took, for the list at the end of a test run."""

from __future__ import annotations

import time

import pytest

__all__ = ["Figures", "Stopwatch"]

NAME = "figure"


class Figures:
    """The figures of one test.

    Args:
        request: Of the test.
    """

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._node = request.node

    def add(self, what: str, seconds: float, limit: float) -> None:
        """Note a figure, and assert that it keeps to its limit.

        Args:
            what: Was measured.
            seconds: The figure.
            limit: Seconds.
        """
        self._node.user_properties.append((NAME, f"{what}: {seconds:.2f} s (at most {limit:g} s)"))
        assert seconds <= limit, f"{what}: {seconds:.2f} s, more than {limit:g} s"


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """So far."""
        return time.monotonic() - self._began
