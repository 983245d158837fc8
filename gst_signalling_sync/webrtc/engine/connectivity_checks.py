"""`ConnectivityChecks`: which candidate pair is checked when (RFC 8445 sections 6.1.4.2 and 7.3.1.4)."""

from __future__ import annotations

import asyncio
from typing import Final

from aioice import Connection, stun
from aioice.ice import CandidatePair, StunProtocol

from ...threads import clock
from .gathering import Gathering

__all__ = ["ConnectivityChecks"]

_DIRECT_FIRST_SECONDS: Final = 0.3
"""Seconds that pairs with a relay wait for those without one. The first pair that answers is used, and a relay that is near may
answer before a hole is punched (RFC 5128 section 3.3)."""

_CHECK_SECONDS: Final = 0.02
"""Seconds between two new checks: Ta of RFC 8445 section 14.2, with the value that aioice has."""

_MAX_LEARNT: Final = 32
"""Maximum number of peer-reflexive candidates of the peer (RFC 8445 section 7.3.1.3). A peer whose NAT changes its port has one
more each time, over weeks; a hostile one could have packets sent to any number of addresses."""


class ConnectivityChecks(Connection):
    """An ICE connection of aioice's that paces its checks, and prefers pairs without a relay. Lives on the loop."""

    gathering: Gathering | None = None
    """The gathering of candidates; None before it begins."""

    _pacing: asyncio.Task[None] | None = None
    _checks_began_at: float | None = None
    _checked_again: list[CandidatePair]

    @property
    def is_gathering(self) -> bool:
        """Whether more candidates of this end may come."""
        return self.gathering is not None and self.gathering.is_active

    @property
    def checks_under_way(self) -> int:
        """Number of pairs whose checks are not answered yet."""
        return sum(pair.state is CandidatePair.State.IN_PROGRESS for pair in self._check_list)

    def check_incoming(self, message: stun.Message, addr: tuple[str, int], protocol: StunProtocol) -> None:
        """Handle the peer's check of a pair; called by aioice.

        This end's check of the pair, if it is under way, is sent again at once, as in RFC 8445 section 7.3.1.4, which aioice
        does not implement. The check may have been dropped by a firewall or relay that lets it pass now, and would otherwise be
        repeated later.
        """
        if "PRIORITY" not in message.attributes:
            # Every check has it (RFC 8445 section 7.1.1).
            return
        if not any((each.host, each.port) == addr for each in self._remote_candidates):
            self._make_room()
        super().check_incoming(message, addr, protocol)
        for pair in self._check_list:
            is_meant = pair.protocol is protocol and pair.remote_addr == addr
            if is_meant and pair.state is CandidatePair.State.IN_PROGRESS and pair not in self._checked_again:
                self._checked_again.append(pair)
                if pair.task is not None:
                    pair.task.cancel()
                    pair.task = None
                self.check_start_task(pair)

    def _make_room(self) -> None:
        """Forget the oldest peer-reflexive candidate that is not in use, if there are many."""
        used = [pair.remote_candidate for pair in self._nominated.values()]
        learnt = [each for each in self._remote_candidates if each.type == "prflx"]
        oldest = next((each for each in learnt if not any(each is one for one in used)), None)
        if oldest is None or len(learnt) < _MAX_LEARNT:
            return
        self._remote_candidates = [each for each in self._remote_candidates if each is not oldest]
        for pair in [each for each in self._check_list if each.remote_candidate is oldest]:
            if pair.task is not None:
                pair.task.cancel()
            self._check_list.remove(pair)
            if pair in self._checked_again:
                self._checked_again.remove(pair)

    def _remote_candidates_expected(self) -> bool:
        # There may be more pairs as long as either end may have more candidates.
        return self.is_gathering or super()._remote_candidates_expected()

    def _check_periodic(self) -> bool:
        if self._check_list_done or not self._check_list:
            return not self._check_list_done and self._remote_candidates_expected()
        if self._pacing is None:
            self._pacing = asyncio.create_task(self._pace())
        # aioice now waits for the outcome, and does not begin checks itself.
        return False

    async def _pace(self) -> None:
        while self._begin_check():
            await asyncio.sleep(_CHECK_SECONDS)

    def _begin_check(self) -> bool:
        """Begin the next check, if there is one.

        Returns:
            Whether there may be another check.
        """
        if self._check_list_done:
            return False
        if self._checks_began_at is None:
            self._checks_began_at = clock.now()
        holds_relays = clock.now() < self._checks_began_at + _DIRECT_FIRST_SECONDS and any(
            not _is_relayed(pair) for pair in self._check_list
        )
        for state in (CandidatePair.State.WAITING, CandidatePair.State.FROZEN):
            for pair in self._check_list:
                if pair.state is state and not (holds_relays and _is_relayed(pair)):
                    self.check_start_task(pair)
                    return True
        return holds_relays or self._remote_candidates_expected()

    def _stop_pacing(self) -> None:
        if self._pacing is not None:
            self._pacing.cancel()


def _is_relayed(pair: CandidatePair) -> bool:
    return "relay" in (pair.local_candidate.type, pair.remote_candidate.type)
