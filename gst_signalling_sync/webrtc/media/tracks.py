"""`Tracks`: the transceivers of one peer connection, which sources they send and what receives from them. On the loop."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from ...threads.loop_thread import LoopThread
from ..engine.peer_connection import PeerConnection
from ..engine.transceiver import Transceiver
from .encoded_frame import MEDIA_KINDS, MediaKind
from .receiving.media_receiver import MediaReceiver
from .sending.encoded_video_source import EncodedVideoSource
from .sending.sender import MediaSender
from .sending.source import AnySource, StreamSource
from .sending.video_source import VideoSource
from .track_choice import EVERYTHING, TrackChoice
from .track_names import given_name

__all__ = ["Tracks"]

logger = logging.getLogger(__name__)

_DIRECTIONS: Final = {
    (True, True): "sendrecv",
    (True, False): "sendonly",
    (False, True): "recvonly",
    (False, False): "inactive",
}
"""What a section is answered with: whether this end sends on it, and whether it takes what comes."""


class Tracks:
    """Puts our senders and receivers into a connection's transceivers.

    Args:
        connection: Not negotiated yet.
        loop: The loop that this runs on.
        named: The session as log lines name it.
        received: Called for each track that the other end sends and this end takes, once.
        choice: Which tracks this end takes.
    """

    def __init__(
        self,
        connection: PeerConnection,
        loop: LoopThread,
        named: str,
        received: Callable[[MediaReceiver], None],
        choice: TrackChoice = EVERYTHING,
    ) -> None:
        self._connection = connection
        # What is to be sent and has no media section yet.
        self._sources: list[AnySource] = []
        self._loop = loop
        self._named = named
        self._received = received
        self._choice = choice
        self._taken: set[Transceiver] = set()
        self._sent: list[AnySource] = []
        self._announced: set[MediaReceiver] = set()

    def take(self, sources: Sequence[AnySource]) -> None:
        """Take what this end sends, in the order of the media sections; before the first description."""
        self._sources.extend(sources)

    def add_sources(self) -> None:
        """Put every source into the offer that is made next; the other end may send on the same tracks."""
        for source in self._sources:
            self._add("sendrecv" if self._choice.takes_any(source.kind) else "sendonly", source.kind, source)
        self._sources.clear()

    def ask_for_everything(self) -> None:
        """Have the offer that is made next ask for what this end takes of video and audio, beside the sources."""
        kinds = [source.kind for source in self._sources]
        self.add_sources()
        for kind in MEDIA_KINDS:
            if kind not in kinds and self._choice.takes_any(kind):
                self._add("recvonly", kind, None)

    def on_remote_description(self, track_ids: Mapping[str, str]) -> Callable[[], None]:
        """Take over what the other end's description brought; between that and the answer.

        Args:
            track_ids: Those that it gives to tracks, by the mid of the section.

        Returns:
            What undoes it, should the answer fail.
        """
        sources, taken, sent = self._sources.copy(), self._taken.copy(), self._sent.copy()

        def undo() -> None:
            self._sources, self._taken, self._sent = sources, taken, sent

        for transceiver in self._connection.transceivers:
            if transceiver not in self._taken:
                source = self._source_for(transceiver)
                self._take(transceiver, source)
                transceiver.set_direction(_DIRECTIONS[source is not None, self._is_wanted(transceiver, track_ids)])
        return undo

    def announce(self, track_ids: Mapping[str, str]) -> None:
        """Tell of the tracks that the other end sends and this end takes, once that is settled.

        Args:
            track_ids: As of `on_remote_description`.
        """
        for transceiver in self._connection.transceivers:
            receiver = transceiver.receiver
            if receiver.track is None or not isinstance(receiver, MediaReceiver) or receiver in self._announced:
                continue
            if self._is_wanted(transceiver, track_ids):
                self._announced.add(receiver)
                receiver.name = self._name(transceiver, track_ids)
                self._received(receiver)

    @property
    def frames_sent(self) -> tuple[int, ...]:
        """Frames that each video source has encoded that this end sends, in the order of the sections."""
        return tuple(
            source.frames_encoded for source in self._sent if isinstance(source, VideoSource | EncodedVideoSource)
        )

    def report_unsent(self) -> None:
        """Log which sources the other end has no use for."""
        for source in self._sources:
            logger.warning(
                "%s: the peer's offer has no %s section that %s could be sent on, as %s",
                self._named,
                source.kind,
                source,
                " or ".join(source.codecs),
            )

    def _name(self, transceiver: Transceiver, track_ids: Mapping[str, str]) -> str:
        mid = transceiver.mid or ""
        return given_name(track_ids.get(mid)) or mid

    def _is_wanted(self, transceiver: Transceiver, track_ids: Mapping[str, str]) -> bool:
        return self._choice.takes(transceiver.kind, self._name(transceiver, track_ids))

    def _add(self, direction: str, kind: MediaKind, source: AnySource | None) -> None:
        transceiver = self._connection.add_transceiver(kind, direction)
        if source is not None:
            transceiver.prefer_codecs(source.codecs, isinstance(source, StreamSource))
        self._take(transceiver, source)

    def _take(self, transceiver: Transceiver, source: AnySource | None) -> None:
        self._taken.add(transceiver)
        if source is not None:
            self._sent.append(source)
        sender = MediaSender(transceiver.kind, transceiver.transport, self._loop, source)
        if source is not None and source.name is not None:
            sender.track_id = source.name
        transceiver.replace(sender, MediaReceiver(transceiver.kind, transceiver.transport))

    def _source_for(self, transceiver: Transceiver) -> AnySource | None:
        """The next source that a section of the other end's offer takes, restricted to what the source can be encoded in."""
        if not transceiver.may_send:
            return None
        for source in self._sources:
            if source.kind == transceiver.kind and transceiver.restrict_codecs(source.codecs):
                self._sources.remove(source)
                return source
        return None
