"""Strings that are no messages of the protocol, whoever sends them."""

from __future__ import annotations


def deep(levels: int) -> str:
    return "[" * levels + "]" * levels


JUNK: dict[str, str] = {
    "empty": "",
    "no JSON": "hello",
    "half of JSON": '{"type": "list", "producers": [',
    "not an object": "[]",
    "null": "null",
    "no type": "{}",
    "type null": '{"type": null}',
    "type a number": '{"type": 5}',
    "type a list": '{"type": []}',
    "unknown type": '{"type": "surprise"}',
    "type of a request": '{"type": "setPeerStatus", "roles": []}',
    "very deep": deep(100_000),
    "very deep meta": '{"type": "peerStatusChanged", "peerId": "x", "roles": [], "meta": ' + deep(100_000) + "}",
    "endless number": '{"type": "peer", "sessionId": "x", "ice": {"candidate": "", "sdpMLineIndex": '
    + "9" * 5000
    + "}}",
    "long": '"' + "x" * 1_000_000 + '"',
    "list without producers": '{"type": "list"}',
    "producers null": '{"type": "list", "producers": null}',
    "producers of numbers": '{"type": "list", "producers": [1, 2]}',
    "producer without id": '{"type": "list", "producers": [{"meta": null}]}',
    "producer with id null": '{"type": "list", "producers": [{"id": null}]}',
    "consumers an object": '{"type": "listConsumers", "consumers": {}}',
    "roles null": '{"type": "peerStatusChanged", "peerId": "x", "roles": null}',
    "role unknown": '{"type": "peerStatusChanged", "peerId": "x", "roles": ["king"]}',
    "role a list": '{"type": "peerStatusChanged", "peerId": "x", "roles": [[]]}',
    "session id a number": '{"type": "sessionStarted", "peerId": "x", "sessionId": 5}',
    "session without peer": '{"type": "sessionStarted", "sessionId": "x"}',
    "offer a number": '{"type": "startSession", "peerId": "x", "sessionId": "x", "offer": 5}',
    "end of nothing": '{"type": "endSession"}',
    "error an object": '{"type": "endSessionV1_1", "sessionId": "x", "error": {}}',
    "neither sdp nor ice": '{"type": "peer", "sessionId": "x"}',
    "both sdp and ice": '{"type": "peer", "sessionId": "x", "sdp": {}, "ice": {}}',
    "sdp a string": '{"type": "peer", "sessionId": "x", "sdp": "v=0"}',
    "sdp of unknown type": '{"type": "peer", "sessionId": "x", "sdp": {"type": "pranswer", "sdp": ""}}',
    "sdp bytes": '{"type": "peer", "sessionId": "x", "sdp": {"type": "offer", "sdp": [1, 2]}}',
    "candidate null": '{"type": "peer", "sessionId": "x", "ice": {"candidate": null, "sdpMLineIndex": 0}}',
    "line index a string": '{"type": "peer", "sessionId": "x", "ice": {"candidate": "", "sdpMLineIndex": "0"}}',
    "line index negative": '{"type": "peer", "sessionId": "x", "ice": {"candidate": "", "sdpMLineIndex": -1}}',
    "line index a fraction": '{"type": "peer", "sessionId": "x", "ice": {"candidate": "", "sdpMLineIndex": 0.5}}',
    "error without details": '{"type": "error"}',
    "details a number": '{"type": "error", "details": 5}',
}
