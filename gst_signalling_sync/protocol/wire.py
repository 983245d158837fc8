"""The messages as they travel: one JSON object per WebSocket text frame, tagged by ``type``.

Unknown keys are ignored, as the reference server (``gst-plugin-webrtc-signalling``) ignores them. `reading` has the parsers,
`writing` the serialisers.
"""

from .reading import parse_event, parse_request
from .writing import join_list, serialise_event, serialise_peer, serialise_request

__all__ = ["join_list", "parse_event", "parse_request", "serialise_event", "serialise_peer", "serialise_request"]
