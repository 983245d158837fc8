from __future__ import annotations

import json
import math
from typing import Any

import pytest

from gst_signalling_sync.errors import ProtocolError
from gst_signalling_sync.protocol.messages import (
    ConsumerList,
    EndSession,
    EndSessionV1_1,
    Error,
    Event,
    IceMessage,
    ListConsumers,
    ListProducers,
    Peer,
    PeerAway,
    PeerBack,
    PeerStatusChanged,
    ProducerList,
    ProtocolVersion,
    Request,
    Role,
    SdpMessage,
    SdpType,
    SessionRequested,
    SessionStarted,
    SetPeerStatus,
    SetProtocolVersion,
    StartSession,
    Welcome,
)
from gst_signalling_sync.protocol.wire import parse_event, parse_request, serialise_event, serialise_request

RELAYED: list[tuple[SdpMessage | IceMessage | EndSession | EndSessionV1_1, dict[str, Any]]] = [
    (EndSession("s"), {"type": "endSession", "sessionId": "s"}),
    (EndSession("s", "expired"), {"type": "endSession", "sessionId": "s", "mark": "expired"}),
    (
        EndSessionV1_1("s", None, "limit"),
        {"type": "endSessionV1_1", "sessionId": "s", "error": None, "mark": "limit"},
    ),
    (EndSessionV1_1("s"), {"type": "endSessionV1_1", "sessionId": "s", "error": None}),
    (EndSessionV1_1("s", "boom"), {"type": "endSessionV1_1", "sessionId": "s", "error": "boom"}),
    (
        SdpMessage("s", SdpType.OFFER, "v=0"),
        {"type": "peer", "sessionId": "s", "sdp": {"type": "offer", "sdp": "v=0"}},
    ),
    (
        SdpMessage("s", SdpType.ANSWER, "v=0"),
        {"type": "peer", "sessionId": "s", "sdp": {"type": "answer", "sdp": "v=0"}},
    ),
    (
        IceMessage("s", "candidate:1", 2),
        {"type": "peer", "sessionId": "s", "ice": {"candidate": "candidate:1", "sdpMLineIndex": 2}},
    ),
    (IceMessage("s", "", 0), {"type": "peer", "sessionId": "s", "ice": {"candidate": "", "sdpMLineIndex": 0}}),
]

REQUESTS: list[tuple[Request, dict[str, Any]]] = [
    (SetProtocolVersion(ProtocolVersion.V1_0), {"type": "setProtocolVersion", "version": "v1_0"}),
    (SetProtocolVersion(ProtocolVersion.V1_1), {"type": "setProtocolVersion", "version": "v1_1"}),
    (SetPeerStatus(()), {"type": "setPeerStatus", "roles": [], "meta": None}),
    (
        SetPeerStatus((Role.PRODUCER, Role.LISTENER), {"name": "räb", "n": [1, None, True]}),
        {"type": "setPeerStatus", "roles": ["producer", "listener"], "meta": {"name": "räb", "n": [1, None, True]}},
    ),
    (SetPeerStatus((Role.CONSUMER,), 7), {"type": "setPeerStatus", "roles": ["consumer"], "meta": 7}),
    (StartSession("p"), {"type": "startSession", "peerId": "p", "offer": None}),
    (StartSession("p", "v=0"), {"type": "startSession", "peerId": "p", "offer": "v=0"}),
    (ListProducers(), {"type": "list"}),
    (ListConsumers(), {"type": "listConsumers"}),
    *RELAYED,
]

EVENTS: list[tuple[Event, dict[str, Any]]] = [
    (PeerAway("s"), {"type": "peerAway", "sessionId": "s"}),
    (PeerBack("s"), {"type": "peerBack", "sessionId": "s"}),
    (Welcome("p"), {"type": "welcome", "peerId": "p"}),
    (Welcome("p", ("s",)), {"type": "welcome", "peerId": "p", "resumed": True, "sessions": ["s"]}),
    (
        PeerStatusChanged("p", (Role.PRODUCER,), {"name": "n"}),
        {"type": "peerStatusChanged", "peerId": "p", "roles": ["producer"], "meta": {"name": "n"}},
    ),
    (PeerStatusChanged("p", ()), {"type": "peerStatusChanged", "peerId": "p", "roles": [], "meta": None}),
    (SessionStarted("p", "s"), {"type": "sessionStarted", "peerId": "p", "sessionId": "s"}),
    (SessionRequested("c", "s"), {"type": "startSession", "peerId": "c", "sessionId": "s", "offer": None}),
    (SessionRequested("c", "s", "v=0"), {"type": "startSession", "peerId": "c", "sessionId": "s", "offer": "v=0"}),
    (
        ProducerList((Peer("a", {"name": "n"}), Peer("b"))),
        {"type": "list", "producers": [{"id": "a", "meta": {"name": "n"}}, {"id": "b", "meta": None}]},
    ),
    (ConsumerList(()), {"type": "listConsumers", "consumers": []}),
    (ConsumerList((Peer("a", 3),)), {"type": "listConsumers", "consumers": [{"id": "a", "meta": 3}]}),
    (Error("no"), {"type": "error", "details": "no"}),
    *RELAYED,
]


