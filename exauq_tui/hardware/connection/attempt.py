"""One attempt to connect, which another thread can call off at any moment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from exauq_tui.errors import ConnectionLostError
from exauq_tui.hardware.diagnosis import Check, Finding, Result, Trail


class Attempt:
    """Remembers how to close what an attempt to connect has opened so far.

    Calling it off closes all of it, the newest first, which is what unblocks the thread
    that waits on a socket; a thread that waits for something else asks `check` now and then.

    It also keeps what its steps found, for a person who wants to know how far it came.

    Args:
        tell: Told of each step that was taken, by the thread that connects.

    Attributes:
        code_typed: Whether a person typed an answer that is good for this one time.
    """

    def __init__(self, tell: Callable[[Finding], None] | None = None) -> None:
        self._tell = tell
        self.code_typed = False
        self._findings: list[Finding] = []
        self._doing: tuple[Check, str] | None = None
        self._hop = ""
        self._lock = threading.Lock()
        self._closers: list[Callable[[], None]] = []
        self._cancelled = False

    @property
    def cancelled(self) -> bool:
        """Whether the attempt was called off (or failed)."""
        return self._cancelled

    @property
    def trail(self) -> Trail:
        """How far the attempt came."""
        return Trail(tuple(self._findings), self._doing)

    def begin(self, check: Check) -> None:
        """Note which step is under way: the one to be named where the attempt fails now."""
        self._doing = (check, self._hop)

    def found(self, words: str) -> None:
        """Note that the step under way was taken, and what it found."""
        if self._doing is not None:
            (check, hop), self._doing = self._doing, None
            finding = Finding(check, Result.OK, words, hop=hop)
            self._findings.append(finding)
            if self._tell is not None:
                self._tell(finding)

    @contextmanager
    def on_the_way(self, hop: str) -> Iterator[None]:
        """Have the steps that follow be about a server on the way."""
        before, self._hop = self._hop, hop
        try:
            yield
        finally:
            self._hop = before

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
