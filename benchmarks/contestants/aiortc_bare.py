"""aiortc without this library."""

from __future__ import annotations

from typing import Final

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from benchmarks.contestants.asyncio_program import AsyncioProgram

HIGH_WATER_BYTES: Final = 16 * 1024
"""The best value from 16 KiB to 1 MiB. With more, small messages more often overflow the receiver's UDP buffer, and aiortc
sends most chunks many times; bulk gains nothing."""

if __name__ == "__main__":
    AsyncioProgram(
        lambda: RTCPeerConnection(RTCConfiguration(iceServers=[])), RTCSessionDescription, HIGH_WATER_BYTES
    ).main()
