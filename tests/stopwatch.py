"""Measures how long a process takes for something, on a machine that is busy with others."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path


class Stopwatch:
    """Begins to run when it is made.

    What others take is no fault of what is measured: the time in which threads of the process
    were ready to go on, and waited for a processor, does not count where the kernel tells it.

    Args:
        pid: The process that is measured; this one, if not told.
    """

    def __init__(self, pid: int | str = "self") -> None:
        self._tasks = Path(f"/proc/{pid}/task")
        self._waited: dict[str, int] = {}
        self.look()
        self._before = dict(self._waited)
        self._begun = time.monotonic()

    def look(self) -> None:
        """Note how long each thread has waited; to be called now and then where it may end."""
        with suppress(OSError):  # the process is gone
            for task in self._tasks.iterdir():
                with suppress(OSError, IndexError):  # it ended, or the kernel does not tell
                    nanoseconds = int((task / "schedstat").read_text().split()[1])
                    self._waited[task.name] = nanoseconds

    def seconds(self) -> float:
        """Give the seconds so far."""
        took = time.monotonic() - self._begun
        self.look()
        held_up = sum(self._waited[task] - self._before.get(task, 0) for task in self._waited)
        return took - held_up / 1e9
