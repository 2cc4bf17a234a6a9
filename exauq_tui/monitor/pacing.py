"""When a server is tried again: pauses that grow, a person's wish, the end of a sleep."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
_JUMP = 3.0


class Retries:
    """The waits between the tries to connect to one server; safe between threads."""

    def __init__(self) -> None:
        self._failures = 0
        self._now = threading.Event()
        self._lock = threading.Lock()
        self._is_timed = False

    def next_pause(self) -> float:
        """Double the pause with each failure, and blur it so that clients do not march."""
        pause = min(FIRST_PAUSE * 2.0 ** min(self._failures, 10), LONGEST_PAUSE)
        self._failures += 1
        return pause * random.uniform(0.75, 1.25)  # noqa: S311 - no secret

    def succeeded(self) -> None:
        """Begin with short pauses again."""
        self._failures = 0

    def wish(self) -> None:
        """End the wait that is, or the next one: a person wants it."""
        self._now.set()

    def forget_wish(self) -> None:
        """Take it that nobody wishes anything: it was before there was trouble."""
        self._now.clear()

    def awoke(self) -> None:
        """End the wait for a moment in time; one for a person goes on."""
        with self._lock:
            if self._is_timed:
                self._now.set()

    def rest(self, pause: float | None) -> None:
        """Wait so many seconds at most; for a person, where it is None."""
        with self._lock:
            self._is_timed = pause is not None
        self._now.wait(pause)
        with self._lock:
            self._is_timed = False


class SleepWatch:
    """Notices that this machine slept: the time of day went on, the monotonic clock did not.

    Args:
        wall: Gives seconds since 1970.
        monotonic: Gives seconds of a clock that stands still while the machine sleeps.
    """

    def __init__(
        self, wall: Callable[[], float], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._apart = wall() - monotonic()

    def has_slept(self) -> bool:
        """Whether the machine slept since the last call."""
        before, self._apart = self._apart, self._wall() - self._monotonic()
        return self._apart - before > _JUMP
