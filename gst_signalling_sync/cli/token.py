"""``gst-signalling-sync token``: a token, and what the file of a server holds of it."""

from __future__ import annotations

import datetime
import json
from typing import Any, Final

import click

from ..protocol.messages import Role
from ..protocol.tokens import hashed, new_token
from .numbers import FiniteRange
from .output import json_option, print_json

__all__ = ["token"]

_SECONDS_PER_DAY: Final = 86_400

_MAX_DAYS: Final = 36_500


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
    type=click.Choice([str(role) for role in Role]),
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
    help="How long it lets in, from now on.  [default: forever]",
)
@click.option("--connections", type=click.IntRange(min=1), help="The maximum number of peers with it at once.")
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

    Prints the token of SUBJECT, an empty line, and its entry for the file, which does not give the token away. The peer has the
    token in GST_SIGNALLING_TOKEN, in a --token-file, or in Endpoint(token=...).
    """
    secret = new_token()
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
    # Strings, numbers, truth and lists of strings are written as in JSON, but for DEL, which TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
