"""Numbers on the command line."""

from __future__ import annotations

import math
from typing import Any, Final

import click

__all__ = ["SECONDS", "FiniteRange"]


class FiniteRange(click.FloatRange):
    """The type of an option that takes seconds, or a rate: within a range, and neither infinite nor NaN.

    No comparison with NaN is true, so that it is within any range, and nothing that waits that long ends as it should.
    """

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Take it from the command line; what is not finite is wrong usage."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{number} is not a finite number.", param, ctx)
        return number


class _Seconds(FiniteRange):
    name = "seconds"


SECONDS: Final = _Seconds(min=0, min_open=True)
"""The type of an option that takes how long something may last, or lasts."""
