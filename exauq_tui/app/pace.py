"""How fast jobs end, and about when the last will have, as far as what was seen can tell (pure).

Times of servers are only ever compared with times of the same server; what has passed since is
taken from our own clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from exauq_tui.app.job_model import JobModel
from exauq_tui.app.links import Links
from exauq_tui.hardware.status import JobStatus
from exauq_tui.monitor.snapshot import JobRow, ServerState

WINDOW = 300.0
"""Seconds of endings that a rate is made of; more where that would be less than `_FEW`."""

_FEW = 20
_LEAST_ENDINGS = 3
_LEAST_SPAN = 5.0
_LEAST_RUNS = 5
"""From fewer run times than this nothing is foretold."""

_RUNS = 200
_ENDED = frozenset({JobStatus.COMPLETED, JobStatus.FAILED})
_QUEUED = (JobStatus.PENDING_SUBMIT, JobStatus.SUBMITTED)


@dataclass(slots=True)
class _ServerPace:
    """What was seen of one server.

    Attributes:
        endings: When jobs ended, oldest first, by the server's clock.
        told: When we heard of the last of these, by ours.
        runs: How long the last jobs ran, in seconds.
        total: Their sum.
        began: When we last heard of a job that started, by our clock.
    """

    endings: deque[float] = field(default_factory=lambda: deque(maxlen=5000))
    told: float = 0.0
    runs: deque[float] = field(default_factory=lambda: deque(maxlen=_RUNS))
    total: float = 0.0
    began: float | None = None

    def add_run(self, seconds: float) -> None:
        if len(self.runs) == _RUNS:
            self.total -= self.runs[0]
        self.runs.append(seconds)
        self.total += seconds

    def add_ending(self, at: float, now: float) -> None:
        self.endings.append(max(at, self.endings[-1]) if self.endings else at)
        self.told = now
        while len(self.endings) > _FEW and self.endings[0] < self.endings[-1] - WINDOW:
            self.endings.popleft()

    def rate(self, now: float) -> float:
        """Endings per second; falls while there are none; 0.0 where too few were seen."""
        if len(self.endings) < _LEAST_ENDINGS:
            return 0.0
        span = self.endings[-1] - self.endings[0] + max(0.0, now - self.told)
        return (len(self.endings) - 1) / span if span >= _LEAST_SPAN else 0.0

    def long_run(self) -> float:
        """How long all but the longest runs took at most."""
        return sorted(self.runs)[int(0.95 * (len(self.runs) - 1))]


class Pace:
    """Learns from changes, at a cost that does not depend on how many jobs there are.

    Args:
        links: Tells what was only caught up on.
        slots: Tells how many jobs may run at once on a server, where its profile says so.
    """

    def __init__(self, links: Links, slots: Callable[[str], int | None]) -> None:
        self._links = links
        self._slots = slots
        self._servers: dict[str, _ServerPace] = {}

    def load(self, rows: Iterable[JobRow]) -> None:
        """Learn run times from what is known at the start, oldest first."""
        for row in rows:
            self._learn_run(row)

    def _of(self, server: str) -> _ServerPace:
        return self._servers.setdefault(server, _ServerPace())

    def _learn_run(self, row: JobRow) -> None:
        if row.status not in _ENDED or row.started is None or row.finished is None:
            return
        if row.finished >= row.started:  # unless the server's clock was set meanwhile
            self._of(row.server).add_run(row.finished - row.started)

    def forget_endings(self, server: str) -> None:
        """Start to count afresh: the link is gone, and endings will come late."""
        pace = self._of(server)
        pace.endings.clear()
        pace.began = None

    def take(self, model: JobModel, rows: Iterable[JobRow], now: float) -> None:
        """Learn from a batch of changes, before the model takes it over."""
        ended = []
        for row in rows:
            before = model.row(row.key)
            if before is not None and before.status is row.status:
                continue
            pace = self._of(row.server)
            if row.status is JobStatus.RUNNING and self._links.is_settled(row.server, now):
                pace.began = now
            if row.status in _ENDED and (before is None or not before.is_terminal):
                self._learn_run(row)
                if row.finished is not None and before is not None:
                    ended.append((row.finished, row.server))
            elif row.status in _QUEUED and _active(model, row.server) == 0:
                pace.endings.clear()  # those of other work, maybe long ago
        for finished, server in sorted(ended):
            if self._links.is_settled(server, now):
                self._of(server).add_ending(finished, now)

    def rate(self, model: JobModel, now: float) -> float:
        """Jobs that end per second on the servers that answer; 0.0 where that is not known."""
        return sum(
            pace.rate(now)
            for name, pace in self._servers.items()
            if (view := model.servers.get(name)) is not None and view.state is ServerState.UP
            if _active(model, name)
        )

    def seconds_left(self, model: JobModel, now: float) -> float | None:
        """About how long it takes until the last job ends; None where that cannot be told."""
        longest: float | None = None
        for name, view in model.servers.items():
            if not _active(model, name):
                continue
            left = self._left_on(model, name, now) if view.state is ServerState.UP else None
            if left is None:
                return None
            longest = left if longest is None else max(longest, left)
        return longest

    def _left_on(self, model: JobModel, server: str, now: float) -> float | None:
        pace = self._servers.get(server)
        if pace is None or len(pace.runs) < _LEAST_RUNS:
            return None
        counts = model.server_counts(server)
        queued = sum(counts.get(status, 0) for status in _QUEUED)
        if not queued:
            # Whoever started last is about the last to end.
            left = None if pace.began is None else pace.began + pace.long_run() - now
            return left if left is not None and left > 0 else None
        allowed = self._slots(server)
        slots = max(counts.get(JobStatus.RUNNING, 0), allowed or 0)
        if allowed == 0:
            return pace.long_run()  # there is no limit: all of them start
        if not slots:
            return None
        return queued / slots * pace.total / len(pace.runs) + pace.long_run()


def _active(model: JobModel, server: str) -> int:
    """How many jobs of a server have yet to end by themselves."""
    counts = model.server_counts(server)
    return sum(counts.get(status, 0) for status in (*_QUEUED, JobStatus.RUNNING))


def rate_text(per_second: float) -> str:
    """Write a rate with two digits: 2.3 jobs/s, 14 jobs/min; "" where there is none."""
    if per_second <= 0:
        return ""
    for factor, unit in ((1, "s"), (60, "min"), (3600, "h")):
        value = per_second * factor
        if value >= 1 or unit == "h":
            break
    return f"{value:,.0f} jobs/{unit}" if value >= 9.95 else f"{value:.1f} jobs/{unit}"


def left_text(seconds: float | None) -> str:
    """Write about how long it takes, no finer than it is known; "" where that is not known."""
    if seconds is None:
        return ""
    if seconds < 55:
        return f"ETA ~{max(1, round(seconds / 10)) * 10}s"
    if seconds < 3570:
        return f"ETA ~{seconds / 60:.0f}m"
    value, unit = (seconds / 3600, "h") if seconds < 165_600 else (seconds / 86400, "d")
    return f"ETA ~{value:.1f}{unit}" if value < 9.95 else f"ETA ~{value:,.0f}{unit}"
