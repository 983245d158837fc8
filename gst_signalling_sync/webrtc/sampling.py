"""`Sampler`: samples the counts of a session, from which its quality is computed. Lives on the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from ..threads import clock
from .engine.peer_connection import PeerConnection
from .quality import Quality, Route, Sample, Stream, quality_between
from .statistics import connection_statistics

__all__ = ["Sampler"]

_MIN_SECONDS: Final = 0.5
"""Minimum time between two samples, in seconds. A rate over less time says nothing."""

_MAX_SECONDS: Final = 60.0
"""Maximum age of the earlier sample, in seconds. An older one says nothing of the link now."""


class Sampler:
    """Samples one peer connection.

    Args:
        connection: The connection.
        frames_in: Returns the frames per second of each received video track.
        frames_out: Returns the number of frames that each video source has encoded.
        largest_payload: Returns the largest UDP payload that the path takes, in bytes; None: it is not known yet.
    """

    def __init__(
        self,
        connection: PeerConnection,
        frames_in: Callable[[], tuple[float, ...]],
        frames_out: Callable[[], tuple[int, ...]],
        largest_payload: Callable[[], int | None],
    ) -> None:
        self._largest_payload = largest_payload
        self._connection = connection
        self._frames_in = frames_in
        self._frames_out = frames_out
        self._last: Sample | None = None

    async def quality(self) -> Quality:
        """Measure the quality since the last call, or, if that was over a minute ago, for half a second.

        It returns half a second after the last call or later.
        """
        before = self._last
        if before is None or clock.now() > before.at + _MAX_SECONDS:
            before = await self._sample()
        await asyncio.sleep(max(0.0, before.at + _MIN_SECONDS - clock.now()))
        self._last = await self._sample()
        return quality_between(before, self._last)

    async def _sample(self) -> Sample:
        connection = self._connection
        stats = list((await connection_statistics(connection)).values())
        received = [each for each in stats if each["type"] == "inbound-rtp"]
        told = [
            each["fractionLost"] for each in stats if each["type"] == "remote-inbound-rtp" and "fractionLost" in each
        ]
        paths = connection.paths
        pair = next((path.selected_pair for path in paths if path.selected_pair is not None), None)
        return Sample(
            at=clock.now(),
            bytes_in=sum(path.bytes_in for path in paths),
            bytes_out=sum(path.bytes_out for path in paths),
            stream=Stream(
                received=sum(each.get("packetsReceived", 0) for each in received),
                lost=sum(each.get("packetsLost", 0) for each in received),
                fraction_lost=max(told, default=None),
            ),
            frames_in=self._frames_in(),
            frames_out=self._frames_out(),
            largest_payload=self._largest_payload(),
            round_trip=next((path.round_trip for path in paths if path.round_trip is not None), None),
            route=None
            if pair is None
            else Route(
                pair.local_type,
                pair.local_address,
                pair.remote_type,
                pair.remote_address,
                relay_protocol=pair.relay_protocol,
            ),
        )
