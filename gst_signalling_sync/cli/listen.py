"""``gst-signalling-sync listen``: prints peers as they come, change and leave."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

import click

import gst_signalling_sync

from .limits import session_limits_option
from .logs import verbose_option
from .output import (
    end_interrupted_line,
    json_option,
    peer_fields,
    print_json,
    printable,
    remaining_meta,
    remark,
    stdout_is_terminal,
)
from .program import treat_sigterm_as_interrupt
from .server_options import server_options

if TYPE_CHECKING:
    from .. import Endpoint, Listener, Peer, SessionLimits

__all__ = ["listen"]

_COLOURS: Final = {"came": "green", "changed": "yellow", "left": "red"}


@click.command(
    short_help="Print peers that come, change and leave.",
    epilog="""\b
Examples:
  gst-signalling-sync listen
  gst-signalling-sync listen --uri ws://robot.local:8443
  gst-signalling-sync listen --json | jq -c 'select(.event == "left")'
""",
)
@json_option("Print one JSON object per line with time, event (came, changed, left), id, name, roles and meta.")
@server_options
@session_limits_option
@verbose_option
def listen(endpoint: Endpoint, timeout: float, limits: SessionLimits, as_json: bool) -> None:
    """Print peers as they come, change and leave, until Ctrl-C.

    The producers that are there already are printed first. A peer without a role, such as an ordinary consumer, is not
    announced by signalling servers and not shown. When the server restarts, listen connects again and prints what has changed.
    """
    treat_sigterm_as_interrupt()
    try:
        log = _PeerLog(as_json)
        listener = gst_signalling_sync.Listener(
            endpoint, timeout=timeout, retry=gst_signalling_sync.Retry(), limits=limits
        )
        listener.producer_added.connect(log.on_producer)
        listener.producer_removed.connect(log.on_producer_removed)
        listener.peer_status_changed.connect(log.on_status)
        listener.connection_lost.connect(lambda listener, error: remark(f"{error}; connecting again"))
        listener.reconnected.connect(lambda listener, peer_id: remark(f"connected to {endpoint.uri} again"))
        try:
            with listener:
                listener.serve_forever()
        except gst_signalling_sync.ConnectionLost:
            # A callback closed it before its start was complete.
            if log.failure is None:
                raise
        if log.failure is not None:
            raise log.failure
    except KeyboardInterrupt:
        end_interrupted_line()


class _PeerLog:
    """Prints peers, and tells new ones from changed ones; used on the listener's callback thread.

    Args:
        as_json: Whether to print JSON.
    """

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._roles: dict[str, tuple[str, ...]] = {}
        self.failure: OSError | None = None

    def on_producer(self, listener: Listener, peer: Peer) -> None:
        # A producer that comes later was printed by its status, just before.
        if peer.id not in self._roles:
            self.on_status(listener, peer, ("producer",))

    def on_producer_removed(self, listener: Listener, peer: Peer) -> None:
        # A producer that left while the server was away; any other one was printed by its status, just before.
        if "producer" in self._roles.get(peer.id, ()):
            self.on_status(listener, peer, ())

    def on_status(self, listener: Listener, peer: Peer, roles: tuple[str, ...]) -> None:
        known = peer.id in self._roles
        if peer.id == listener.peer_id or not (roles or known):
            return
        if roles:
            self._roles[peer.id] = roles
        else:
            del self._roles[peer.id]
        event = "left" if not roles else "changed" if known else "came"
        try:
            self._print(event, peer, roles)
        except OSError as error:
            # The output is closed, and only the main thread can end the program.
            self.failure = error
            listener.close()

    def _print(self, event: str, peer: Peer, roles: tuple[str, ...]) -> None:
        now = datetime.now().astimezone()
        names = [str(role) for role in roles]
        if self._as_json:
            fields = peer_fields(peer)
            print_json({"time": now.isoformat(timespec="milliseconds"), "event": event, "roles": names, **fields})
            return
        what = f"{event:7}"
        if stdout_is_terminal():
            what = click.style(what, _COLOURS[event])
        name, meta = printable(peer.name or "(no name)"), printable(remaining_meta(peer))
        shown = [f"{now:%H:%M:%S}.{now.microsecond // 1000:03}", what, peer.id, name, ",".join(names), meta]
        click.echo("  ".join(shown).rstrip())
