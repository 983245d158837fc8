"""`RemoteClock`: capture times of frames by the sender's wall clock, from RTCP sender reports (RFC 3550 section 6.4.1)."""

from __future__ import annotations

from typing import Final

__all__ = ["RemoteClock", "unix_time"]

_UNIX_EPOCH_IN_NTP: Final = 2_208_988_800
"""Seconds from 1900 to 1970."""

_NTP_ERA: Final = 1 << 32
_FIRST_ERA: Final = 1 << 31
"""Smaller numbers of seconds belong to the era that begins in 2036 (RFC 4330 section 3)."""

_IMPLAUSIBLE_SECONDS: Final = 1.0
"""A report that contradicts the one before by more counts only if the next one agrees with it."""


class RemoteClock:
    """Maps the timestamps of one track to the wall clock of its sender, by the sender reports of RTCP.

    All tracks of one sender share its wall clock, by which audio and video are synchronized. It may be read from any thread;
    reports are added on the loop.

    Args:
        clock_rate: RTP ticks per second.
    """

    def __init__(self, clock_rate: int) -> None:
        self.clock_rate = clock_rate
        # One tuple, replaced as a whole, so that other threads never read half of it.
        self._report: tuple[int, float, int] | None = None
        self._doubted: tuple[int, float, int] | None = None

    def seconds(self, timestamp: int) -> float | None:
        """Capture time of the frame with a timestamp.

        Args:
            timestamp: Timestamp of an `EncodedFrame`.

        Returns:
            Unix time by the sender's clock; None before its first report.
        """
        report = self._report
        return None if report is None else _at(report, timestamp)

    def add_report(self, timestamp: int, ntp: int) -> None:
        """Add a sender report; on the loop.

        Args:
            timestamp: Its RTP timestamp, placed on the timeline of the frames.
            ntp: Its NTP timestamp, 64 bits; 0 if the sender has no such clock (RFC 3550 section 6.4.1).
        """
        if ntp <= 0:
            return
        report = (timestamp, unix_time(ntp), self.clock_rate)
        if _agree(self._report, report) or _agree(self._doubted, report):
            self._report, self._doubted = report, None
        else:
            self._doubted = report
            self._report = self._report or report

    def restart(self, clock_rate: int) -> None:
        """Forget all reports, because the clock rate of the track has changed."""
        self.clock_rate = clock_rate
        self._report = self._doubted = None


def unix_time(ntp: int) -> float:
    """Convert an NTP timestamp to Unix time, in seconds.

    Args:
        ntp: An NTP timestamp, in units of 2^-32 s.
    """
    seconds, fraction = ntp >> 32, ntp & 0xFFFFFFFF
    if seconds < _FIRST_ERA:
        seconds += _NTP_ERA
    return seconds - _UNIX_EPOCH_IN_NTP + fraction / _NTP_ERA


def _at(report: tuple[int, float, int], timestamp: int) -> float:
    reported, seconds, clock_rate = report
    return seconds + (timestamp - reported) / clock_rate


def _agree(before: tuple[int, float, int] | None, report: tuple[int, float, int]) -> bool:
    return before is not None and abs(_at(before, report[0]) - report[1]) <= _IMPLAUSIBLE_SECONDS
