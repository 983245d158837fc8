from __future__ import annotations

import asyncio

import pytest

from gst_signalling_sync.webrtc.engine.eager import run_eagerly


def test_coroutine_that_never_waits_is_done_at_once() -> None:
    told: list[str] = []

    async def tell() -> None:
        told.append("now")

    async def main() -> None:
        assert run_eagerly(tell()) is None
        assert told == ["now"]

    asyncio.run(main())


def test_coroutine_that_waits_goes_on_as_a_task() -> None:
    told: list[str] = []

    async def main() -> None:
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def tell() -> None:
            told.append("waiting")
            told.append(await answer)
            await asyncio.sleep(0)
            told.append("done")

        task = run_eagerly(tell())
        assert told == ["waiting"]
        assert task is not None
        answer.set_result("answered")
        await task

    asyncio.run(main())
    assert told == ["waiting", "answered", "done"]


def test_exception_of_what_is_waited_for_reaches_the_coroutine() -> None:
    caught: list[str] = []

    async def main() -> None:
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def catch() -> None:
            try:
                await answer
            except KeyError as error:
                caught.append(str(error))

        task = run_eagerly(catch())
        assert task is not None
        answer.set_exception(KeyError("missing"))
        await task

    asyncio.run(main())
    assert caught == ["'missing'"]


def test_cancelled_task_closes_the_coroutine() -> None:
    closed: list[bool] = []

    async def main() -> None:
        async def wait() -> None:
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                closed.append(True)

        task = run_eagerly(wait())
        assert task is not None
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert closed == [True]


def test_exception_before_the_first_wait_is_raised_here() -> None:
    async def fail() -> None:
        raise ValueError("at once")

    async def main() -> None:
        with pytest.raises(ValueError, match="at once"):
            run_eagerly(fail())

    asyncio.run(main())
