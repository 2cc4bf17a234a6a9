"""Runs what may block in a thread of its own, awaited from the screens."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


async def answer(future: Future[T]) -> T:
    """Wait for what a server's thread will answer.

    One who no longer waits (a log that was left) does not cancel the request under way: the
    thread that is to fulfil it would trip over that.
    """
    inner = asyncio.wrap_future(future)
    inner.add_done_callback(_look_at)
    return await asyncio.shield(inner)


def _look_at(done: asyncio.Future[T]) -> None:
    """Take note of an error, so that asyncio does not complain where nobody waits any more."""
    if not done.cancelled():
        done.exception()


async def in_thread(call: Callable[[], T]) -> T:
    """Run a blocking call in its own daemon thread and wait for what it returns or raises.

    The event loop's default executor is not used: it has few threads, so that a blocked call
    keeps others waiting, and it is waited for at exit.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def finish(result: T | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]  # None only where T allows it

    def run() -> None:
        result: T | None = None
        error: BaseException | None = None
        try:
            result = call()
        except BaseException as caught:  # noqa: BLE001 - handed to the one who waits
            error = caught
        # The loop is closed when the app is left meanwhile; then nobody waits any more.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(finish, result, error)

    threading.Thread(target=run, name=f"call {getattr(call, '__name__', '')}", daemon=True).start()
    return await future
