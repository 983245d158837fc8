"""``gst-signalling-sync check``: examines the path to a producer and says what is wrong with it."""

from __future__ import annotations

import shutil
import textwrap
from typing import Any, Final

import click

from .examination import Examination, Finding
from .numbers import SECONDS
from .output import json_option, print_json, printable, stdout_is_terminal
from .program import treat_sigterm_as_interrupt
from .session_options import SessionOptions, session_options

__all__ = ["check"]

_MARKS: Final = {True: ("ok", "green"), False: ("FAILED", "red"), None: ("-", "bright_black")}
_MARK_WIDTH: Final = 8
_STEP_WIDTH: Final = 12
_PLAIN_WIDTH: Final = 1000


@click.command(
    short_help="Examine the path to a producer.",
    epilog="""\b
Examples:
  gst-signalling-sync check robot
  gst-signalling-sync check robot --ice-server turn://user:password@relay
  gst-signalling-sync check robot --uri wss://robot.example --json
""",
)
@click.argument("name")
@click.option(
    "--seconds",
    type=SECONDS,
    default=1.0,
    show_default=True,
    help="How long bit rates are measured.",
)
@json_option("Print one JSON object: ok, and findings with step, ok, text and details.")
@session_options
def check(name: str, seconds: float, options: SessionOptions, as_json: bool) -> None:
    """Examine the path to producer NAME, a name or a peer id.

    Checks the signalling server and its token, each STUN and TURN server by itself, the candidates, the route that a session
    takes, its round trip, loss and bit rates. Fails where no session is possible, or a given ICE server is unusable.
    """
    treat_sigterm_as_interrupt()
    examination = Examination(name, options, seconds)
    findings = []
    for finding in examination.run():
        findings.append(finding)
        if not as_json:
            _print(finding)
    is_good = all(finding.is_good is not False for finding in findings)
    if as_json:
        print_json({"ok": is_good, "findings": [_as_json(finding) for finding in findings]})
    if not is_good:
        click.get_current_context().exit(1)


def _as_json(finding: Finding) -> dict[str, Any]:
    return {"step": finding.step, "ok": finding.is_good, "text": finding.text, "details": finding.details}


def _print(finding: Finding) -> None:
    is_terminal = stdout_is_terminal()
    width = shutil.get_terminal_size().columns if is_terminal else _PLAIN_WIDTH
    indent = " " * (_MARK_WIDTH + _STEP_WIDTH)
    first, *others = textwrap.wrap(
        printable(finding.text), max(width - len(indent), 20), break_long_words=False, break_on_hyphens=False
    ) or [""]
    mark, colour = _MARKS[finding.is_good]
    padded = mark.ljust(_MARK_WIDTH)
    styled = click.style(padded, fg=colour, bold=finding.is_good is False) if is_terminal else padded
    click.echo(f"{styled}{finding.step.ljust(_STEP_WIDTH)}{first}")
    for line in others:
        click.echo(indent + line)
