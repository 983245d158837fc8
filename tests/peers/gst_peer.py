"""The common part of both peer programs: JSON lines to and from the test, and webrtcbin's data channels.

Runs in the virtual environment of gst-signalling 1.1.2 (see ``.ci/peers``), never in ours. Every line on standard output is
an event, every line on standard input a command. The program ends when its standard input does, so that it cannot outlive
its test.

Events: ``ready`` (peer_id), ``session`` (session, peer_id), ``channel`` (session, label, id, ordered, max_retransmits,
max_packet_lifetime, protocol) once open, ``message`` (session, label, and text or base64), ``channel_closed`` (session,
label), ``count`` (messages, bytes: what arrived so far), ``track`` (session, kind, codec) when its first packet has
arrived, ``session_closed`` (session), ``error`` (details), ``closed``.

Messages are echoed, strings as strings and bytes as bytes, but not empty ones, which webrtcbin 1.22 cannot send.

Commands: ``send`` (label, text or base64), ``send_numbers`` (label, count: the strings "0", "1", ...), ``create_channel``
(label), ``close_channel`` (label), ``count``, ``close_session``, ``close``. Commands with a label apply to every session.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import sys
import threading
from collections.abc import Callable
from typing import Any

from gi.repository import GLib, Gst

from .gst_media import GstMedia, add_media_arguments

Fields = dict[str, Any]


def common_arguments(description: str | None) -> argparse.ArgumentParser:
    """The command line options of both programs."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8443)
    parser.add_argument("--no-echo", dest="echo", action="store_false", help="do not send messages back")
    parser.add_argument(
        "--no-report", dest="report", action="store_false", help="count messages, without an event each"
    )
    parser.add_argument("--unordered", action="store_true", help="for the channels made here")
    parser.add_argument("--max-retransmits", type=int)
    parser.add_argument("--max-packet-lifetime", type=int, metavar="MS")
    parser.add_argument("--protocol")
    add_media_arguments(parser)
    return parser


def emit(event: str, **fields: Any) -> None:
    """Report an event to the test; callable from any of GStreamer's threads."""
    line = json.dumps({"event": event, **fields})
    with _stdout_lock:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


