"""Number of connections that a server accepts before it serves those that it has."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time

import pytest

from gst_signalling_sync.server.acceptor import Acceptor
from gst_signalling_sync.server.breather import Breather
from gst_signalling_sync.server.listening import listen

CLIENTS = 20


@pytest.mark.parametrize(("has_time", "turns"), [(True, 1), (False, CLIENTS // 2)])
def test_all_are_accepted_but_few_at_once_while_others_wait(has_time: bool, turns: int) -> None:
    # Strangers always have handshakes waiting here, which must not keep other clients out.
    accepted: list[int] = []
    with contextlib.ExitStack() as stack:
        listening = listen("127.0.0.1", 0)
        listening.setblocking(False)
        for _ in range(CLIENTS):
            stack.enter_context(socket.create_connection(listening.getsockname()))

        async def accept() -> None:
            turn = 0

            def take(connection: socket.socket) -> None:
                stack.enter_context(connection)
                accepted.append(turn)

            loop = asyncio.get_running_loop()
            acceptor = Acceptor(loop, listening, take, Breather(), time.monotonic, lambda: has_time)
            while len(accepted) < CLIENTS:
                await asyncio.sleep(0)
                turn += 1
            acceptor.close()

        asyncio.run(accept())

    assert len(set(accepted)) >= turns
    assert has_time or max(map(accepted.count, accepted)) == 2
