"""`CheckTransaction`: when connectivity checks are repeated (RFC 8445 section 14.3), and which answers count."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import pairwise

import pytest
from aioice import stun
from hypothesis import given
from hypothesis import strategies as st

from gst_signalling_sync.webrtc.engine import check_transaction
from gst_signalling_sync.webrtc.engine.check_transaction import CheckTransaction, intervals

ADDRESS = ("192.0.2.1", 5000)
KEY = b"the password of the peer"


class Sender:
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[stun.Message, tuple[str, int]]] = []

    def send_stun(self, message: stun.Message, addr: tuple[str, int]) -> None:
        self.sent.append((message, addr))


def binding(kind: stun.Class = stun.Class.REQUEST, key: bytes = KEY) -> stun.Message:
    message = stun.Message(stun.Method.BINDING, kind)
    message.add_message_integrity(key)
    return message


@pytest.mark.parametrize(("checks", "first"), [(1, 0.1), (5, 0.1), (10, 0.2), (50, 1.0), (500, 10.0)])
def test_the_more_checks_there_are_the_later_each_is_repeated(checks: int, first: float) -> None:
    assert next(intervals(checks)) == pytest.approx(first)


@given(st.integers(0, 10_000))
def test_a_check_is_repeated_ever_slower_and_ends(checks: int) -> None:
    waits = list(intervals(checks))

    assert all(wait <= following for wait, following in pairwise(waits))
    assert 60.0 <= sum(waits) <= 60.0 + waits[-1]
    assert checks / waits[0] <= 50.0 + 1e-6, "together they send a packet in Ta at most"


def test_a_lost_check_is_sent_six_times_in_two_seconds() -> None:
    waits = intervals(1)
    sent, now = 0, 0.0
    while now < 2.0:
        sent += 1
        now += next(waits)

    assert sent == 6


def test_a_request_is_repeated_until_its_response_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_transaction, "intervals", lambda checks: iter([0.001] * 1000))

    async def main() -> None:
        sender, request, response = Sender(), binding(), binding(stun.Class.RESPONSE)
        transaction = CheckTransaction(sender, request, ADDRESS, KEY, 1)
        running = asyncio.create_task(transaction.run())
        while len(sender.sent) < 3:
            await asyncio.sleep(0)
            await asyncio.sleep(0.0001)
        transaction.response_received(binding(stun.Class.RESPONSE, b"of a stranger"), ADDRESS)
        assert not running.done()

        transaction.response_received(response, ADDRESS)
        assert await running == (response, ADDRESS)
        count = len(sender.sent)
        transaction.response_received(response, ADDRESS)
        await asyncio.sleep(0.01)
        assert len(sender.sent) == count, "nothing is sent after the response"
        assert set(map(id, (message for message, _ in sender.sent))) == {id(request)}

    asyncio.run(main())


def test_nothing_is_sent_after_a_request_that_could_not_be_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_transaction, "intervals", lambda checks: iter([0.001] * 1000))
    attempts = 0

    class Closed(Sender):
        def send_stun(self, message: stun.Message, addr: tuple[str, int]) -> None:
            nonlocal attempts
            attempts += 1
            raise ConnectionError("closed")

    async def main() -> None:
        with pytest.raises(ConnectionError):
            await CheckTransaction(Closed(), binding(), ADDRESS, KEY, 1).run()
        await asyncio.sleep(0.01)

    asyncio.run(main())
    assert attempts == 1


def test_an_error_ends_the_transaction() -> None:
    async def main() -> None:
        transaction = CheckTransaction(Sender(), binding(), ADDRESS, KEY, 1)
        running = asyncio.create_task(transaction.run())
        await asyncio.sleep(0)
        transaction.response_received(binding(stun.Class.ERROR), ADDRESS)
        with pytest.raises(stun.TransactionFailed):
            await running

    asyncio.run(main())


def test_a_check_without_a_response_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def few(checks: int) -> Iterator[float]:
        return iter([0.001] * 3)

    monkeypatch.setattr(check_transaction, "intervals", few)

    async def main() -> None:
        sender = Sender()
        with pytest.raises(stun.TransactionTimeout):
            await CheckTransaction(sender, binding(), ADDRESS, KEY, 1).run()
        assert len(sender.sent) == 3

    asyncio.run(main())
