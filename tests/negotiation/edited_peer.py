"""`EditedPeer` and `AnsweringPeer`: real peers on bare aiortc with sections that aiortc would not make."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Coroutine, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

from aiortc import RTCConfiguration, RTCDataChannel, RTCDtlsParameters, RTCPeerConnection, RTCSessionDescription

from gst_signalling_sync import SignallingClient
from gst_signalling_sync.threads.loop_thread import LoopThread
from gst_signalling_sync.threads.waiting import Deadline

__all__ = ["AnsweringPeer", "EditedPeer", "sections_of"]

BEGIN_SECONDS = 1.0
SECONDS = 10.0

T = TypeVar("T")

TRANSPORT = ("a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:", "a=setup:")


def split(sdp: str) -> tuple[str, list[str]]:
    """The part of a description before its media sections, and the media sections."""
    session, *sections = sdp.replace("\r\nm=", "\r\n\0m=").split("\0")
    return session, sections


def sections_of(sdp: str) -> list[str]:
    """The media sections of a description."""
    return split(sdp)[1]


def join(session: str, sections: Sequence[str], mids: Sequence[str]) -> str:
    """A description of media sections, with a BUNDLE group of some of them."""
    lines = [line for line in session.splitlines() if not line.startswith("a=group:")]
    return "\r\n".join([*lines, f"a=group:BUNDLE {' '.join(mids)}", ""]) + "".join(sections)


def mids_of(sections: Sequence[str]) -> list[str]:
    return [line[6:] for section in sections for line in section.splitlines() if line.startswith("a=mid:")]


class EditedPeer:
    """A producer that echoes on a data channel "data", and adds a media section to its offers.

    Args:
        uri: The signalling server's.
        extra: Makes the section from the lines of the peer's transport. None: no section is added.
        place: Index of the added section.
        bundle: Returns the mids of the offer's BUNDLE group; called with all mids. Defaults to all mids.
        handshake: The DTLS handshake waits for this event. None: it does not wait.
    """

    def __init__(
        self,
        uri: str,
        extra: Callable[[str], str] | None = None,
        place: int = 1,
        bundle: Callable[[list[str]], list[str]] = lambda mids: mids,
        handshake: threading.Event | None = None,
    ) -> None:
        self.client = SignallingClient(uri)
        self.extra = extra
        self.place = place
        self.bundle = bundle
        self.handshake = handshake
        self.answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.connection: RTCPeerConnection | None = None
        self._session_id = ""
        self._loop = LoopThread("edited-peer")

    def __enter__(self) -> Self:
        self.client.connect()
        self.client.session_requested.connect(self._on_request)
        self.client.sdp_received.connect(self._on_sdp)
        self.client.set_status(["producer"], {"name": "edited"})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.connection is not None:
            self.run(_close(self.connection))
        self.client.close()
        self._loop.close()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the peer's loop."""
        return self._loop.run(coroutine, Deadline(SECONDS), "the peer")

    def offer(self) -> None:
        """Make an offer with the section, and send it."""

        async def make() -> str:
            assert self.connection is not None
            await self.connection.setLocalDescription(await self.connection.createOffer())
            sdp: str = self.connection.localDescription.sdp
            return sdp

        self.client.send_sdp(self._session_id, "offer", self._edited(self.run(make())))

    def send(self, offer: str) -> None:
        """Send an offer as it is; aiortc does not apply it."""
        self.client.send_sdp(self._session_id, "offer", offer)

    def next_answer(self) -> list[str]:
        """The sections of the next answer, including the one for the added section."""
        return sections_of(self.answers.get(timeout=SECONDS))

    def _edited(self, sdp: str) -> str:
        session, sections = split(sdp)
        if self.extra is not None:
            transport = [line for line in sections[0].splitlines() if line.startswith(TRANSPORT)]
            sections.insert(self.place, self.extra("".join(f"{line}\r\n" for line in transport)))
        return join(session, sections, self.bundle(list(dict.fromkeys(mids_of(sections)))))

    def _on_request(self, client: SignallingClient, session_id: str, **_: object) -> None:
        self._session_id = session_id

        async def make() -> RTCPeerConnection:
            connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
            channel = connection.createDataChannel("data")
            channel.on("message", channel.send)
            self._hold_handshake(connection)
            return connection

        self.connection = self.run(make())
        self.offer()

    def _hold_handshake(self, connection: RTCPeerConnection) -> None:
        held, sctp = self.handshake, connection.sctp
        if held is None or sctp is None:
            return
        start = sctp.transport.start

        async def start_later(parameters: RTCDtlsParameters) -> None:
            await asyncio.to_thread(held.wait, SECONDS)
            await start(parameters)

        sctp.transport.start = start_later  # type: ignore[method-assign, assignment]

    def _on_sdp(self, client: SignallingClient, sdp: str, **_: object) -> None:
        session, sections = split(sdp)
        if self.extra is not None and len(sections) > 1:
            del sections[self.place]
        answer = join(session, sections, mids_of(sections))
        connection = self.connection
        assert connection is not None

        async def apply() -> None:
            if connection.signalingState == "have-local-offer":
                await connection.setRemoteDescription(RTCSessionDescription(sdp=answer, type="answer"))

        self.run(apply())
        self.answers.put(sdp)


class AnsweringPeer:
    """A consumer whose answers are edited, and which receives messages on the data channel "data".

    Args:
        uri: The signalling server's.
        edit: Called with the sections of an answer; returns those that are sent.
    """

    def __init__(self, uri: str, edit: Callable[[list[str]], list[str]]) -> None:
        self.client = SignallingClient(uri)
        self.edit = edit
        self.messages: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._loop = LoopThread("answering-peer")
        self._connection: RTCPeerConnection | None = None

    def __enter__(self) -> Self:
        self.client.connect()
        self.client.sdp_received.connect(self._on_offer)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._connection is not None:
            self._loop.run(_close(self._connection), Deadline(SECONDS), "the peer")
        self.client.close()
        self._loop.close()

    def _on_offer(self, client: SignallingClient, session_id: str, sdp: str, **_: object) -> None:
        async def answer() -> str:
            if self._connection is None:
                self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
                self._connection.on("datachannel", self._on_channel)
            await self._connection.setRemoteDescription(RTCSessionDescription(sdp=sdp, type="offer"))
            await self._connection.setLocalDescription(await self._connection.createAnswer())
            local: str = self._connection.localDescription.sdp
            return local

        session, sections = split(self._loop.run(answer(), Deadline(SECONDS), "the peer"))
        edited = self.edit(sections)
        accepted = [section for section in edited if section.split(" ")[1] != "0"]
        client.send_sdp(session_id, "answer", join(session, edited, mids_of(accepted)))

    def _on_channel(self, channel: RTCDataChannel) -> None:
        channel.on("message", self.messages.put)


async def _close(connection: RTCPeerConnection) -> None:
    """Close a connection of aiortc's, once its own task has begun all transports.

    If one is closed before its turn, the task raises an error, which nobody retrieves.
    """
    for _ in range(round(BEGIN_SECONDS / 0.01)):
        if connection.sctp is None or connection.sctp.state in ("connected", "closed"):
            break
        await asyncio.sleep(0.01)
    await connection.close()
