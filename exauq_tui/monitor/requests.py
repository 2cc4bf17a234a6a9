"""What is asked of one server from other threads, and done on the server's own."""

from __future__ import annotations

import queue
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, TypeVar

from exauq_tui.monitor.contact import CUT_OFF, Contact
from exauq_tui.monitor.standing import Standing

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request(Generic[T]):
    """Something to do on the server's own thread, and where its result goes."""

    verb: Callable[[Contact], T]
    result: Future[T]


class Requests:
    """What waits to be done on one server's thread; safe between threads.

    Args:
        standing: Tells whether there is a link, and is told of each wait.
    """

    def __init__(self, standing: Standing) -> None:
        self._standing = standing
        self._waiting: queue.SimpleQueue[Request[object]] = queue.SimpleQueue()

    def add(self, verb: Callable[[Contact], T]) -> Future[T]:
        """Have something done; fails at once where there is no link."""
        result: Future[T] = Future()
        if not self._standing.is_linked:
            result.set_exception(self._standing.away_error())
            return result
        self._waiting.put(Request(verb, result))  # type: ignore[arg-type]  # one queue for all
        if not self._standing.is_linked:
            self.fail()  # lost in between: nobody else would
        return result

    def fail(self) -> None:
        """Fail all that waits: there is no link."""
        while (request := self._take()) is not None:
            if request.result.set_running_or_notify_cancel():
                request.result.set_exception(self._standing.away_error())

    def serve(self, contact: Contact) -> None:
        """Do all that waits; called on the server's thread.

        Raises:
            ConnectionLostError: The link went; whoever asked was told.
            AuthenticationError: Likewise.
            HostKeyError: Likewise.
        """
        while (request := self._take()) is not None:
            if not request.result.set_running_or_notify_cancel():
                continue
            self._standing.begin_wait(is_long=True)
            try:
                request.result.set_result(request.verb(contact))
            except CUT_OFF as error:
                request.result.set_exception(error)
                raise
            except Exception as error:  # noqa: BLE001 - goes to whoever asked, who shows it
                request.result.set_exception(error)

    def _take(self) -> Request[object] | None:
        try:
            return self._waiting.get_nowait()
        except queue.Empty:
            return None
