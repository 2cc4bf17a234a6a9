"""One attempt to connect, which another thread can call off at any moment."""

from __future__ import annotations

import threading
from collections.abc import Callable

from exauq_tui.errors import ConnectionLostError


class Attempt:
    """Remembers how to close what an attempt to connect has opened so far.

    Calling it off closes all of it, the newest first, which is what unblocks the thread
    that waits on a socket; a thread that waits for something else asks `check` now and then.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closers: list[Callable[[], None]] = []
        self._cancelled = False

    @property
    def cancelled(self) -> bool:
        """Whether the attempt was called off (or failed)."""
        return self._cancelled

    def hold(self, closer: Callable[[], None]) -> None:
        """Remember how to close something that was just opened.

        Raises:
            ConnectionLostError: The attempt was called off; the thing is closed already.
        """
        with self._lock:
            if not self._cancelled:
                self._closers.append(closer)
                return
        closer()
        self.check()

    def check(self) -> None:
        """Go on only while nobody called the attempt off.

        Raises:
            ConnectionLostError: The attempt was called off.
        """
        if self._cancelled:
            raise ConnectionLostError("The connection was closed here while it was being made.")

    def cancel(self) -> None:
        """Close everything that was opened; callable from any thread, more than once."""
        with self._lock:
            self._cancelled = True
            closers = self._closers[::-1]
            self._closers.clear()
        for closer in closers:
            closer()
