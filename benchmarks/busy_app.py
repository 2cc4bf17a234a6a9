"""The dashboard over a record whose jobs seem to change many times a second, without a server."""

from __future__ import annotations

import argparse
import random
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from exauq_tui.app.app import ExauqApp
from exauq_tui.app.prompter import AppPrompter
from exauq_tui.config import Config
from exauq_tui.hardware.status import JobStatus
from exauq_tui.monitor.fleet import Fleet
from exauq_tui.monitor.record import Record
from exauq_tui.monitor.snapshot import Changes, JobRow

TURNS = 50
"""How many times a second some rows change."""

_STATUSES = (JobStatus.SUBMITTED, JobStatus.RUNNING, JobStatus.COMPLETED, JobStatus.FAILED)


class BusyFleet(Fleet):
    """Tells of changes that no server made, at a steady rate.

    Args:
        record: The jobs.
        rate: Changes a second.
    """

    def __init__(self, record: Record, rate: int) -> None:
        super().__init__((), record, AppPrompter(), shows_all=True)
        self._each = rate // TURNS
        self._invented: dict[int, JobRow] = {}
        self._inventing = threading.Lock()
        self._told: Callable[[], None] | None = None
        self._ended = threading.Event()

    def set_listener(self, listener: Callable[[], None] | None) -> None:
        """Tell of changes, the invented ones as well."""
        self._told = listener
        super().set_listener(listener)

    def start(self) -> None:
        """Begin to invent changes."""
        super().start()
        threading.Thread(target=self._invent, daemon=True).start()

    def stop(self) -> None:
        """End that."""
        self._ended.set()
        super().stop()

    def _invent(self) -> None:
        known = list(self.rows())
        chance = random.Random(4711)
        while not self._ended.wait(1 / TURNS):
            chosen = chance.sample(range(len(known)), min(self._each, len(known)))
            for at in chosen:
                status = chance.choice(_STATUSES)
                output = chance.random() if status is JobStatus.COMPLETED else None
                known[at] = replace(known[at], status=status, output=output)
            with self._inventing:
                self._invented.update((known[at].key, known[at]) for at in chosen)
            if self._told is not None:
                self._told()

    def drain(self) -> Changes:
        """Give what changed, the invented changes among it."""
        changes = super().drain()
        with self._inventing:
            invented, self._invented = self._invented, {}
        return replace(changes, jobs=(*changes.jobs, *invented.values()))


def main() -> None:
    """Run the dashboard until somebody leaves it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="the data directory, with a record in it")
    parser.add_argument("--rate", type=int, default=500, help="changes a second (default: 500)")
    given = parser.parse_args()
    with Record(given.data / "jobs.sqlite3") as record:
        fleet = BusyFleet(record, given.rate)
        try:
            ExauqApp(fleet, Config(), data_dir=given.data, clock=time.time).run()
        finally:
            fleet.stop()


if __name__ == "__main__":
    main()
