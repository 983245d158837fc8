"""wrtc: libwebrtc, whose SCTP is dcsctp, with the interface of aiortc. Runs in the environment that ``.ci/peers`` made."""

from __future__ import annotations

from typing import Final

from webrtc.aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from benchmarks.contestants.asyncio_program import AsyncioProgram

HIGH_WATER_BYTES: Final = 1024 * 1024

if __name__ == "__main__":
    AsyncioProgram(
        lambda: RTCPeerConnection(RTCConfiguration(iceServers=[])), RTCSessionDescription, HIGH_WATER_BYTES
    ).main()
