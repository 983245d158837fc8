"""Tests with two forms: a short one, which always runs, and a long one, which runs on demand."""

from __future__ import annotations

import pytest


def short_and_long(name: str, short: object, long: object, *, timeout: float = 3600) -> pytest.MarkDecorator:
    """Give a test its argument ``name`` in a short form, and in a long form with the marker ``long``.

    The long form runs with ``--long`` or ``-m long``::

        @short_and_long("rounds", 20, 2000)
        def test_a_robot_that_is_killed_comes_back(rounds): ...

    Args:
        name: The test's argument, usually the number of rounds.
        short: The value in every run. The test should take a few seconds at most.
        long: The value on demand.
        timeout: Maximum duration of the long form, in seconds. Defaults to 3600.
    """
    marks = [pytest.mark.long, pytest.mark.timeout(timeout)]
    return pytest.mark.parametrize(name, [pytest.param(short, id="short"), pytest.param(long, id="long", marks=marks)])
