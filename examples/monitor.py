"""Prints the peers of a signalling server when they register, change their roles and leave.

Run these in two terminals, then start and stop `producer.py` in a third one:

    gst-signalling-sync serve
    python examples/monitor.py
"""

from __future__ import annotations

import argparse
import contextlib

from gst_signalling_sync import Listener, Peer


def describe(peer: Peer, roles: tuple[str, ...]) -> str:
    """The line to print about a peer."""
    named = f"{peer.id} ({peer.name})" if peer.name else peer.id
    return f"{named}: {', '.join(roles) or 'gone'}"


def main() -> None:
    """Watch until Ctrl-C."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--uri", help="of the signalling server; by default $GST_SIGNALLING_URI or ws://127.0.0.1:8443")
    options = parser.parse_args()

    listener = Listener(options.uri, meta={"name": "monitor"})
    known: dict[str, tuple[str, ...]] = {}

    @listener.peer_status_changed.connect
    def report(listener: Listener, peer: Peer, roles: tuple[str, ...]) -> None:
        # A listener is also told about itself, and about a peer without a role only that it left.
        if peer.id == listener.peer_id or roles == known.get(peer.id, ()):
            return
        known[peer.id] = roles
        print(describe(peer, roles), flush=True)

    # Only these two signals report the producers that were there before the listener, and changes while the server was away.
    @listener.producer_added.connect
    def came(listener: Listener, peer: Peer) -> None:
        if "producer" not in known.get(peer.id, ()):
            report(listener, peer, ("producer",))

    @listener.producer_removed.connect
    def went(listener: Listener, peer: Peer) -> None:
        if "producer" in known.get(peer.id, ()):
            report(listener, peer, ())

    @listener.state_changed.connect
    def tell(listener: Listener, state: str, error: Exception | None) -> None:
        print(f"{listener.uri}: {state}" + (f": {error}" if error else ""), flush=True)

    with contextlib.suppress(KeyboardInterrupt), listener:
        listener.serve_forever()


if __name__ == "__main__":
    main()
