"""Waiting for other threads."""

import asyncio
import threading
from concurrent.futures import Future

import pytest

from exauq_tui.app.threads import answer, in_thread


async def test_a_call_runs_in_a_thread_of_its_own() -> None:
    assert await in_thread(threading.current_thread) is not threading.current_thread()


async def test_many_blocked_calls_keep_no_other_waiting() -> None:
    release = threading.Event()
    blocked = [asyncio.ensure_future(in_thread(release.wait)) for _ in range(40)]
    assert await asyncio.wait_for(in_thread(lambda: 17), 10) == 17
    release.set()
    assert all(await asyncio.gather(*blocked))


async def test_an_error_comes_back() -> None:
    with pytest.raises(ZeroDivisionError):
        await in_thread(lambda: 1 / 0)


async def test_one_who_no_longer_waits_does_not_cancel_the_request() -> None:
    future: Future[int] = Future()
    waiting = asyncio.ensure_future(answer(future))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    future.set_result(1)
    assert future.result() == 1
