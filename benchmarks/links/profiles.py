"""The links over which the pairs are measured."""

from __future__ import annotations

from typing import Final

from gst_signalling_sync.testing import LinkProfile

__all__ = ["PROFILES"]

_DELAY: Final = 0.02


def _steady(rate: float) -> LinkProfile:
    return LinkProfile(rate=rate, queue=0.2, delay=_DELAY)


PROFILES: Final = {
    "300 kbit/s": _steady(300e3),
    "800 kbit/s": _steady(800e3),
    "2 Mbit/s": _steady(2e6),
    "1 Mbit/s policed": LinkProfile(rate=1e6, queue=0.1, policed=True, delay=_DELAY),
    "3-0.5-3 Mbit/s": LinkProfile(
        rate=3e6, queue=0.2, delay=_DELAY, changes=((10.0, _steady(500e3)), (20.0, _steady(3e6)))
    ),
    "2 % loss": LinkProfile(rate=5e6, loss=0.02, delay=_DELAY),
    "5 % loss": LinkProfile(rate=5e6, loss=0.05, delay=_DELAY),
    "10 % loss": LinkProfile(rate=5e6, loss=0.10, delay=_DELAY),
    "bursts of 300 ms": LinkProfile(rate=5e6, burst_every=5.0, burst_seconds=0.3, delay=_DELAY),
    "100 +- 30 ms": LinkProfile(rate=5e6, delay=0.1, jitter=0.03),
}
"""By name, used in both directions. A queue holds 200 ms unless the profile says otherwise."""
