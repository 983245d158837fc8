from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gst_signalling_sync.webrtc.ice.stun import (
    Attribute,
    Kind,
    Message,
    Method,
    is_channel_data,
    long_term_key,
    message_length,
)


@pytest.mark.parametrize("address", [("192.0.2.1", 40000), ("2001:db8:1234:5678:11:2233:4455:6677", 32853)])
def test_address_comes_back_as_it_was_written(address: tuple[str, int]) -> None:
    written = Message.request(Method.CHANNEL_BIND).address(Attribute.XOR_PEER_ADDRESS, address)

    assert Message.parse(written.encode()).addresses(Attribute.XOR_PEER_ADDRESS) == [address]


def test_address_of_rfc_5769() -> None:
    # The XOR-MAPPED-ADDRESS of RFC 5769 section 2.2: 192.0.2.1, port 32853.
    transaction = bytes.fromhex("b7e7a701bc34d686fa87dfae")
    value = bytes.fromhex("0001a147e112a643")
    message = Message(Method.BINDING, Kind.SUCCESS, transaction, ((Attribute.XOR_MAPPED_ADDRESS, value),))

    assert message.addresses(Attribute.XOR_MAPPED_ADDRESS) == [("192.0.2.1", 32853)]


def test_signature_is_that_of_its_key_and_of_nothing_else() -> None:
    key = long_term_key("user", "realm", "pass")
    assert key.hex() == "8493fbc53ba582fb4c044c456bdc40eb"  # RFC 8489 section 9.2.2
    request = Message.request(Method.REFRESH, (Attribute.LIFETIME, (600).to_bytes(4)))
    data = request.encode(key)

    assert Message.parse(data).is_signed_with(key)
    assert not Message.parse(data).is_signed_with(b"another")
    assert not Message.parse(request.encode()).is_signed_with(key)
    changed = data[:27] + bytes((data[27] ^ 1,)) + data[28:]
    assert not Message.parse(changed).is_signed_with(key)


def test_what_follows_the_signature_is_not_read() -> None:
    key = b"key"
    data = Message.request(Method.REFRESH).encode(key)
    appended = data + bytes.fromhex("000d000400000e10")
    longer = appended[:2] + (len(appended) - 20).to_bytes(2) + appended[4:]

    assert Message.parse(longer).value(Attribute.LIFETIME) is None
    assert Message.parse(longer).is_signed_with(key)


def test_error_has_its_code() -> None:
    value = bytes.fromhex("00000401") + b"Unauthorized"
    message = Message(Method.ALLOCATE, Kind.ERROR, bytes(12), ((Attribute.ERROR_CODE, value),))

    assert Message.parse(message.encode()).error == (401, "Unauthorized")


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_a_value_error(data: bytes) -> None:
    for each in (
        data,
        bytes.fromhex("0101") + (len(data) & ~3).to_bytes(2) + bytes.fromhex("2112a442") + bytes(12) + data,
    ):
        try:
            message = Message.parse(each[: len(each) & ~3])
        except ValueError:
            continue
        message.addresses(Attribute.XOR_MAPPED_ADDRESS)
        assert message.error is None or message.error[0] < 800


def test_messages_of_a_stream_tell_their_length() -> None:
    assert message_length(bytes.fromhex("40000005")) == 12
    assert message_length(bytes.fromhex("00010008")) == 28
    assert is_channel_data(bytes.fromhex("40000000"))
    assert not is_channel_data(bytes.fromhex("00010000"))
