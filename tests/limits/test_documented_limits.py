"""Every limit has its row in the documentation, its description, and its option."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from gst_signalling_sync import Rate, ServerLimits, SessionLimits
from gst_signalling_sync.cli.commands import main
from gst_signalling_sync.cli.limits import LimitType

Limits = type[ServerLimits] | type[SessionLimits]

DOCS = (Path(__file__).parents[2] / "docs" / "reference" / "limits.rst").read_text()
SERVER_DOCS, SESSION_DOCS = DOCS.split("Limits of roles and sessions\n---")
TABLES = {ServerLimits: SERVER_DOCS, SessionLimits: SESSION_DOCS}

LIMITS = [
    pytest.param(kind, field.name, id=f"{kind.__name__}.{field.name}")
    for kind in (ServerLimits, SessionLimits)
    for field in fields(kind)
]


def written(limit: Any) -> str:
    """A limit in the form of the command line."""
    return f"{limit.per_second:.10g}:{limit.burst:.10g}" if isinstance(limit, Rate) else str(limit)


def default_of(kind: Limits, name: str) -> Any:
    return getattr(kind(), name)


def documented_defaults(kind: Limits, name: str) -> str:
    """The defaults in the row of a limit."""
    for row in re.split(r"^   \* - ", TABLES[kind], flags=re.MULTILINE)[1:]:
        names, defaults, *_ = re.split(r"^     - ", row, flags=re.MULTILINE)
        if f"``{name}``" in names:
            return " ".join(defaults.split())
    raise AssertionError(f"docs/reference/limits.rst has no row for {name}")


def told(name: str, limit: Any) -> str:
    """A default in the form of the documentation."""
    if isinstance(limit, Rate):
        return f"{told(name, limit.per_second)}/s, {told(name, limit.burst)} at once"
    for unit, size in (("MiB", 2**20), ("KiB", 2**10)):
        if "bytes" in name and limit >= size:
            return f"{limit // size} {unit}"
    return f"{limit:,g}" if isinstance(limit, float) else f"{limit:,}"


@pytest.mark.parametrize(("kind", "name"), LIMITS)
def test_docs_have_the_default_of_each_limit(kind: Limits, name: str) -> None:
    assert told(name, default_of(kind, name)) in documented_defaults(kind, name)


@pytest.mark.parametrize(("kind", "name"), LIMITS)
def test_limit_is_described_where_it_is_defined(kind: Limits, name: str) -> None:
    described = inspect.getdoc(kind) or ""

    assert re.search(rf"^    {name}: \S", described, re.MULTILINE)


@pytest.mark.parametrize(("kind", "name"), LIMITS)
def test_limit_has_an_option_that_takes_its_default(kind: Limits, name: str) -> None:
    default = default_of(kind, name)

    assert LimitType(kind).convert(f"{name}={written(default)}", None, None) == (name, default)


@pytest.mark.parametrize(("kind", "name"), LIMITS)
@pytest.mark.parametrize("value", ["", "0", "-1", "x", "1:", ":1", "0:1", "1:0", "nan", "1:nan"])
def test_value_that_is_none_is_wrong_usage_and_told_what_may_be(kind: Limits, name: str, value: str) -> None:
    with pytest.raises(click.BadParameter, match=f"{name} must be .*positive.*, not '{value}'"):
        LimitType(kind).convert(f"{name}={value}", None, None)


@pytest.mark.parametrize(("kind", "name"), LIMITS)
def test_limit_can_be_switched_off_or_it_is_told_that_it_cannot(kind: Limits, name: str) -> None:
    if name in ("handshake_seconds", "authorizations", "authorization_seconds", "header_bytes", "message_bytes"):
        with pytest.raises(click.BadParameter, match=rf"{name} must be a positive (integer|number), not 'none'"):
            LimitType(kind).convert(f"{name}=none", None, None)
    else:
        assert LimitType(kind).convert(f"{name}=none", None, None) == (name, None)


@pytest.mark.parametrize(
    "command", ["ping robot", "check robot", "record robot a.mkv", "snapshot robot a.png", "listen"]
)
def test_commands_with_a_role_say_which_limits_there_are(command: str) -> None:
    result = CliRunner().invoke(main, [*command.split(), "--limit", "help"])

    assert result.exit_code == 2
    said = " ".join(result.output.split())
    for field in fields(SessionLimits):
        assert f" {field.name}={written(field.default)}" in said


def test_server_says_which_limits_there_are() -> None:
    result = CliRunner().invoke(main, ["serve", "--limit", "help"])

    assert result.exit_code == 2
    said = " ".join(result.output.split())
    for field in fields(ServerLimits):
        assert f" {field.name}={written(field.default)}" in said
