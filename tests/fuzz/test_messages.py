"""Every message of the protocol arrives as it was sent, whatever it contains."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gst_signalling_sync.errors import ProtocolError
from gst_signalling_sync.protocol import messages
from gst_signalling_sync.protocol.messages import Event, Peer, ProtocolVersion, Request, Role, SdpType
from gst_signalling_sync.protocol.wire import parse_event, parse_request, serialise_event, serialise_request

# Lone surrogates are not valid Unicode, and are refused.
texts = st.text(st.characters(exclude_categories=["Cs"]))
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda children: st.lists(children, max_size=3) | st.dictionaries(texts, children, max_size=3),
    max_leaves=8,
)
roles = st.lists(st.sampled_from(Role), unique=True).map(tuple)
peers = st.lists(st.builds(Peer, texts, json_values), max_size=3).map(tuple)
indexes = st.integers(0, 2**32 - 1)

FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "peer_id": texts,
    "session_id": texts,
    "sdp": texts,
    "candidate": texts,
    "details": texts,
    "offer": st.none() | texts,
    "error": st.none() | texts,
    "mark": st.none() | texts,
    "sessions": st.none() | st.lists(texts, max_size=3).map(tuple),
    "roles": roles,
    "meta": json_values,
    "version": st.sampled_from(ProtocolVersion),
    "type": st.sampled_from(SdpType),
    "sdp_m_line_index": indexes,
    "producers": peers,
    "consumers": peers,
}


def any_of(kind: type[Any]) -> st.SearchStrategy[Any]:
    """Messages of a kind."""
    return st.builds(kind, **{name: FIELDS[name] for name in kind.__dataclass_fields__})


@pytest.mark.parametrize("kind", get_args(Request), ids=lambda kind: kind.__name__)
@given(st.data())
def test_request_arrives_as_it_was_sent(kind: type[Any], data: st.DataObject) -> None:
    request = data.draw(any_of(kind))

    assert parse_request(serialise_request(request)) == request


@pytest.mark.parametrize("kind", get_args(Event), ids=lambda kind: kind.__name__)
@given(st.data())
def test_event_arrives_as_it_was_sent(kind: type[Any], data: st.DataObject) -> None:
    event = data.draw(any_of(kind))

    assert parse_event(serialise_event(event)) == event


@pytest.mark.parametrize("kind", get_args(Request), ids=lambda kind: kind.__name__)
@given(st.data())
def test_request_with_a_key_that_is_none_of_its_own_is_taken(kind: type[Any], data: st.DataObject) -> None:
    request = data.draw(any_of(kind))
    key, value = data.draw(texts.filter(lambda text: len(text) > 16)), data.draw(json_values)
    text = serialise_request(request)

    assert parse_request(f"{text[:-1]}, {json.dumps(key)}: {json.dumps(value)}}}") == request


@given(st.sampled_from(["parse_request", "parse_event"]), json_values)
def test_json_that_is_no_message_is_refused(name: str, value: Any) -> None:
    parse = {"parse_request": parse_request, "parse_event": parse_event}[name]
    if isinstance(value, dict):
        value.pop("type", None)

    with pytest.raises(ProtocolError):
        parse(json.dumps(value))


def test_no_message_is_left_out() -> None:
    kinds = {*get_args(Request), *get_args(Event)}
    assert {kind.__name__ for kind in kinds} == {
        name
        for name in messages.__all__
        if hasattr(getattr(messages, name), "__dataclass_fields__") and name not in ("Peer", "RegisteredPeer")
    }
