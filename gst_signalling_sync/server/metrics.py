"""`metrics_page`: a server's metrics in the text format of Prometheus, by prometheus-client of the extra ``[server]``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from .page import Page
from .tally import Histogram, Tally

if TYPE_CHECKING:
    from prometheus_client import Metric

__all__ = ["Snapshot", "metrics_page"]

_MISSING: Final = Page(
    HTTPStatus.NOT_IMPLEMENTED,
    "This signalling server has no metrics: pip install 'gst-signalling-sync[server]' where it runs.\n",
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The figures that metrics are made of.

    Attributes:
        connections: Number of TCP connections, those with an incomplete handshake included.
        peers: Number of peers by role; ``"none"`` counts those without a role.
        sessions: Number of sessions.
        sessions_started: Number of sessions that were ever started.
        refusals: How often each rule refused something.
        tally: Counts of what has passed.
    """

    connections: int
    peers: Mapping[str, int]
    sessions: int
    sessions_started: int
    refusals: Mapping[str, int]
    tally: Tally


def metrics_page(snapshot: Snapshot) -> Page:
    """The page ``/metrics``.

    Args:
        snapshot: The figures.

    Returns:
        The page; with status 501 where prometheus-client is not installed.
    """
    try:
        from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest
    except ImportError:
        return _MISSING
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(snapshot))
    ProcessCollector(registry=registry)
    return Page(HTTPStatus.OK, generate_latest(registry).decode(), CONTENT_TYPE_LATEST)


class _Collector:
    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterable[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        snapshot, tally = self._snapshot, self._snapshot.tally
        yield GaugeMetricFamily("gst_signalling_connections", "TCP connections.", value=snapshot.connections)
        peers = GaugeMetricFamily("gst_signalling_peers", "Peers by role; one with two counts twice.", labels=["role"])
        for role, count in snapshot.peers.items():
            peers.add_metric([role], count)
        yield peers
        yield GaugeMetricFamily("gst_signalling_sessions", "Sessions that there are.", value=snapshot.sessions)
        yield CounterMetricFamily(
            "gst_signalling_sessions_started", "Sessions that there have been.", value=snapshot.sessions_started
        )
        for name, words, received, sent in (
            ("messages", "WebSocket messages of and to peers.", tally.messages_in, tally.messages_out),
            ("bytes", "Bytes of WebSocket frames of and to peers.", tally.bytes_in, tally.bytes_out),
        ):
            family = CounterMetricFamily(f"gst_signalling_{name}", words, labels=["direction"])
            family.add_metric(["in"], received)
            family.add_metric(["out"], sent)
            yield family
        refusals = CounterMetricFamily("gst_signalling_refusals", "What was refused, by rule.", labels=["reason"])
        for rule, count in sorted(snapshot.refusals.items()):
            refusals.add_metric([rule], count)
        yield refusals
        yield _histogram("gst_signalling_ping_round_trip_seconds", "Round trips of pings to peers.", tally.round_trips)
        yield _histogram("gst_signalling_event_loop_late_seconds", "How late timers were called.", tally.lateness)


def _histogram(name: str, words: str, histogram: Histogram) -> Metric:
    from prometheus_client.core import HistogramMetricFamily

    return HistogramMetricFamily(name, words, buckets=histogram.buckets, sum_value=histogram.sum)
