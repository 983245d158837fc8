"""`Reassembly`: messages from fragments, and their order within a stream (RFC 9260 sections 6.5, 6.6 and 6.9).

The fragments of a message have consecutive TSNs. So fragments are joined to runs by TSN, each in constant time, and a complete
message waits for those before it in its stream.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping
from typing import Final

from .chunks import FIRST, LAST, UNORDERED
from .events import Received
from .serial import SSN_MASK, nearest_ssn

__all__ = ["PIECE_BYTES", "Reassembly"]

PIECE_BYTES: Final = 64
"""Bytes that a waiting fragment or message counts in addition to its payload, so that a peer cannot fill the memory with tiny
ones."""

_RUN_BYTES: Final = 1024
"""Bytes that a run of fragments counts in addition to its fragments."""


_WHOLE: Final = FIRST | LAST


class _Run:
    """Fragments of one message with consecutive TSNs."""

    __slots__ = (
        "first",
        "fragments",
        "has_first",
        "has_last",
        "identifier",
        "last",
        "size",
        "ssn",
        "stream",
        "unordered",
    )

    def __init__(self, tsn: int, flags: int, stream: int, ssn: int, identifier: int, payload: bytes) -> None:
        self.first = self.last = tsn
        self.has_first, self.has_last = bool(flags & FIRST), bool(flags & LAST)
        self.unordered = bool(flags & UNORDERED)
        self.stream = stream
        self.ssn = ssn
        self.identifier = identifier
        self.fragments = deque((payload,))
        self.size = len(payload) + PIECE_BYTES + _RUN_BYTES

    def is_of_same_message(self, other: _Run) -> bool:
        """Whether both runs can be parts of one message."""
        return (self.stream, self.unordered) == (other.stream, other.unordered) and (
            self.unordered or self.ssn == other.ssn
        )

    def join(self, following: _Run) -> _Run:
        """Join this run and the one after it. The shorter run is moved into the longer one, which is returned."""
        if len(self.fragments) >= len(following.fragments):
            self.fragments.extend(following.fragments)
            self.last, self.has_last = following.last, following.has_last
            self.size += following.size - _RUN_BYTES
            return self
        following.fragments.extendleft(reversed(self.fragments))
        following.first, following.has_first = self.first, self.has_first
        # The identifier of the first fragment is that of the message (RFC 9260 section 3.3.1).
        following.identifier = self.identifier
        following.size += self.size - _RUN_BYTES
        return following


class Reassembly:
    """The messages of one association that are not delivered yet.

    `delivered` has the messages that can be delivered, in order. The caller takes them from there.
    """

    def __init__(self) -> None:
        self.delivered: list[Received] = []
        self.size = 0
        """Bytes that wait, with `PIECE_BYTES` and `_RUN_BYTES`."""

        # The last TSN given to `skip`, and the first TSN of the run that goes on after it.
        self._skipped_to: int | None = None
        self._going_on: int | None = None
        self._by_first: dict[int, _Run] = {}
        self._by_last: dict[int, _Run] = {}
        self._next: dict[int, int] = {}
        # For each stream, complete messages that wait for others, by sequence number.
        self._waiting: dict[int, dict[int, Received]] = {}

    def add(self, tsn: int, flags: int, stream: int, ssn: int, identifier: int, payload: bytes) -> None:
        """Add a chunk that was not received before."""
        if flags & _WHOLE == _WHOLE:
            self._complete(stream, ssn, flags & UNORDERED, Received(stream, identifier, payload))
            return
        run = _Run(tsn, flags, stream, ssn, identifier, payload)
        self.size += run.size
        before = None if run.has_first else self._by_last.get(tsn - 1)
        if before is not None and not before.has_last and before.is_of_same_message(run):
            del self._by_last[tsn - 1]
            del self._by_first[before.first]
            run = before.join(run)
            self.size -= _RUN_BYTES
        after = None if run.has_last else self._by_first.get(tsn + 1)
        if after is not None and not after.has_first and run.is_of_same_message(after):
            del self._by_first[tsn + 1]
            del self._by_last[after.last]
            run = run.join(after)
            self.size -= _RUN_BYTES
        if run.has_first and run.has_last:
            self.size -= run.size
            received = Received(stream, run.identifier, b"".join(run.fragments))
            self._complete(stream, run.ssn, run.unordered, received)
        else:
            self._by_first[run.first] = self._by_last[run.last] = run

    def skip(self, cumulative_tsn: int, streams: Mapping[int, int]) -> None:
        """Drop the messages that the peer has abandoned (RFC 3758 section 3.6).

        Args:
            cumulative_tsn: The new cumulative TSN. Chunks that are missing up to it will never come.
            streams: The sequence number of the last skipped message on the wire, for each stream with skipped ordered messages.
        """
        last_skipped = {stream: nearest_ssn(ssn, self._next.get(stream, 0)) for stream, ssn in streams.items()}
        going_on = None
        for run in self._runs_up_to(cumulative_tsn):
            if self._goes_on(run, cumulative_tsn, last_skipped):
                going_on = run.first
            else:
                self.size -= run.size
                del self._by_first[run.first], self._by_last[run.last]
        self._skipped_to, self._going_on = cumulative_tsn, going_on
        for stream, ssn in last_skipped.items():
            expected = self._next.get(stream, 0)
            if ssn < expected:
                continue
            waiting = self._waiting.get(stream, {})
            for complete in sorted(number for number in waiting if number <= ssn):
                self._deliver_waiting(waiting, complete)
            self._next[stream] = ssn + 1
            self._deliver_following(stream)

    def _runs_up_to(self, cumulative_tsn: int) -> list[_Run]:
        """The runs that begin up to a TSN, found in time in proportion to the number of skipped TSNs."""
        runs = self._by_first
        if self._skipped_to is None or cumulative_tsn - self._skipped_to > len(runs):
            return [run for first, run in runs.items() if first <= cumulative_tsn]
        # Only one run can begin before that: the one that went on. Skipped chunks are not added any more.
        firsts = range(self._skipped_to + 1, cumulative_tsn + 1)
        found = [runs[first] for first in firsts if first in runs]
        if self._going_on is not None and self._going_on in runs:
            found.append(runs[self._going_on])
        return found

    def _goes_on(self, run: _Run, cumulative_tsn: int, last_skipped: Mapping[int, int]) -> bool:
        """Whether more fragments of a run's message may come, although missing chunks up to a TSN never come."""
        if not run.has_first or run.last < cumulative_tsn:
            return False
        if run.unordered or run.stream not in last_skipped:
            return True
        return nearest_ssn(run.ssn, self._next.get(run.stream, 0)) > last_skipped[run.stream]

    def reset(self, streams: Collection[int]) -> None:
        """Begin again with sequence number 0, as the peer does (RFC 6525 section 5.2.2). Waiting messages are dropped.

        Args:
            streams: Streams of the peer; empty: all streams.
        """
        for stream in list(streams or self._next.keys() | self._waiting.keys()):
            self._next.pop(stream, None)
            for received in self._waiting.pop(stream, {}).values():
                self.size -= len(received.data) + PIECE_BYTES

    def _complete(self, stream: int, wire_ssn: int, unordered: int, received: Received) -> None:
        if unordered:
            self.delivered.append(received)
            return
        expected = self._next.get(stream, 0)
        ssn = expected if wire_ssn == expected & SSN_MASK else nearest_ssn(wire_ssn, expected)
        if ssn > expected:
            waiting = self._waiting.setdefault(stream, {})
            if ssn not in waiting:
                waiting[ssn] = received
                self.size += len(received.data) + PIECE_BYTES
            return
        self.delivered.append(received)
        # A peer that reuses an old sequence number counts wrongly. Its message is delivered, and does not wait forever.
        if ssn == expected:
            self._next[stream] = expected + 1
            if stream in self._waiting:
                self._deliver_following(stream)

    def _deliver_following(self, stream: int) -> None:
        waiting = self._waiting.get(stream)
        if waiting is None:
            return
        expected = self._next[stream]
        while expected in waiting:
            self._deliver_waiting(waiting, expected)
            expected += 1
        self._next[stream] = expected
        if not waiting:
            del self._waiting[stream]

    def _deliver_waiting(self, waiting: dict[int, Received], ssn: int) -> None:
        received = waiting.pop(ssn)
        self.size -= len(received.data) + PIECE_BYTES
        self.delivered.append(received)
