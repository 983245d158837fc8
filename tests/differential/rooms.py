"""Holds conversations at one server, some at the same time, and collects what each peer receives.

Each message is followed by a question with a known answer that only its sender gets: a session with a peer that does not exist.
A server handles a peer's messages in order, and has told the other peers before it answers. So a step is complete when each
peer of the room has received the answer to a question of its own, and no peer waits for time to pass.
"""

from __future__ import annotations

import itertools
import json
import socket
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final, Self

from ..helpers.hostile import PING, TEXT
from ..helpers.strangers import Stranger, masked, message
from .conversation import PEERS, Say

__all__ = ["Heard", "Hotel"]

_PONG: Final = 0xA

_NOBODY: Final = "nobody-who-answers"
_QUESTION: Final = message("startSession", peerId=_NOBODY)
_ANSWER: Final = {"type": "error", "details": f"Peer with ID '{_NOBODY}' not found"}
_RESET: Final = message("setPeerStatus", roles=[], meta=None)

Heard = list[list[Any]]
"""What was received in one step, by the peer's number, with names instead of ids."""


class Guest(Stranger):
    """A peer that receives messages one by one."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""

    def say(self, text: str) -> None:
        """Send a message, and ask a question."""
        self.send(masked(TEXT, text.encode()) + _QUESTION)

    def ask(self) -> None:
        """Ask a question, to receive what comes before its answer."""
        self.send(_QUESTION)

    def hear(self) -> list[Any]:
        """The messages before the answer to the oldest open question."""
        heard = []
        while (told := self._next()) != _ANSWER:
            heard.append(told)
        return heard

    def _next(self) -> Any:
        while True:
            opcode, payload = self._frame()
            if opcode == TEXT:
                return json.loads(payload)
            assert opcode == PING
            self.send(masked(_PONG, payload))

    def _frame(self) -> tuple[int, bytes]:
        head = self._bytes(2)
        size, begin = head[1], 2
        if size >= 126:
            begin = 4 if size == 126 else 10
            size = int.from_bytes(self._bytes(begin)[2:begin])
        frame = self._bytes(begin + size)
        self._received = self._received[begin + size :]
        return frame[0] & 0xF, frame[begin : begin + size]

    def _bytes(self, count: int) -> bytes:
        while len(self._received) < count:
            # The reference server sends small packets, each of which waits for the acknowledgement of the one before.
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            data = self.socket.recv(65536)
            assert data, "the server closed the connection"
            self._received += data
        return self._received


class Room:
    """Some peers that talk only with each other, one conversation after another.

    Args:
        port: The server's port.
    """

    def __init__(self, port: int) -> None:
        self._guests = [Guest(port) for _ in range(PEERS)]
        self._peer_ids = [guest.id for guest in self._guests]
        self._numbers = {peer_id: number for number, peer_id in enumerate(self._peer_ids)}
        self._session_ids: list[str] = []
        self._members: list[tuple[int, int]] = []
        self._speaker = 0

    def leave(self) -> None:
        """Disconnect the peers."""
        for guest in self._guests:
            guest.close()

    def begin(self) -> None:
        """Begin the next conversation."""
        self._session_ids, self._members = [], []

    # A step has three parts, between which other rooms have theirs.

    def say(self, say: Say) -> None:
        """Have a peer send a message."""
        number = say.ends
        self._speaker = say.peer
        if number is not None and number < len(self._members) and say.peer not in self._members[number]:
            # Only its members may end a session.
            self._speaker = self._members[number][0]
        self._guests[self._speaker].say(say.on_the_wire(self._peer_ids, self._session_ids))

    def hear_speaker(self) -> list[Any]:
        """What the speaker receives when the server has handled its message. Then the others ask."""
        heard = self._guests[self._speaker].hear()
        for guest in self._guests:
            if guest is not self._guests[self._speaker]:
                guest.ask()
        return heard

    def hear_others(self, speakers: list[Any]) -> Heard:
        """Collect what all peers receive.

        Args:
            speakers: What the speaker received.
        """
        speaker = self._speaker
        return self._named([speakers if n == speaker else guest.hear() for n, guest in enumerate(self._guests)])

    def end(self) -> Heard:
        """End the sessions that are left, and all roles.

        Returns:
            What was received about the ends of the sessions.
        """
        for number, session_id in enumerate(self._session_ids):
            self._guests[self._members[number][0]].send(message("endSession", sessionId=session_id))
        # After the first answers the server has handled all messages, after the second ones all peers have been told.
        rounds = [self._ask_all(), self._ask_all()]
        heard = self._named([first + second for first, second in zip(*rounds, strict=True)])
        for guest in self._guests:
            guest.send(_RESET)
        self._ask_all()
        self._ask_all()
        # Several peers may have ended sessions at the same time.
        return [sorted(messages, key=str) for messages in heard]

    def _ask_all(self) -> Heard:
        for guest in self._guests:
            guest.ask()
        return [guest.hear() for guest in self._guests]

    def _named(self, heard: Heard) -> Heard:
        heard = [[told for told in messages if self._is_of_this_room(told)] for messages in heard]
        for number, messages in enumerate(heard):
            for told in messages:
                if told["type"] in ("sessionStarted", "startSession") and told["sessionId"] not in self._session_ids:
                    self._session_ids.append(told["sessionId"])
                    self._members.append((number, self._numbers[told["peerId"]]))
        return [_ordered([self._renamed(told) for told in messages]) for messages in heard]

    def _is_of_this_room(self, told: Any) -> bool:
        return told["type"] != "peerStatusChanged" or told["peerId"] in self._numbers

    def _renamed(self, told: Any) -> Any:
        """A message as if this room were alone at the server, with names."""
        for kind in ("producers", "consumers"):
            if kind in told:
                # The reference server lists peers in no order.
                listed = [peer for peer in told[kind] if peer["id"] in self._numbers]
                told[kind] = sorted(listed, key=lambda peer: self._numbers[peer["id"]])
        text = json.dumps(told)
        for number, peer_id in enumerate(self._peer_ids):
            text = text.replace(peer_id, f"peer {number}")
        for number, session_id in enumerate(self._session_ids):
            text = text.replace(session_id, f"session {number}")
        return json.loads(text)


def _ordered(heard: list[Any]) -> list[Any]:
    """The same with sessions that ended together in the order in which they began; the reference server has no order there."""
    runs = itertools.groupby(heard, key=lambda told: bool(told["type"] == "endSession"))
    return [told for is_end, run in runs for told in (sorted(run, key=str) if is_end else run)]


class Hotel:
    """The rooms at one server. Every listener is told about the peers in all rooms, so there are only a few.

    Args:
        port: The server's port.
        rooms: Number of rooms.
    """

    def __init__(self, port: int, rooms: int) -> None:
        self._rooms = [Room(port) for _ in range(rooms)]

    def carry_on(self, conversations: Sequence[Sequence[Say]]) -> list[list[Heard]]:
        """Hold conversations, one in each room at a time.

        Args:
            conversations: All conversations.

        Returns:
            What was received in each conversation: in each step, and at the end.
        """
        results = []
        for first in range(0, len(conversations), len(self._rooms)):
            results += self._carry_on_side_by_side(conversations[first : first + len(self._rooms)])
        return results

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for room in self._rooms:
            room.leave()

    def _carry_on_side_by_side(self, conversations: Sequence[Sequence[Say]]) -> list[list[Heard]]:
        heard: list[list[Heard]] = [[] for _ in conversations]
        occupied = list(zip(self._rooms, conversations, heard, strict=False))
        for room, _, _ in occupied:
            room.begin()
        for step in range(max(map(len, conversations))):
            busy = [(room, said[step], results) for room, said, results in occupied if step < len(said)]
            for room, say, _ in busy:
                room.say(say)
            speakers = [room.hear_speaker() for room, _, _ in busy]
            for (room, _, results), speaker in zip(busy, speakers, strict=True):
                results.append(room.hear_others(speaker))
        for room, _, results in occupied:
            results.append(room.end())
        return heard
