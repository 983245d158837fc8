"""`Figures`: what tests have measured, listed at the end of a test run; a plugin of pytest."""

from __future__ import annotations

import time

import pytest

__all__ = ["Figures", "Stopwatch", "figures", "pytest_terminal_summary"]

_NAME = "figure"


class Figures:
    """The figures of one test.

    Args:
        request: The test's.
    """

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._node = request.node

    def add(self, what: str, seconds: float, limit: float) -> None:
        """Note a duration, and assert that it is within its limit.

        Args:
            what: What was measured.
            seconds: The duration.
            limit: Maximum in seconds.
        """
        shown, most = (
            (f"{seconds:.2f} s", f"{limit:g} s") if limit >= 1 else (f"{1e3 * seconds:.2f} ms", f"{1e3 * limit:g} ms")
        )
        self._node.user_properties.append((_NAME, f"{what}: {shown} (at most {most})"))
        assert seconds <= limit, f"{what}: {shown}, more than {most}"

    def add_share(self, what: str, share: float, limit: float) -> None:
        """Note a share of something, and assert that it is within its limit.

        Args:
            what: What was measured.
            share: The share, 0 to 1.
            limit: Maximum, 0 to 1.
        """
        self._node.user_properties.append((_NAME, f"{what}: {share:.1%} (at most {limit:.1%})"))
        assert share <= limit, f"{what}: {share:.1%}, more than {limit:.1%}"

    def add_ratio(self, what: str, ratio: float, at_least: float) -> None:
        """Note a ratio, and assert that it is large enough.

        Args:
            what: What was compared.
            ratio: The ratio.
            at_least: Minimum.
        """
        self._node.user_properties.append((_NAME, f"{what}: {ratio:.2f} (at least {at_least:g})"))
        assert ratio >= at_least, f"{what}: {ratio:.2f}, less than {at_least:g}"


class Stopwatch:
    """Measures the seconds since it was made."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds so far."""
        return time.monotonic() - self._began


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Figures:
    """Takes note of what the test measures."""
    return Figures(request)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List the figures."""
    lines = [
        f"{report.nodeid.partition('::')[2]}: {value}"
        for reports in terminalreporter.stats.values()
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when == "call"
        for name, value in report.user_properties
        if name == _NAME
    ]
    if lines:
        terminalreporter.section("figures")
        for line in sorted(lines):
            terminalreporter.write_line(line)
