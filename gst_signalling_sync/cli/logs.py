"""``-v`` and ``--log-format``: the library's logs on stderr."""

from __future__ import annotations

import datetime
import json
import logging
from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

__all__ = ["show_logs", "show_logs_as_json", "verbose_option", "verbosity"]

Function = TypeVar("Function", bound=Callable[..., Any])

_KEY: Final = "gst_signalling_sync.verbosity"
_LIBRARY: Final = "gst_signalling_sync"
_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def verbose_option(function: Function) -> Function:
    """Add the option ``-v``, which works before and after the name of a command."""
    option = click.option(
        "-v",
        "--verbose",
        count=True,
        expose_value=False,
        callback=_add_verbosity,
        help="Log to stderr; twice: every message of the library, three times: those of aiortc and all others too.",
    )
    return option(function)


def verbosity() -> int:
    """The number of ``-v`` options of the running command."""
    return int(click.get_current_context().meta.get(_KEY, 0))


def show_logs(level: int) -> None:
    """Write logs to stderr.

    Args:
        level: The minimum level that is shown.
    """
    logging.basicConfig(level=level, format=_FORMAT, force=True)


def show_logs_as_json() -> None:
    """Write each log line as a JSON object: ``time`` (ISO 8601, UTC), ``level``, ``logger``, ``message``, ``exception``."""
    for handler in logging.getLogger().handlers:
        handler.setFormatter(_JsonFormatter())


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        time = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        fields = {
            "time": time.isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False)


def _add_verbosity(ctx: click.Context, parameter: click.Parameter, count: int) -> None:
    total = ctx.meta[_KEY] = ctx.meta.get(_KEY, 0) + count
    if not total:
        # Without any handler Python would print warnings, but a failure is reported in one line.
        logging.getLogger().addHandler(logging.NullHandler())
        return
    show_logs(logging.DEBUG if total > 2 else logging.WARNING)
    logging.getLogger(_LIBRARY).setLevel(logging.DEBUG if total > 1 else logging.INFO)
