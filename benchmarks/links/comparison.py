"""Medians of several rounds, and what this library's pairs miss of what GStreamer's and Chromium's own reach."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from statistics import median
from typing import Final

from benchmarks.links.profiles import PROFILES
from benchmarks.links.run import LinkResult

__all__ = ["TOO_BUSY", "Median", "medians", "misses"]

TOO_BUSY: Final = 0.9
"""Share of the processors' time above which a run does not count."""

_FPS: Final = 0.85
_DELAY: Final = 1.15
_FREEZE: Final = (1.25, 0.2)
_MAX_FREEZE: Final = 1.0
_USAGE: Final = 0.8
_FILLED_RATE: Final = 2e6
"""Highest rate of a link, in bit/s, that 640x480 fills."""

_REFERENCES: Final = {"a": "ef", "b": "e", "c": "ef", "d": "ef"}


class Median:
    """The medians of the runs of one pair over one link.

    Attributes:
        result: The medians. The samples are those of the first run.
        runs: Number of runs that count: those that left the processors some time. If none did, all count.
        left_out: Number of the others.
    """

    def __init__(self, results: Sequence[LinkResult]) -> None:
        quiet = [each for each in results if each.busy <= TOO_BUSY]
        self.runs = len(quiet)
        self.left_out = len(results) - len(quiet)
        counted = quiet or results

        def of(field: Callable[[LinkResult], float | None]) -> float | None:
            values = [value for each in counted if (value := field(each)) is not None]
            return median(values) if values else None

        self.result = replace(
            counted[0],
            fps=of(lambda each: each.fps) or 0.0,
            bitrate=of(lambda each: each.bitrate) or 0.0,
            usage=of(lambda each: each.usage),
            delay_p50=of(lambda each: each.delay_p50),
            delay_p95=of(lambda each: each.delay_p95),
            freeze=of(lambda each: each.freeze) or 0.0,
            fits_after=of(lambda each: each.fits_after),
            busy=of(lambda each: each.busy) or 0.0,
        )


def medians(results: Iterable[LinkResult]) -> list[Median]:
    """The medians of each pair over each link, in the order of the first results."""
    groups: dict[tuple[str, str], list[LinkResult]] = {}
    for each in results:
        groups.setdefault((each.profile, each.pair), []).append(each)
    return [Median(each) for each in groups.values()]


def misses(results: Sequence[LinkResult]) -> list[str]:
    """What the pairs of this library miss.

    Frames per second and the 95th percentile of the delay may be 15 % worse than those of the reference, and the longest freeze
    may be a quarter and 200 ms longer, but not longer than a second. The reference is webrtcsink with webrtcsrc if webrtcsink
    sends, otherwise the better one of that and of two Chromium. A link that the video can fill must be used to 80 %.

    Args:
        results: One for each pair and link; links without a reference are left out.

    Returns:
        A line for each miss.
    """
    found = []
    for each in results:
        letters = _REFERENCES.get(each.pair[0], "")
        references = [other for other in results if other.profile == each.profile and other.pair[0] in letters]
        if references:
            found += [f"{each.profile}: {each.pair}: {line}" for line in _misses_of(each, references)]
    return found


def _misses_of(each: LinkResult, references: Sequence[LinkResult]) -> list[str]:
    found = []
    fps = _FPS * max(other.fps for other in references)
    if each.fps < fps:
        found.append(f"{each.fps:.1f} frames/s, at least {fps:.1f} wanted")
    delays = [other.delay_p95 for other in references if other.delay_p95 is not None]
    if delays and each.delay_p95 is not None and each.delay_p95 > _DELAY * min(delays):
        found.append(
            f"p95 of the delay {1000 * each.delay_p95:.0f} ms, at most {_DELAY * 1000 * min(delays):.0f} wanted"
        )
    factor, seconds = _FREEZE
    freeze = min(factor * min(other.freeze for other in references) + seconds, _MAX_FREEZE)
    if each.freeze > freeze:
        found.append(f"frozen for {each.freeze:.2f} s, at most {freeze:.2f} wanted")
    rate = PROFILES[each.profile].rate
    if each.usage is not None and rate is not None and rate <= _FILLED_RATE and each.usage < _USAGE:
        found.append(f"{100 * each.usage:.0f} % of the link used, {100 * _USAGE:.0f} wanted")
    return found
