"""matplotlib, for the option ``--plot``."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

__all__ = ["plot_option", "pyplot"]


def pyplot() -> Any:
    """The module ``matplotlib.pyplot``.

    Raises:
        click.ClickException: matplotlib is not installed.
    """
    try:
        return importlib.import_module("matplotlib.pyplot")
    except ModuleNotFoundError:
        raise click.ClickException("--plot needs matplotlib: pip install matplotlib") from None


def plot_option(what: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The option ``--plot FILE``. That matplotlib is missing is told before anything is measured.

    Args:
        what: Help of the option.
    """

    def check(context: click.Context, parameter: click.Parameter, path: Path | None) -> Path | None:
        if path is not None:
            pyplot()
        return path

    return click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), callback=check, help=what)
