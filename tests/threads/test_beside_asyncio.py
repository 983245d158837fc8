"""Blocking calls on threads with a running asyncio loop: in coroutines, in their threads, and in IPython's main thread."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator

import pytest

from gst_signalling_sync import Producer, Session, connect, list_producers
from gst_signalling_sync.server import SignallingServer

SECONDS = 10.0


def ask(session: Session) -> str | bytes:
    channel = session.channel("data")
    channel.send("are you there?")
    return channel.recv()


@pytest.fixture
def uri(embedded_server: SignallingServer) -> Iterator[str]:
    """The URI of a server with a robot that echoes."""
    with Producer(embedded_server.uri, name="robot") as producer:
        producer.add_channel("data").message.connect(lambda channel, session, data: channel.send(data, session=session))
        yield embedded_server.uri


def test_calls_in_a_coroutine_work_and_block_its_loop(uri: str) -> None:
    async def main() -> bool:
        ticked = asyncio.Event()
        asyncio.get_running_loop().call_soon(ticked.set)
        with connect(uri, name="robot") as session:
            assert ask(session) == "are you there?"
        return not ticked.is_set()

    assert asyncio.run(main())


def test_calls_in_a_thread_of_asyncio_do_not_block_its_loop(uri: str) -> None:
    async def main() -> None:
        asking = asyncio.create_task(asyncio.to_thread(list_producers, uri))
        while not asking.done():
            await asyncio.sleep(0)
        assert [peer.name for peer in await asking] == ["robot"]
        session = await asyncio.to_thread(connect, uri, name="robot")
        assert await asyncio.to_thread(ask, session) == "are you there?"
        await asyncio.to_thread(session.close)

    asyncio.run(main())


def test_callback_reaches_a_coroutine(uri: str) -> None:
    async def main() -> str | bytes:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[str | bytes] = loop.create_future()
        session = await asyncio.to_thread(connect, uri, name="robot")
        channel = session.channel("data")
        channel.message.connect(lambda channel, data: loop.call_soon_threadsafe(answer.set_result, data))
        channel.send("are you there?")
        async with asyncio.timeout(SECONDS):
            told = await answer
        await asyncio.to_thread(session.close)
        return told

    assert asyncio.run(main()) == "are you there?"


def test_calls_in_ipython_beside_its_running_loop(uri: str) -> None:
    pytest.importorskip("IPython")
    cell = f"""
import asyncio
assert asyncio.get_running_loop().is_running()
from gst_signalling_sync import connect
with connect({uri!r}, name="robot") as session:
    session.channel("data").send("from a cell")
    print(session.channel("data").recv())
await asyncio.sleep(0)
"""
    command = [sys.executable, "-m", "IPython", "--no-banner", "--colors=NoColor", "-c", cell]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stdout) == (0, "from a cell\n"), done.stderr
