"""Types of options that are numbers."""

from __future__ import annotations

import math
from typing import Any, Final

import click

__all__ = ["SECONDS", "FiniteRange"]


class FiniteRange(click.FloatRange):
    """The type of an option for seconds or a rate: within a range, and neither infinite nor NaN.

    click itself accepts NaN in any range, because no comparison with NaN is true.
    """

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Convert a value of the command line; a number that is not finite is a usage error."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"it must be a finite number, not {number}.", param, ctx)
        return number


class _Seconds(FiniteRange):
    name = "seconds"


SECONDS: Final = _Seconds(min=0, min_open=True)
"""The type of an option for a duration."""
