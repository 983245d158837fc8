"""``--limit``: the limits of a server or of a session on the command line."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

import click

from .. import Rate, ServerLimits, SessionLimits

__all__ = ["LimitType", "session_limits_option"]

Limits = ServerLimits | SessionLimits

if TYPE_CHECKING:
    _ParamType = click.ParamType[tuple[str, Any]]
else:
    # click before 8.4 knows no type of what it converts to.
    _ParamType = click.ParamType


class LimitType(_ParamType):
    """The type of an option that sets one limit: ``NAME=NUMBER``, ``NAME=PER_SECOND:BURST`` for a rate, or ``NAME=none``.

    Args:
        kind: The class of the limits.
    """

    name = "NAME=VALUE"

    def __init__(self, kind: type[Limits]) -> None:
        self._kind = kind
        self._defaults: Final = {field.name: getattr(kind(), field.name) for field in fields(kind)}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Any]:
        """Convert a value of the command line; an unknown name or a malformed value is a usage error."""
        name, _, text = str(value).partition("=")
        if name not in self._defaults:
            known = ", ".join(f"{known}={_written(default)}" for known, default in self._defaults.items())
            self.fail(f"{name!r} is not a limit. The limits are, with their defaults: {known}.", param, ctx)
        default = self._defaults[name]
        try:
            limit = _parsed(text, default)
            self._kind(**{name: limit})
        except (ValueError, TypeError):
            self.fail(f"{name} must be {self._form(name)}, not {text!r}.", param, ctx)
        return name, limit

    def _form(self, name: str) -> str:
        default = self._defaults[name]
        if isinstance(default, Rate):
            form = "PER_SECOND:BURST, two positive numbers,"
        else:
            form = "a positive number" if isinstance(default, float) else "a positive integer"
        return f"{form} or none" if self._may_be_off(name) else form

    def _may_be_off(self, name: str) -> bool:
        off: dict[str, Any] = {name: None}
        try:
            self._kind(**off)
        except ValueError:
            return False
        return True


def session_limits_option(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the option ``--limit`` of a role or session; it gets `limits`, a `SessionLimits`."""

    @click.option(
        "--limit",
        "given",
        multiple=True,
        type=LimitType(SessionLimits),
        help="Set a limit of what peers may use of this end, such as channels=8, descriptions=2:8 (per second, at once) or"
        " unread_bytes=none; may be repeated. '--limit help' lists all.",
    )
    @functools.wraps(function)
    def command(given: tuple[tuple[str, Any], ...], **others: Any) -> None:
        function(limits=SessionLimits(**dict(given)), **others)

    return command


def _parsed(text: str, default: Any) -> Any:
    if text == "none":
        return None
    if isinstance(default, Rate):
        per_second, _, burst = text.partition(":")
        return Rate(float(per_second), float(burst))
    return float(text) if isinstance(default, float) else int(text)


def _written(limit: Any) -> str:
    """A limit as it is given on the command line."""
    return f"{limit.per_second:.10g}:{limit.burst:.10g}" if isinstance(limit, Rate) else f"{limit}"
