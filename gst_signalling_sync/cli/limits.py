"""``--limit``: the limits of a server on the command line."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

import click

from ..protocol.limits import Rate, ServerLimits

__all__ = ["LimitType", "limits_of"]

_DEFAULTS: Final = ServerLimits()


if TYPE_CHECKING:
    _ParamType = click.ParamType[tuple[str, Any]]
else:
    # click before 8.4 knows no type of what it converts to.
    _ParamType = click.ParamType


class LimitType(_ParamType):
    """The type of an option that sets one limit: ``NAME=NUMBER``, ``NAME=PER_SECOND:BURST`` of a rate, or ``NAME=none``."""

    name = "NAME=VALUE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Any]:
        """Take it from the command line; an unknown name, or a value that is none, is wrong usage."""
        name, _, text = str(value).partition("=")
        if name not in {field.name for field in fields(ServerLimits)}:
            known = ", ".join(field.name for field in fields(ServerLimits))
            self.fail(f"{name!r} is not a limit; there are {known}.", param, ctx)
        default = getattr(_DEFAULTS, name)
        try:
            limit = _parsed(text, default)
            ServerLimits(**{name: limit})
        except (ValueError, TypeError):
            form = "PER_SECOND:BURST" if isinstance(default, Rate) else "a positive number"
            self.fail(f"{name} must be {form} or none, not {text!r}.", param, ctx)
        return name, limit


def limits_of(given: tuple[tuple[str, Any], ...]) -> ServerLimits:
    """The limits of a server.

    Args:
        given: What `LimitType` took; of two of one name the last counts.

    Returns:
        Those, and the defaults of all others.
    """
    return ServerLimits(**dict(given))


def _parsed(text: str, default: Any) -> Any:
    if text == "none":
        return None
    if isinstance(default, Rate):
        per_second, _, burst = text.partition(":")
        return Rate(float(per_second), float(burst))
    return float(text) if isinstance(default, float) else int(text)
