"""WebRTC for ordinary, threaded Python: GStreamer's signalling, sessions, data channels, video and audio by blocking calls.

Names are imported on first use, so that programs without WebRTC do not load aiortc.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .broadcast_channel import BroadcastChannel
    from .consumer import Consumer, connect
    from .endpoint import Endpoint
    from .errors import (
        ChannelClosed,
        ConnectError,
        ConnectionLost,
        ConnectTimeout,
        MediaError,
        MessageTooLarge,
        PeerNotFound,
        PeerWaitTimeout,
        ProtocolError,
        RecordingError,
        ServerError,
        SessionClosed,
        SignallingError,
        TrackNotFound,
        TrackRemoved,
        TracksFixed,
        WaitTimeout,
    )
    from .ice_options import IceOptions
    from .lifecycle import RoleState
    from .listener import Listener
    from .producer import Producer
    from .protocol.backoff import Retry
    from .protocol.grant import Grant
    from .protocol.limits import Rate, ServerLimits
    from .protocol.messages import Peer
    from .protocol.session_limits import SessionLimits
    from .server import SignallingServer
    from .signalling import SignallingClient, find_producer, list_consumers, list_producers
    from .webrtc.clock_offset import ClockOffset
    from .webrtc.media.frame import Frame
    from .webrtc.media.playing.player import Player
    from .webrtc.media.receiving.audio_receiver import AudioReceiver
    from .webrtc.media.receiving.video_receiver import VideoReceiver
    from .webrtc.media.recording.recorder import Recorder
    from .webrtc.media.sending.audio_source import AudioSource
    from .webrtc.media.sending.encoded_video_source import EncodedVideoSource
    from .webrtc.media.sending.video_source import VideoSource
    from .webrtc.media.stills import encode_still, save_still
    from .webrtc.message import ReceivedMessage
    from .webrtc.probe import ServerAnswer, ask_ice_servers
    from .webrtc.quality import Quality
    from .webrtc.session import DataChannel, Session

_MODULES = {
    "broadcast_channel": ("BroadcastChannel",),
    "consumer": ("Consumer", "connect"),
    "endpoint": ("Endpoint",),
    "errors": (
        "ChannelClosed",
        "ConnectError",
        "ConnectTimeout",
        "ConnectionLost",
        "MediaError",
        "MessageTooLarge",
        "PeerNotFound",
        "PeerWaitTimeout",
        "ProtocolError",
        "RecordingError",
        "ServerError",
        "SessionClosed",
        "SignallingError",
        "TrackNotFound",
        "TrackRemoved",
        "TracksFixed",
        "WaitTimeout",
    ),
    "ice_options": ("IceOptions",),
    "listener": ("Listener",),
    "producer": ("Producer",),
    "lifecycle": ("RoleState",),
    "protocol.backoff": ("Retry",),
    "protocol.grant": ("Grant",),
    "protocol.limits": ("Rate", "ServerLimits"),
    "protocol.messages": ("Peer",),
    "protocol.session_limits": ("SessionLimits",),
    "server": ("SignallingServer",),
    "signalling": ("SignallingClient", "find_producer", "list_consumers", "list_producers"),
    "webrtc.clock_offset": ("ClockOffset",),
    "webrtc.media.frame": ("Frame",),
    "webrtc.media.receiving.audio_receiver": ("AudioReceiver",),
    "webrtc.media.sending.audio_source": ("AudioSource",),
    "webrtc.media.playing.player": ("Player",),
    "webrtc.media.recording.recorder": ("Recorder",),
    "webrtc.media.receiving.video_receiver": ("VideoReceiver",),
    "webrtc.media.sending.encoded_video_source": ("EncodedVideoSource",),
    "webrtc.media.sending.video_source": ("VideoSource",),
    "webrtc.media.stills": ("encode_still", "save_still"),
    "webrtc.message": ("ReceivedMessage",),
    "webrtc.probe": ("ServerAnswer", "ask_ice_servers"),
    "webrtc.quality": ("Quality",),
    "webrtc.session": ("DataChannel", "Session"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "AudioReceiver",
    "AudioSource",
    "BroadcastChannel",
    "ChannelClosed",
    "ClockOffset",
    "ConnectError",
    "ConnectTimeout",
    "ConnectionLost",
    "Consumer",
    "DataChannel",
    "EncodedVideoSource",
    "Endpoint",
    "Frame",
    "Grant",
    "IceOptions",
    "Listener",
    "MediaError",
    "MessageTooLarge",
    "Peer",
    "PeerNotFound",
    "PeerWaitTimeout",
    "Player",
    "Producer",
    "ProtocolError",
    "Quality",
    "Rate",
    "ReceivedMessage",
    "Recorder",
    "RecordingError",
    "Retry",
    "RoleState",
    "ServerAnswer",
    "ServerError",
    "ServerLimits",
    "Session",
    "SessionClosed",
    "SessionLimits",
    "SignallingClient",
    "SignallingError",
    "SignallingServer",
    "TrackNotFound",
    "TrackRemoved",
    "TracksFixed",
    "VideoReceiver",
    "VideoSource",
    "WaitTimeout",
    "__version__",
    "ask_ice_servers",
    "connect",
    "encode_still",
    "find_producer",
    "list_consumers",
    "list_producers",
    "save_still",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("gst-signalling-sync")
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULE_OF, "__version__"})