class GstPeer:
    """A role of gst-signalling, its channels, and the commands of the test.

    Args:
        role: `GstSignallingProducer` or `GstSignallingConsumer`, not connected yet.
        options: The parsed command line.
    """

    def __init__(self, role: Any, options: argparse.Namespace) -> None:
        self._role = role
        self._options = options
        self._loop = asyncio.get_running_loop()
        self._done = asyncio.Event()
        # webrtcbin emits no signals of a channel without a reference. Key: session id and label.
        self._channels: dict[tuple[str, str], Any] = {}
        self._received = [0, 0]
        self._media = GstMedia(role, options, emit)
        role.on("new_session", self._session_opened)
        role.signalling.on("EndSession", lambda session_id: emit("session_closed", session=session_id))
        role.signalling.on("Error", lambda details: emit("error", details=details))

    async def run(self) -> None:
        """Connect, and execute the test's commands until it closes."""
        await self._role.connect()
        emit("ready", peer_id=self._role.peer_id)
        threading.Thread(target=self._read_commands, daemon=True).start()
        await self._done.wait()
        for session_id in list(self._role.sessions):
            await self._role.close_session(session_id)
        await self._role.close()
        emit("closed")

    def offer_channels(self, labels: list[str]) -> None:
        """Add channels to every session before its offer is made.

        webrtcbin asks for the offer as soon as it starts. gst-signalling emits `new_session` at about the same time, and makes
        no second offer. A channel that is added in that event can miss the only offer, and the session then has nothing to
        connect.
        """
        make_offer = self._role.on_negotiation_needed
        offered = set()

        def on_negotiation_needed(webrtc: Any, session_id: str) -> None:
            if session_id not in offered:
                offered.add(session_id)
                for label in labels:
                    self._make_channel(session_id, webrtc, label)
            make_offer(webrtc, session_id)

        self._role.on_negotiation_needed = on_negotiation_needed

    def _make_channel(self, session_id: str, webrtc: Any, label: str) -> None:
        structure = Gst.Structure.new_empty("application/data-channel")
        structure.set_value("ordered", not self._options.unordered)
        for field, value in (
            ("max-retransmits", self._options.max_retransmits),
            ("max-packet-lifetime", self._options.max_packet_lifetime),
            ("protocol", self._options.protocol),
        ):
            if value is not None:
                structure.set_value(field, value)
        channel = webrtc.emit("create-data-channel", label, structure)
        if channel is None:
            emit("error", details=f"webrtcbin made no data channel {label!r}")
            return
        self._adopt(session_id, channel)

    def _session_opened(self, session: Any) -> None:
        emit("session", session=session.session_id, peer_id=session.peer_id)
        session.pc.connect("on-data-channel", lambda _, channel: self._adopt(session.session_id, channel))

    def _adopt(self, session_id: str, channel: Any) -> None:
        label = channel.get_property("label")
        self._channels[session_id, label] = channel
        channel.connect("on-open", lambda channel: self._opened(session_id, channel))
        channel.connect("on-close", lambda _: emit("channel_closed", session=session_id, label=label))
        channel.connect("on-error", lambda _, error: emit("error", details=str(error)))
        channel.connect("on-message-string", lambda channel, text: self._text(session_id, channel, text))
        channel.connect("on-message-data", lambda channel, data: self._data(session_id, channel, data))

    def _opened(self, session_id: str, channel: Any) -> None:
        emit(
            "channel",
            session=session_id,
            label=channel.get_property("label"),
            id=channel.get_property("id"),
            ordered=channel.get_property("ordered"),
            max_retransmits=channel.get_property("max-retransmits"),
            max_packet_lifetime=channel.get_property("max-packet-lifetime"),
            protocol=channel.get_property("protocol"),
        )

    def _text(self, session_id: str, channel: Any, text: str | None) -> None:
        self._count(len((text or "").encode()))
        if self._options.report:
            emit("message", session=session_id, label=channel.get_property("label"), text=text or "")
        # webrtcbin 1.22 closes a channel on which it is to send an empty message.
        if self._options.echo and text:
            channel.emit("send-string", text)

    def _data(self, session_id: str, channel: Any, data: Any) -> None:
        content = (data.get_data() if data is not None else None) or b""
        self._count(len(content))
        if self._options.report:
            text = base64.b64encode(content).decode()
            emit("message", session=session_id, label=channel.get_property("label"), base64=text)
        if self._options.echo and content:
            channel.emit("send-data", data)

    def _count(self, size: int) -> None:
        # All channels of a session share one SCTP thread, and tests count in one session at a time.
        self._received[0] += 1
        self._received[1] += size

    def _read_commands(self) -> None:
        for line in sys.stdin:
            self._loop.call_soon_threadsafe(self._obey, json.loads(line))
        self._loop.call_soon_threadsafe(self._done.set)

    def _obey(self, command: Fields) -> None:
        name = command.pop("command")
        handlers: dict[str, Callable[..., None]] = {
            "send": self._send,
            "send_numbers": self._send_numbers,
            "create_channel": self._create_channel,
            "close_channel": self._close_channel,
            "count": lambda: emit("count", messages=self._received[0], bytes=self._received[1]),
            "close_session": self._close_sessions,
            "close": self._done.set,
        }
        handlers[name](**command)

    def _labelled(self, label: str) -> list[Any]:
        return [channel for (_, other), channel in self._channels.items() if other == label]

    def _send(self, label: str, text: str | None = None, base64: str | None = None) -> None:
        for channel in self._labelled(label):
            if text is not None:
                channel.emit("send-string", text)
            else:
                channel.emit("send-data", GLib.Bytes.new(_decode(base64 or "")))

    def _send_numbers(self, label: str, count: int) -> None:
        for channel in self._labelled(label):
            for number in range(count):
                channel.emit("send-string", str(number))

    def _create_channel(self, label: str) -> None:
        for session in self._role.sessions.values():
            self._make_channel(session.session_id, session.pc, label)

    def _close_channel(self, label: str) -> None:
        for channel in self._labelled(label):
            channel.emit("close")

    def _close_sessions(self) -> None:
        for session_id in list(self._role.sessions):
            self._closing = self._loop.create_task(self._role.close_session(session_id))


def _decode(text: str) -> bytes:
    return base64.b64decode(text)


_stdout_lock = threading.Lock()
