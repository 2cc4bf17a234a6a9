"""Holds everything that a fleet shows against what is on the server at that moment."""

from __future__ import annotations

import threading
from collections import defaultdict
from pathlib import Path

from exauq_tui.hardware.status import TERMINAL_STATUSES, JobStatus
from exauq_tui.monitor.evidence import GONE
from exauq_tui.monitor.fleet import Fleet
from exauq_tui.monitor.snapshot import JobRow

_FLAGS = {
    JobStatus.COMPLETED: "COMPLETED",
    JobStatus.FAILED: "FAILED",
    JobStatus.CANCELLED: "STOPPED",
    JobStatus.RUNNING: "START",
    JobStatus.SUBMITTED: "token",
}
"""The file of a job's directory without which a status is made up."""

_FLAGS_OF_OTHERS = {
    **_FLAGS,
    JobStatus.RUNNING: "PID",
    JobStatus.SUBMITTED: "exauq_manager.sh",
}
"""Likewise for jobs of EXAUQ-Toolbox."""


class Witness:
    """Looks at each row that a fleet shows from now on; takes the fleet's news.

    Args:
        fleet: The fleet.
        workspace: Where the directories of its jobs are.

    Attributes:
        lies: What was shown without being so.
        shown: Each row's statuses, in the order in which they were shown.
        doomed: Ids of jobs that are deleted or about to be.
    """

    def __init__(self, fleet: Fleet, workspace: Path) -> None:
        self._fleet = fleet
        self._workspace = workspace
        self._news = threading.Event()
        self._stopping = False
        self.lies: list[str] = []
        self.shown: defaultdict[int, list[JobStatus]] = defaultdict(list)
        self.doomed: set[str] = set()
        self._thread = threading.Thread(target=self._run, name="witness")
        fleet.set_listener(self._news.set)
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopping = True
        self._news.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping:
            self._news.wait()
            self._news.clear()
            for row in self._fleet.drain().jobs:
                self._hold(row)

    def _hold(self, row: JobRow) -> None:
        history = self.shown[row.key]
        last = history[-1] if history else None
        if row.status is not last:
            history.append(row.status)
            if last in TERMINAL_STATUSES:
                self._lie(row, f"it was {last.value} already")
        if row.job_id in self.doomed:
            return
        directory = self._workspace / row.job_id
        is_ours = (directory / "token").exists()
        flag = (_FLAGS if is_ours else _FLAGS_OF_OTHERS).get(row.status)
        if row.status in (JobStatus.FAILED_SUBMIT, JobStatus.FAILED_CANCEL):
            self._lie(row, row.error)
        elif row.status is JobStatus.CANCELLED and row.last_seen is None:
            if (directory / "exauq_manager.sh").exists():
                self._lie(row, "it did reach the server")
        elif flag is not None and not (directory / flag).exists():
            self._lie(row, f"there is no {flag} in {directory}")
        if row.note == GONE:
            self._lie(row, "nobody deleted it")

    def _lie(self, row: JobRow, why: str) -> None:
        self.lies.append(f"job {row.job_id} was shown as {row.status.value}, but {why}: {row}")
