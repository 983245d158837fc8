"""aiortc's estimate of the bitrate by the receiver (REMB, draft-alvestrand-rmcat-remb-03)."""

from __future__ import annotations

from aiortc.rate import RemoteBitrateEstimator

__all__ = ["RemoteBitrateEstimator"]
