"""What is worth a message and the bell: batches that end, first failures, links lost and back.

Each is told once. What was known at the start is not told, and what happened while nobody could
see it is told in sum.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from exauq_tui.app import format as fmt
from exauq_tui.app.job_model import JobModel
from exauq_tui.app.links import LINKED, Links
from exauq_tui.config_rules import NOTICES
from exauq_tui.hardware.status import TERMINAL_STATUSES, JobStatus
from exauq_tui.monitor.evidence import is_gone
from exauq_tui.monitor.snapshot import Changes, JobRow, ServerState, ServerView

_FAILED = frozenset({JobStatus.FAILED, JobStatus.FAILED_SUBMIT})
_AWAY = frozenset({ServerState.LOST, ServerState.FAULT, ServerState.AUTH_NEEDED})
_TOLD_ONE_BY_ONE = 2
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Notice:
    """A message.

    Attributes:
        text: One line or several.
        is_bad: Whether something went wrong.
    """

    text: str
    is_bad: bool


@dataclass(slots=True)
class _Batch:
    """The jobs of one name.

    Attributes:
        counts: How many there are of each status.
        active: How many will come to an end yet.
        failed: Whether a failure was known or told since the batch began.
    """

    counts: Counter[JobStatus] = field(default_factory=Counter)
    active: int = 0
    failed: bool = False

    def add(self, row: JobRow, step: int) -> None:
        self.counts[row.status] += step
        if not row.is_terminal and row.status is not JobStatus.FAILED_CANCEL:
            self.active += 0 if is_gone(row.note) else step


class Notices:
    """Collects what happens until it is told; the cost is that of the changes.

    Args:
        links: Tells what was only caught up on.
        kinds: What is wanted, of `NOTICES`.
    """

    def __init__(self, links: Links, kinds: Collection[str] = NOTICES) -> None:
        self.kinds = frozenset(kinds)
        self._links = links
        self._batches: dict[str, _Batch] = {}
        self._ended: list[str] = []
        self._failed: list[str] = []
        self._lost: list[str] = []
        self._seen: set[str] = set()
        self._away: set[str] = set()
        # What was caught up on, by server: how many jobs ended in which way, and which batches.
        self._meanwhile: dict[str, Counter[JobStatus]] = {}
        self._ended_meanwhile: dict[str, list[str]] = {}

    def load(self, rows: Iterable[JobRow], servers: Iterable[ServerView]) -> None:
        """Take over what is known: none of it is news."""
        for row in rows:
            batch = self._batches.setdefault(row.batch, _Batch())
            batch.add(row, 1)
            batch.failed = batch.failed or row.status in _FAILED
        self._seen = {view.name for view in servers if view.state in LINKED}

    def take(self, model: JobModel, changes: Changes, now: float) -> None:
        """Find what is worth telling in a batch of changes, before the model takes it over."""
        for view in changes.servers:
            self._take_view(view)
        was_active: dict[str, int] = {}
        failures: dict[str, JobRow] = {}
        late: dict[str, str] = {}
        for row in changes.jobs:
            before = model.row(row.key)
            self._count(was_active, before, -1)
            self._count(was_active, row, 1)
            if before is None or before.status is row.status or not row.is_terminal:
                continue
            if not self._links.is_settled(row.server, now):
                self._meanwhile.setdefault(row.server, Counter())[row.status] += 1
                late[row.batch] = row.server
                self._batches[row.batch].failed |= row.status in _FAILED
            elif row.status in _FAILED:
                failures.setdefault(row.batch, row)
        for key in changes.removed:
            self._count(was_active, model.row(key), -1)
        self._find_ends(was_active, failures, late)

    def _count(self, was_active: dict[str, int], row: JobRow | None, step: int) -> None:
        if row is not None:
            batch = self._batches.setdefault(row.batch, _Batch())
            was_active.setdefault(row.batch, batch.active)
            batch.add(row, step)

    def _find_ends(
        self, was_active: dict[str, int], failures: dict[str, JobRow], late: dict[str, str]
    ) -> None:
        for name, before in was_active.items():
            batch = self._batches[name]
            if before and not batch.active and batch.counts.total():
                of_late = self._ended_meanwhile.setdefault(late[name], []) if name in late else None
                (self._ended if of_late is None else of_late).append(name)
            elif batch.active and not before:
                batch.failed = False
            if name in failures:
                if not batch.failed and batch.active:
                    self._failed.append(_failure_text(failures[name]))
                batch.failed = True

    def _take_view(self, view: ServerView) -> None:
        if view.state in LINKED:
            self._seen.add(view.name)
        elif view.state is ServerState.OFFLINE:
            self._seen.discard(view.name)  # by a person's own wish
            self._away.discard(view.name)
        elif view.state in _AWAY and view.name in self._seen:
            self._seen.discard(view.name)
            self._away.add(view.name)
            self._lost.append(view.name)

    # Telling

    def due(self, now: float) -> Notice | None:
        """Take out what is to be told now, all in one."""
        good = [*self._ends(), *self._back(now)]
        bad = [*self._failures(), *self._losses()]
        lines = [*bad, *good]
        return Notice("\n".join(lines), bool(bad)) if lines else None

    def _ends(self) -> list[str]:
        names, self._ended = list(dict.fromkeys(self._ended)), []
        if "batch" not in self.kinds or not names:
            return []
        if len(names) <= _TOLD_ONE_BY_ONE:
            return [
                f"{_name(name)} {'has' if name else 'have'} ended: "
                f"{_counts_text(self._batches[name].counts)}"
                for name in names
            ]
        together = sum((self._batches[name].counts for name in names), Counter[JobStatus]())
        return [
            f"{len(names):,} batches have ended ({_several(map(_name, names))}): "
            f"{_counts_text(together)}"
        ]

    def _failures(self) -> list[str]:
        texts, self._failed = self._failed, []
        if "failure" not in self.kinds or len(texts) <= _TOLD_ONE_BY_ONE:
            return texts if "failure" in self.kinds else []
        return [f"First jobs failed in {len(texts):,} batches."]

    def _losses(self) -> list[str]:
        names, self._lost = list(dict.fromkeys(self._lost)), []
        if "connection" not in self.kinds or not names:
            return []
        jobs = "its jobs are" if len(names) == 1 else "their jobs are"
        return [f"Connection lost: {_several(names)}; {jobs} shown as last known."]

    def _back(self, now: float) -> list[str]:
        """Servers that are back, and what happened while they could not be seen."""
        lines = []
        meanwhile: Counter[JobStatus] = Counter()
        back, ended = [], []
        for name in sorted(self._away | self._meanwhile.keys()):
            if not self._links.is_settled(name, now):
                continue
            meanwhile += self._meanwhile.pop(name, Counter())
            ended += self._ended_meanwhile.pop(name, [])
            if name in self._away:
                self._away.discard(name)
                back.append(name)
        if back and "connection" in self.kinds:
            verb = "is" if len(back) == 1 else "are"
            lines.append(f"{_several(back)} {verb} back.")
        if meanwhile and self.kinds:
            while_ = "Meanwhile" if lines else "While you were away"
            lines.append(f"{while_}: {_counts_text(meanwhile)}.")
            if ended:
                verb = "has" if len(ended) == 1 else "have"
                lines[-1] += f" {_several(map(_name, ended))} {verb} ended."
        return lines


def _name(batch: str) -> str:
    return fmt.safe(batch) or "Jobs without a batch"


def _several(names: Iterable[str]) -> str:
    """The first names of several."""
    shown = list(map(fmt.safe, names))
    more = len(shown) - _NAMED
    return ", ".join(shown[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def _counts_text(counts: Counter[JobStatus]) -> str:
    """How many jobs ended in which way, and how many of whose end nobody knows."""
    parts = [
        f"{counts[status]:,} {status.value.lower()}"
        for status in JobStatus
        if counts[status] and status in TERMINAL_STATUSES
    ]
    others = counts.total() - sum(counts[status] for status in TERMINAL_STATUSES)
    return ", ".join([*parts, *([f"{others:,} in doubt"] if others else [])])


def _failure_text(row: JobRow) -> str:
    """Which job of a batch was the first to fail, and how."""
    how = f"exit {row.exit_code}" if row.exit_code is not None else row.status.value.lower()
    return (
        f"{_name(row.batch)}: the first failure, job {row.job_id} on {fmt.safe(row.server)} ({how})"
    )
