"""Audio and video of the gst-signalling peers: sources that webrtcbin sends, decoders for what it receives.

Runs in the virtual environment of gst-signalling 1.1.2, as does `gst_peer`, which describes the events.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from typing import Any, Final

from gi.repository import Gst
from gst_signalling import GstSignallingProducer

from .gst_pipelines import PAYLOAD

__all__ = ["GstMedia", "add_media_arguments"]

_FIRST_DYNAMIC_PAYLOAD: Final = 96
_IGNORE: Final = "queue ! fakesink async=false sync=false"


def add_media_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line options of `GstMedia`. Each is a pipeline in text form."""
    parser.add_argument("--send", action="append", default=[], metavar="PIPELINE", help="of a track, up to its RTP")
    parser.add_argument("--video-sink", default=_IGNORE, metavar="PIPELINE", help="for decoded video")
    parser.add_argument("--audio-sink", default=_IGNORE, metavar="PIPELINE", help="for decoded audio")


class GstMedia:
    """The tracks of all sessions of a role.

    Args:
        role: `GstSignallingProducer` or `GstSignallingConsumer`, not connected yet.
        options: The parsed command line.
        emit: Reports an event to the test; called on any of GStreamer's threads.
    """

    def __init__(self, role: Any, options: argparse.Namespace, emit: Callable[..., None]) -> None:
        self._role = role
        # The role's pipeline, which has the webrtcbins of all sessions; None before the first session.
        self._pipeline: Any = None
        self._options = options
        self._emit = emit
        # The elements that each session has in the pipeline beside its webrtcbin.
        self._sources: dict[str, list[Any]] = {}
        self._sinks: dict[str, list[Any]] = {}
        self._init_webrtc, role.init_webrtc = role.init_webrtc, self._init_webrtc_with_tracks
        self._setup_session, role.setup_session = role.setup_session, self._setup_session_and_start
        self._peer_for_session, role.peer_for_session = role.peer_for_session, self._answer_with_tracks
        self._close_session, role.close_session = role.close_session, self._close_session_and_stop

    def _init_webrtc_with_tracks(self, session_id: str) -> Any:
        webrtc = self._init_webrtc(session_id)
        if self._pipeline is None:
            self._pipeline = webrtc.get_parent()
            self._pipeline.get_bus().set_sync_handler(self._on_bus_message)
        webrtc.connect("pad-added", lambda _, pad: self._pad_added(session_id, pad))
        self._sources[session_id], self._sinks[session_id] = [], []
        if isinstance(self._role, GstSignallingProducer):
            for payload, branch in enumerate(self._options.send, _FIRST_DYNAMIC_PAYLOAD):
                self._add_source(session_id, webrtc, branch.replace(PAYLOAD, str(payload)))
        return webrtc

    async def _setup_session_and_start(self, session_id: str, peer_id: str) -> Any:
        session = await self._setup_session(session_id, peer_id)
        self._start_sources(session_id)
        return session

    async def _answer_with_tracks(self, session_id: str, message: dict[str, Any]) -> None:
        if message.get("sdp", {}).get("type") == "offer" and not self._sources[session_id]:
            for branch in self._options.send:
                payload = _offered_payload(message["sdp"]["sdp"], branch)
                if payload is not None:
                    self._add_source(session_id, self._role.sessions[session_id].pc, branch.replace(PAYLOAD, payload))
            self._start_sources(session_id)
        await self._peer_for_session(session_id, message)

    async def _close_session_and_stop(self, session_id: str) -> None:
        await self._close_session(session_id)
        for element in self._sources.pop(session_id, []) + self._sinks.pop(session_id, []):
            element.set_state(Gst.State.NULL)
            self._pipeline.remove(element)

    def _add_source(self, session_id: str, webrtc: Any, branch: str) -> None:
        source = Gst.parse_bin_from_description(branch, True)
        self._sources[session_id].append(source)
        self._pipeline.add(source)
        source.get_static_pad("src").link(webrtc.request_pad_simple("sink_%u"))

    def _start_sources(self, session_id: str) -> None:
        # A source that starts before webrtcbin finds its pads closed, and stops for good.
        for source in self._sources[session_id]:
            source.sync_state_with_parent()

    def _pad_added(self, session_id: str, pad: Any) -> None:
        if pad.get_direction() != Gst.PadDirection.SRC:
            return
        rtp = pad.get_current_caps().get_structure(0)
        kind = rtp.get_string("media")
        msid = pad.get_property("msid")
        self._emit("track", session=session_id, kind=kind, codec=rtp.get_string("encoding-name"), msid=msid)
        sink = Gst.parse_bin_from_description(
            self._options.video_sink if kind == "video" else self._options.audio_sink, True
        )
        decoder = Gst.ElementFactory.make("decodebin")
        decoder.connect("pad-added", lambda _, decoded: decoded.link(sink.get_static_pad("sink")))
        for element in (sink, decoder):
            self._sinks[session_id].append(element)
            self._pipeline.add(element)
            element.sync_state_with_parent()
        pad.link(decoder.get_static_pad("sink"))

    def _on_bus_message(self, _bus: Any, message: Any) -> Any:
        if message.type == Gst.MessageType.ERROR:
            error, debug = message.parse_error()
            self._emit("error", details=f"{message.src.get_name()}: {error.message}: {debug}")
        return Gst.BusSyncReply.DROP


def _offered_payload(offer: str, branch: str) -> str | None:
    """The RTP payload type that an offer has for a pipeline's codec; None: the codec is not offered."""
    codec = re.search(r"encoding-name=(\w+)", branch)
    assert codec is not None, branch
    found = re.search(rf"^a=rtpmap:(\d+) {codec[1]}/", offer, re.MULTILINE | re.IGNORECASE)
    return found and found[1]
