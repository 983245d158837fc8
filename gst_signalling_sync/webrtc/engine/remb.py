"""The receiver's estimate of the bitrate (REMB, draft-alvestrand-rmcat-remb-03), as aiortc has it."""

from __future__ import annotations

from aiortc.rate import RemoteBitrateEstimator

__all__ = ["RemoteBitrateEstimator"]
