"""What an error says of ICE: the candidates of both ends, and the answers of STUN and TURN servers."""

from __future__ import annotations

from .engine.peer_connection import PeerConnection

__all__ = ["describe_ways", "why_no_candidate"]

_SHOWN = 12


def describe_ways(connection: PeerConnection) -> str:
    """The candidates of both ends and the failures of servers, as a part of an error message."""
    parts = [
        f"candidates here: {_listed(connection.local_candidates)}",
        f"candidates of the peer: {_listed(connection.remote_candidates)}",
    ]
    parts += _failures(connection)
    return "; ".join(parts)


def why_no_candidate(connection: PeerConnection) -> str:
    """Why this end has no candidate, as an error message."""
    failures = _failures(connection)
    if not failures:
        return (
            "this machine has no network address that WebRTC can use, not even 127.0.0.1. Bring a network interface up, or"
            " see which ones IceOptions(interfaces=) leaves."
        )
    return f"there is no way to reach this end: {'; '.join(failures)}"


def _failures(connection: PeerConnection) -> list[str]:
    return [*connection.problems, *(f"{report.server}: {report.outcome}" for report in connection.server_reports)]


def _listed(candidates: list[str]) -> str:
    more = f" and {len(candidates) - _SHOWN} more" if len(candidates) > _SHOWN else ""
    return (", ".join(candidates[:_SHOWN]) or "none") + more
