"""Conversations as values that mean the same at each server: peers and sessions by number, ids only as placeholders."""

from __future__ import annotations

import json
from dataclasses import dataclass
from random import Random
from typing import Any, Final

__all__ = ["PEERS", "Say", "SessionId", "conversation"]

PEERS: Final = 3
"""Number of peers in each conversation."""

_MIN_STEPS: Final = 3
_MAX_STEPS: Final = 9

_NO_STATUS: Final[dict[str, Any]] = {"roles": [], "meta": None}

_ROLES: Final[tuple[list[str], ...]] = (
    [],
    ["producer"],
    ["producer"],
    ["consumer"],
    ["listener"],
    ["producer", "listener"],
    ["listener", "consumer"],
    ["producer", "consumer"],
)
_METAS: Final[tuple[Any, ...]] = (
    None,
    {"name": "robot"},
    {"name": "arm", "n": 1.5},
    {"n": [1, None, {"x": "\N{SNOWMAN}"}]},
    "text",
    17,
    False,
    [],
)
_ODD: Final = (
    "",
    "no JSON",
    "[]",
    "null",
    "17",
    '"list"',
    "{}",
    '{"type": null}',
    '{"type": "unknown"}',
    '{"type": "List"}',
    '{"type": "welcome", "peerId": "x"}',
    '{"type": "setPeerStatus", "roles": "producer"}',
    '{"type": "setPeerStatus", "roles": ["robot"]}',
    '{"type": "startSession"}',
    '{"type": "startSession", "peerId": 17}',
    '{"type": "endSession"}',
    '{"type": "peer", "sessionId": "x"}',
    '{"type": "peer", "sessionId": "x", "sdp": {"type": "rollback", "sdp": ""}}',
    '{"type": "peer", "sessionId": "x", "ice": {"candidate": "c"}}',
    '{"type": "peer", "sessionId": "x", "ice": {"candidate": "c", "sdpMLineIndex": -1}}',
    '{"type": "peer", "sessionId": "x", "ice": {"candidate": "c", "sdpMLineIndex": 1.0}}',
    '{"type": "list", "more": 1}',
)


@dataclass(frozen=True, slots=True)
class SessionId:
    """Placeholder for the id of a session of this conversation, counted from 0. An unknown number gives an unknown id."""

    number: int


@dataclass(frozen=True, slots=True)
class PeerId:
    """Placeholder for the id of a peer of this conversation."""

    number: int


@dataclass(frozen=True, slots=True)
class Say:
    """A message of one peer.

    Attributes:
        peer: The peer's number. If the message ends a session, the number decides which of the session's two peers sends it.
        text: The exact text message; None: `message` is sent.
        message: An object with placeholders.
    """

    peer: int
    text: str | None = None
    message: Any = None

    @property
    def ends(self) -> int | None:
        """The number of the session that this message ends; None: it does not end a session."""
        if self.message is None or self.message["type"] != "endSession":
            return None
        number: int = self.message["sessionId"].number
        return number

    def on_the_wire(self, peer_ids: list[str], session_ids: list[str]) -> str:
        """The text message with the ids of a server.

        Args:
            peer_ids: The peers' ids, by number.
            session_ids: The sessions' ids, by number.
        """

        def id_of(placeholder: object) -> str:
            if isinstance(placeholder, PeerId):
                return peer_ids[placeholder.number]
            assert isinstance(placeholder, SessionId)
            return session_ids[placeholder.number] if placeholder.number < len(session_ids) else "unknown-session"

        return json.dumps(self.message, default=id_of) if self.text is None else self.text


def conversation(random: Random) -> list[Say]:
    """A conversation.

    Args:
        random: Decides the conversation.
    """
    said = [_status(random, number) for number in range(PEERS) if random.random() < 0.8]
    said += [_say(random) for _ in range(random.randint(_MIN_STEPS, _MAX_STEPS))]
    return _without_repetitions(said)


def _without_repetitions(said: list[Say]) -> list[Say]:
    """The same without unchanged statuses, because the reference server reports those to listeners too."""
    statuses = {(number, json.dumps(_NO_STATUS)) for number in range(PEERS)}
    changed = []
    for index, say in enumerate(said):
        if say.message is not None and say.message["type"] == "setPeerStatus":
            status = {key: say.message[key] for key in _NO_STATUS}
            if (say.peer, json.dumps(status)) in statuses:
                changed.append(Say(say.peer, message={**say.message, "meta": {"index": index}}))
                continue
            statuses.add((say.peer, json.dumps(status)))
        changed.append(say)
    return changed


def _say(random: Random) -> Say:
    peer = random.randrange(PEERS)
    session = SessionId(random.choice((0, 0, 0, 1, 1, 2, 9)))
    match random.randrange(12):
        case 0 | 1:
            return _status(random, peer)
        case 2 | 3 | 4:
            other = PeerId((peer + random.randint(1, PEERS - 1)) % PEERS)
            offer = random.choice(({}, {"offer": None}, {"offer": "v=0"}))
            return Say(peer, message={"type": "startSession", "peerId": other, **offer})
        case 5:
            return Say(peer, message={"type": "endSession", "sessionId": session})
        case 6 | 7:
            sdp = {"type": random.choice(("offer", "answer")), "sdp": random.choice(("", "v=0\r\n", "\N{SNOWMAN}"))}
            return Say(peer, message={"type": "peer", "sessionId": session, "sdp": sdp})
        case 8:
            ice = {
                "candidate": random.choice(("", "candidate:1")),
                "sdpMLineIndex": random.choice((0, 7)),
                "sdpMid": "0",
            }
            return Say(peer, message={"type": "peer", "sessionId": session, "ice": ice})
        case 9:
            return Say(peer, message={"type": "list"})
        case 10:
            return Say(peer, message={"type": "listConsumers"})
        case _:
            return Say(peer, random.choice(_ODD))


def _status(random: Random, peer: int) -> Say:
    message = {"type": "setPeerStatus", "roles": random.choice(_ROLES), "meta": random.choice(_METAS)}
    if random.random() < 0.1:
        message["peerId"] = "another"
    return Say(peer, message=message)