@pytest.mark.parametrize(("request_", "wire"), REQUESTS)
def test_request_round_trip(request_: Request, wire: dict[str, Any]) -> None:
    assert json.loads(serialise_request(request_)) == wire
    assert parse_request(json.dumps(wire)) == request_


@pytest.mark.parametrize(("event", "wire"), EVENTS)
def test_event_round_trip(event: Event, wire: dict[str, Any]) -> None:
    assert json.loads(serialise_event(event)) == wire
    assert parse_event(json.dumps(wire)) == event


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"type": "startSession", "peerId": "p"}', StartSession("p")),
        ('{"type": "setPeerStatus", "roles": ["listener"]}', SetPeerStatus((Role.LISTENER,))),
        ('{"type": "setPeerStatus", "roles": [], "meta": 1, "peerId": "x"}', SetPeerStatus((), 1)),
        ('{"type": "endSessionV1_1", "sessionId": "s"}', EndSessionV1_1("s")),
        ('{"type": "list", "later": "addition"}', ListProducers()),
        (
            '{"type": "peer", "sessionId": "s", "ice": {"candidate": "c", "sdpMLineIndex": 1, "sdpMid": "0",'
            ' "usernameFragment": "f"}}',
            IceMessage("s", "c", 1),
        ),
    ],
)
def test_optional_fields_may_be_absent_and_unknown_ones_present(text: str, expected: Request) -> None:
    assert parse_request(text) == expected


def test_bytes_are_parsed_like_text() -> None:
    assert parse_request(b'{"type": "list"}') == ListProducers()


JUNK = ["", "junk", "{", "[]", "7", "null", '"list"', "{}", '{"type": 5}', '{"type": ["list"]}', '{"type": "newPeer"}']

MALFORMED_RELAYED: list[dict[str, Any]] = [
    {"type": "endSession"},
    {"type": "endSession", "sessionId": 5},
    {"type": "endSessionV1_1", "error": "e"},
    {"type": "endSessionV1_1", "sessionId": "s", "error": 5},
    {"type": "peer", "sdp": {"type": "offer", "sdp": ""}},
    {"type": "peer", "sessionId": "s"},
    {
        "type": "peer",
        "sessionId": "s",
        "sdp": {"type": "offer", "sdp": ""},
        "ice": {"candidate": "", "sdpMLineIndex": 0},
    },
    {"type": "peer", "sessionId": "s", "sdp": None},
    {"type": "peer", "sessionId": "s", "sdp": "v=0"},
    {"type": "peer", "sessionId": "s", "sdp": {"sdp": ""}},
    {"type": "peer", "sessionId": "s", "sdp": {"type": "pranswer", "sdp": ""}},
    {"type": "peer", "sessionId": "s", "sdp": {"type": ["offer"], "sdp": ""}},
    {"type": "peer", "sessionId": "s", "sdp": {"type": "offer"}},
    {"type": "peer", "sessionId": "s", "sdp": {"type": "offer", "sdp": None}},
    {"type": "peer", "sessionId": "s", "ice": []},
    {"type": "peer", "sessionId": "s", "ice": {"sdpMLineIndex": 0}},
    {"type": "peer", "sessionId": "s", "ice": {"candidate": None, "sdpMLineIndex": 0}},
    {"type": "peer", "sessionId": "s", "ice": {"candidate": "c"}},
    {"type": "peer", "sessionId": "s", "ice": {"candidate": "c", "sdpMLineIndex": -1}},
    {"type": "peer", "sessionId": "s", "ice": {"candidate": "c", "sdpMLineIndex": 2**32}},
    {"type": "peer", "sessionId": "s", "ice": {"candidate": "c", "sdpMLineIndex": "0"}},
    {"type": "peer", "sessionId": "s", "ice": {"candidate": "c", "sdpMLineIndex": 0.5}},
    {"type": "peer", "sessionId": "s", "ice": {"candidate": "c", "sdpMLineIndex": True}},
]

