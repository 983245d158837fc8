"""``gst-signalling-sync token``: makes a token, and its entry for a server's file."""

from __future__ import annotations

import datetime
import json
import secrets
from typing import Any, Final

import click

from .. import Grant
from ..server import hashed
from .numbers import FiniteRange
from .output import json_option, print_json

__all__ = ["token"]

_SECONDS_PER_DAY: Final = 86_400

_MAX_DAYS: Final = 36_500

_TOKEN_BYTES: Final = 32
"""Random bytes of a token: 256 bits cannot be guessed."""


@click.command(
    epilog="""\b
Examples:
  gst-signalling-sync token robot-7 --role producer --name robot-7
  gst-signalling-sync token operator --peer 'robot-*' --expires-in 30
"""
)
@click.argument("subject")
@click.option(
    "--role",
    "roles",
    multiple=True,
    type=click.Choice([str(role) for role in Grant().roles]),
    help="Let it register as this; may be repeated.  [default: everything]",
)
@click.option(
    "--name",
    "names",
    multiple=True,
    metavar="PATTERN",
    help="Let it register under names of this pattern; may be repeated.  [default: every name]",
)
@click.option(
    "--peer",
    "peers",
    multiple=True,
    metavar="PATTERN",
    help="Let it see peers of this name, and start sessions with them; may be repeated; '': no peer.  [default: all]",
)
@click.option(
    "--expires-in",
    type=FiniteRange(min=0, max=_MAX_DAYS, min_open=True),
    metavar="DAYS",
    help="How long it is valid, from now on.  [default: forever]",
)
@click.option("--connections", type=click.IntRange(min=1), help="Maximum number of peers with it at the same time.")
@click.option("--metrics", is_flag=True, help="Let it read /metrics.")
@json_option("Print one JSON object with token, hash and entry.")
def token(
    subject: str,
    roles: tuple[str, ...],
    names: tuple[str, ...],
    peers: tuple[str, ...],
    expires_in: float | None,
    connections: int | None,
    metrics: bool,
    as_json: bool,
) -> None:
    """Make a token for serve --tokens.

    Prints the token of SUBJECT, an empty line, and its entry for the file, which does not reveal the token. The peer gets the
    token by GST_SIGNALLING_TOKEN, a --token-file, or Endpoint(token=...).
    """
    secret = secrets.token_urlsafe(_TOKEN_BYTES)
    digest = hashed(secret)
    fields: dict[str, Any] = {"hash": digest}
    for field, values in {"roles": roles, "names": names, "peers": peers}.items():
        if values:
            fields[field] = [value for value in values if value]
    if expires_in is not None:
        fields["expires"] = _moment(expires_in)
    if connections is not None:
        fields["connections"] = connections
    if metrics:
        fields["metrics"] = True
    entry = f"[tokens.{_toml(subject)}]\n" + "".join(f"{name} = {_toml(value)}\n" for name, value in fields.items())
    if as_json:
        print_json({"token": secret, "hash": digest, "entry": entry})
    else:
        click.echo(f"{secret}\n\n{entry}", nl=False)


def _moment(days: float) -> datetime.datetime:
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    return now + datetime.timedelta(seconds=round(days * _SECONDS_PER_DAY))


def _toml(value: Any) -> str:
    if isinstance(value, datetime.datetime):
        return value.isoformat().replace("+00:00", "Z")
    # Strings, numbers, booleans and lists of strings are written as in JSON, but TOML requires DEL to be escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
