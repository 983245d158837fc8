"""Measures the pairs over the links, one after another."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Final, Self

from benchmarks.links.pairs import PAIRS
from benchmarks.links.profiles import PROFILES
from gst_signalling_sync import SignallingServer
from gst_signalling_sync.testing import LinkProfile
from gst_signalling_sync.testing.network import SimulatedNetwork

__all__ = ["LinkResult", "Sample", "run"]

_STEP_SECONDS: Final = 0.25
_SETTLED_SECONDS: Final = 5.0
"""Seconds since the first frame after which freezes and frame rates count."""

_USED_SECONDS: Final = 10.0
"""Seconds since the first frame after which the usage of the link counts. A shorter run counts its second half."""

_START_SECONDS: Final = 30.0
_LITTLE_LOSS: Final = 0.02
_FIT_SECONDS: Final = 2.0


@dataclass(frozen=True)
class Sample:
    """What passed the link in an interval.

    Attributes:
        seconds: End of the interval, in seconds since the first frame.
        bitrate: Bit/s that were delivered, in the direction with more of them.
        lost: Share of the packets that were lost.
    """

    seconds: float
    bitrate: float
    lost: float


@dataclass(frozen=True)
class LinkResult:
    """The measurement of one pair over one link.

    Attributes:
        profile: Name of the link.
        pair: Name of the pair.
        fps: Frames per second after the first 5 s.
        bitrate: Bit/s that were delivered after the first 10 s.
        usage: `bitrate` as a share of the link's rate; None: the rate changes or is not limited.
        delay_p50: Median of the seconds from capture to decoded; None: no frame could be read.
        delay_p95: The 95th percentile of the same.
        freeze: Longest time without a frame after the first 5 s, in seconds.
        fits_after: Seconds until hardly more packets were lost than the link loses by itself; None: never.
        busy: Share of this machine's processor time that was used. A run above 0.9 says little.
        samples: One for each interval.
    """

    profile: str
    pair: str
    fps: float
    bitrate: float
    usage: float | None
    delay_p50: float | None
    delay_p95: float | None
    freeze: float
    fits_after: float | None
    busy: float
    samples: tuple[Sample, ...]

    def to_json(self) -> dict[str, Any]:
        """The result as JSON's types."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The result that `to_json` described."""
        return cls(**{**values, "samples": tuple(Sample(**each) for each in values["samples"])})


def run(
    rounds: int, profiles: Sequence[str], pairs: Sequence[str], seconds: float, progress: Callable[[str], None]
) -> list[LinkResult]:
    """Measure. A pair that shows no frame within half a minute is reported and left out.

    Args:
        rounds: How often each pair is watched on each link.
        profiles: Parts of the names of links; empty: all of them.
        pairs: Parts of the names of pairs, or their letters; empty: all of them.
        seconds: Length of a measurement, from the first frame.
        progress: Called with what happens.
    """
    results = []
    chosen = list(itertools.product(_chosen(PROFILES, profiles), _chosen(PAIRS, pairs)))
    for number, (profile, pair) in itertools.product(range(rounds), chosen):
        progress(f"{number + 1}: {profile}: {pair}")
        try:
            results.append(_measure(profile, pair, seconds))
        except TimeoutError as error:
            # The other pairs are still worth measuring.
            progress(str(error))
    return results


def _chosen(names: dict[str, Any], parts: Sequence[str]) -> list[str]:
    return [name for name in names if not parts or any(_means(part.lower(), name.lower()) for part in parts)]


def _means(part: str, name: str) -> bool:
    # One letter means the pair whose name begins with it, such as "a" for "a ours -> ours".
    return name.startswith(f"{part} ") if len(part) == 1 else part in name


def _measure(name: str, pair: str, seconds: float) -> LinkResult:
    profile = PROFILES[name]
    with (
        SignallingServer(port=0) as server,
        SimulatedNetwork(server.uri, profile) as network,
        PAIRS[pair](server.uri, network.uri) as viewer,
    ):
        deadline = time.monotonic() + _START_SECONDS
        while not viewer.frames():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{pair} over {name}: no frame within {_START_SECONDS:g} s")
            time.sleep(_STEP_SECONDS)
        begin, used = time.time(), _processor_seconds()
        samples, before = [], network.relay.traffic
        while (now := time.time()) < begin + seconds:
            time.sleep(_STEP_SECONDS)
            traffic, elapsed = network.relay.traffic, time.time() - now
            sent = traffic.passed + traffic.dropped - before.passed - before.dropped
            lost = (traffic.dropped - before.dropped) / max(1, sent)
            bits = (traffic.busiest_bytes - before.busiest_bytes) * 8 / elapsed
            samples.append(Sample(time.time() - begin, bits, lost))
            before = traffic
        frames = [frame for frame in viewer.frames() if begin <= frame[0] <= begin + seconds]
        busy = (_processor_seconds() - used) / seconds / (os.cpu_count() or 1)
    return _result(name, pair, profile, frames, begin, seconds, tuple(samples), busy)


def _result(
    name: str,
    pair: str,
    profile: LinkProfile,
    frames: Sequence[tuple[float, float | None]],
    begin: float,
    seconds: float,
    samples: tuple[Sample, ...],
    busy: float,
) -> LinkResult:
    settled = min(_SETTLED_SECONDS, seconds / 2)
    times = [time for time, _ in frames if time >= begin + settled]
    gaps = itertools.pairwise([begin + settled, *times, begin + seconds])
    delays = sorted(delay for _, delay in frames if delay is not None)
    used = [each.bitrate for each in samples if each.seconds > min(_USED_SECONDS, seconds / 2)]
    bitrate = sum(used) / max(1, len(used))
    has_one_rate = profile.rate is not None and not profile.changes
    return LinkResult(
        name,
        pair,
        len(times) / (seconds - settled),
        bitrate,
        bitrate / profile.rate if has_one_rate and profile.rate is not None else None,
        median(delays) if delays else None,
        delays[int(0.95 * (len(delays) - 1))] if delays else None,
        max(after - before for before, after in gaps),
        _fits_after(samples, profile.loss),
        busy,
        samples,
    )


def _fits_after(samples: Sequence[Sample], own_loss: float) -> float | None:
    """Seconds until the first window in which little was lost; None: there is no such window."""
    steps = round(_FIT_SECONDS / _STEP_SECONDS)
    for index in range(len(samples) - steps + 1):
        window = samples[index : index + steps]
        if sum(each.lost for each in window) / steps <= own_loss * 1.5 + _LITTLE_LOSS:
            return window[0].seconds - _STEP_SECONDS
    return None


def _processor_seconds() -> float:
    """Seconds for which the processors of this machine were busy since it started."""
    with open("/proc/stat", encoding="ascii") as file:
        ticks = [int(each) for each in file.readline().split()[1:]]
    idle = ticks[3] + ticks[4]
    return (sum(ticks[:8]) - idle) / os.sysconf("SC_CLK_TCK")