MALFORMED_REQUESTS: list[dict[str, Any]] = [
    *MALFORMED_RELAYED,
    {"type": "setProtocolVersion"},
    {"type": "setProtocolVersion", "version": "v9"},
    {"type": "setProtocolVersion", "version": 1.1},
    {"type": "setPeerStatus"},
    {"type": "setPeerStatus", "roles": None},
    {"type": "setPeerStatus", "roles": "producer"},
    {"type": "setPeerStatus", "roles": ["boss"]},
    {"type": "setPeerStatus", "roles": [None]},
    {"type": "setPeerStatus", "roles": [["producer"]]},
    {"type": "startSession"},
    {"type": "startSession", "peerId": None},
    {"type": "startSession", "peerId": "p", "offer": {}},
    {"type": "welcome", "peerId": "p"},
]

MALFORMED_EVENTS: list[dict[str, Any]] = [
    *MALFORMED_RELAYED,
    {"type": "welcome"},
    {"type": "welcome", "peerId": 5},
    {"type": "peerStatusChanged", "roles": []},
    {"type": "peerStatusChanged", "peerId": "p"},
    {"type": "peerStatusChanged", "peerId": "p", "roles": ["boss"]},
    {"type": "sessionStarted", "peerId": "p"},
    {"type": "sessionStarted", "sessionId": "s"},
    {"type": "startSession", "peerId": "p"},
    {"type": "startSession", "peerId": "p", "sessionId": "s", "offer": 5},
    {"type": "list"},
    {"type": "list", "producers": {}},
    {"type": "list", "producers": ["p"]},
    {"type": "list", "producers": [{"meta": 5}]},
    {"type": "listConsumers", "producers": []},
    {"type": "error"},
    {"type": "error", "details": None},
    {"type": "setPeerStatus", "roles": []},
]


@pytest.mark.parametrize("text", JUNK)
def test_junk_is_no_request(text: str) -> None:
    with pytest.raises(ProtocolError):
        parse_request(text)


@pytest.mark.parametrize("text", JUNK)
def test_junk_is_no_event(text: str) -> None:
    with pytest.raises(ProtocolError):
        parse_event(text)


@pytest.mark.parametrize("wire", MALFORMED_REQUESTS, ids=json.dumps)
def test_malformed_request(wire: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError, match=wire["type"]):
        parse_request(json.dumps(wire))


@pytest.mark.parametrize("wire", MALFORMED_EVENTS, ids=json.dumps)
def test_malformed_event(wire: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError, match=wire["type"]):
        parse_event(json.dumps(wire))


@pytest.mark.parametrize("opening", ["[", '{"a":', '{"type": "list", "a": ' + "["])
def test_endless_nesting_is_a_protocol_error(opening: str) -> None:
    with pytest.raises(ProtocolError):
        parse_request(opening * 100_000)


def test_error_message_quotes_the_start_of_a_long_text() -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_request('{"type": "startSession", "peerId": 5, "padding": "' + "x" * 100_000 + '"}')

    assert "peerId" in str(caught.value)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("meta", [object(), {"a": b"bytes"}, math.nan, math.inf, {(1, 2): 3}])
def test_meta_that_is_not_json_cannot_be_sent(meta: object) -> None:
    with pytest.raises(ProtocolError, match="setPeerStatus"):
        serialise_request(SetPeerStatus((), meta))


def test_meta_that_contains_itself_cannot_be_sent() -> None:
    meta: list[Any] = []
    meta.append(meta)

    with pytest.raises(ProtocolError):
        serialise_event(PeerStatusChanged("p", (), meta))


@pytest.mark.parametrize(
    ("meta", "name"),
    [({"name": "robot"}, "robot"), ({"name": 5}, None), ({}, None), (None, None), (7, None), (["name"], None)],
)
def test_peer_name_is_the_text_in_meta(meta: Any, name: str | None) -> None:
    assert Peer("p", meta).name == name


def test_peers_with_unhashable_meta_fit_into_a_set() -> None:
    assert len({Peer("p", {"name": "n"}), Peer("p", {"name": "n"}), Peer("q", [])}) == 2
