"""The impaired links over which throughput is compared: what they do to packets, in each direction."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from benchmarks.workload import Workload
from gst_signalling_sync.testing.link import LinkProfile

__all__ = ["BAD_LINKS", "BULK"]

_RATE: Final = 8_000_000
_DELAY: Final = 0.01

BAD_LINKS: Final = MappingProxyType(
    {
        "queue of 500 ms": LinkProfile(rate=_RATE, queue=0.5, delay=_DELAY),
        "bursts": LinkProfile(rate=_RATE, queue=0.1, delay=_DELAY, burst_every=1.0, burst_seconds=0.1),
        "reordering": LinkProfile(rate=_RATE, queue=0.1, delay=_DELAY, reordering=0.1),
        "2 % loss": LinkProfile(rate=_RATE, queue=0.1, delay=_DELAY, loss=0.02),
        "all of it": LinkProfile(
            rate=_RATE, queue=0.5, delay=_DELAY, loss=0.01, reordering=0.05, burst_every=2.0, burst_seconds=0.1
        ),
    }
)
"""By name. Each has 8 Mbit/s and a round-trip time of 20 ms."""

BULK: Final = Workload(warm_up=1, pings=20, flood_messages=2, bulk_messages=250)
"""4 MB, which take 4 s on a link without impairments."""
