"""Fixtures of the fault tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.tcp_relay import TcpRelay

from . import figures as figures_module
from .figures import Figures


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Figures:
    """Takes note of how long things took."""
    return Figures(request)


@pytest.fixture
def relay(signalling_uri: str) -> Iterator[TcpRelay]:
    """A way to a signalling server that can be cut; once for each kind of server."""
    with TcpRelay(signalling_uri) as relay:
        yield relay


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List the figures."""
    lines = [
        f"{report.nodeid.partition('::')[2]}: {value}"
        for reports in terminalreporter.stats.values()
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when == "call"
        for name, value in report.user_properties
        if name == figures_module.NAME
    ]
    if lines:
        terminalreporter.section("figures of the fault tests")
        for line in sorted(lines):
            terminalreporter.write_line(line)
