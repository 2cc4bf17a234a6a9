"""The rows of all jobs by key, their counts, and which of them are earlier tries of others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from exauq_tui.app.job_ids import JobIds
from exauq_tui.app.job_views import VIEW_STATUSES, View
from exauq_tui.hardware.status import JobStatus
from exauq_tui.monitor.dense_map import DenseMap
from exauq_tui.monitor.snapshot import Changes, JobRow


class JobRows:
    """What there is, whether it is looked at or not.

    A job that was tried again is shown as one row, that of the last try: the tries before are
    *folded* and do not count, once they have come to their end. One that may still run is
    never folded.

    Attributes:
        folds: Whether tries are folded.
    """

    def __init__(self) -> None:
        self.folds = True
        self._rows = DenseMap[JobRow]()
        self._later: dict[str, set[int]] = {}
        self._earlier: set[int] = set()
        self._again = 0
        self._counts: Counter[JobStatus] = Counter()
        self._earlier_counts: Counter[JobStatus] = Counter()
        self._server_counts: dict[str, Counter[JobStatus]] = {}
        self._earlier_on: dict[str, Counter[JobStatus]] = {}
        self._ids = JobIds(self._id_of)

    @property
    def total(self) -> int:
        """How many jobs there are, visible or not; folded tries do not count."""
        return len(self._rows) - self.folded

    @property
    def folded(self) -> int:
        """How many earlier tries stand behind the rows of later ones."""
        return len(self._earlier) if self.folds else 0

    @property
    def has_tries(self) -> bool:
        """Whether any job is not the first try."""
        return bool(self._again)

    @property
    def id_digits(self) -> int:
        """How many of an id's last digits tell all ids apart."""
        return self._ids.digits

    def row(self, key: int) -> JobRow | None:
        """The row of a key, visible or not."""
        return self._rows.get(key)

    def rows(self, keys: Iterable[int]) -> tuple[JobRow, ...]:
        """The rows of several keys; those that are gone are left out."""
        return tuple(row for key in keys if (row := self._rows.get(key)) is not None)

    def all_rows(self) -> Iterable[JobRow]:
        """Every row, in no order that matters."""
        return self._rows.every()

    def without_known(self, changes: Changes) -> Changes:
        """Leave out the rows that are the very ones that there are, as at first all are."""
        rows = self._rows
        new = tuple(row for row in changes.jobs if rows.get(row.key) is not row)
        return changes if len(new) == len(changes.jobs) else replace(changes, jobs=new)

    @property
    def counts(self) -> Mapping[JobStatus, int]:
        """How many jobs there are of each status, by their last try where tries are folded."""
        return self._counts - self._earlier_counts if self.folds else self._counts

    def server_counts(self, server: str) -> Mapping[JobStatus, int]:
        """Likewise for the jobs of one server, so that all servers together have `counts`."""
        counts = self._server_counts.get(server, Counter())
        earlier = self._earlier_on.get(server) if self.folds else None
        return counts - earlier if earlier else counts

    def view_count(self, view: View) -> int:
        """How many jobs a quick view holds, without the filter."""
        counts = self.counts
        return sum(counts.get(status, 0) for status in VIEW_STATUSES[view])

    def is_folded(self, key: int) -> bool:
        """Whether a row stands behind that of a later try."""
        return self.folds and key in self._earlier

    # Changes

    def _take_all(self, rows: Sequence[JobRow]) -> None:
        """Have these rows and no others."""
        self._rows.clear()
        self._rows.update((row.key, row) for row in rows)
        self._later, self._earlier = {}, set()
        self._counts.clear()
        self._earlier_counts.clear()
        self._server_counts.clear()
        self._earlier_on.clear()
        self._again = 0
        for row in rows:
            self._count(row, 1)
            self._note_try(row)
        self._ids.take_all(self._rows)
        for job_id in self._later:
            for key in self._ids.keys(job_id):
                self._judge(key)

    def _put(self, row: JobRow) -> tuple[set[int], bool]:
        """Store a row; gives the keys that may stand elsewhere now, and whether counts changed."""
        before = self._rows.get(row.key)
        if before is not None and before.job_id != row.job_id:
            # Its id was taken on the server, so that it got another.
            touched = self._remove(row.key)
            return touched | self._put(row)[0], True
        self._uncount_earlier(row.key)
        self._rows[row.key] = row
        if before is None:
            self._note_try(row)
            self._ids.add(row.job_id, row.key)
        elif before.status is not row.status or before.server != row.server:
            self._count(before, -1)
        else:
            self._judge(row.key)
            return {row.key}, False
        self._count(row, 1)
        touched = {row.key, *self._ids.keys(row.try_of)} if row.try_of else {row.key}
        for key in touched:
            self._judge(key)
        return touched, True

    def _remove(self, key: int) -> set[int]:
        """Drop a row; gives the keys that may stand elsewhere now."""
        self._uncount_earlier(key)
        row = self._rows.pop(key)
        self._count(row, -1)
        self._ids.remove(row.job_id, key)
        touched = {key}
        if row.try_of in self._later:
            self._later[row.try_of].discard(key)
            if not self._later[row.try_of]:
                del self._later[row.try_of]
            touched |= self._ids.keys(row.try_of)
        for each in touched:
            self._judge(each)
        return touched

    def _note_try(self, row: JobRow) -> None:
        """Remember what the job tries again."""
        if row.try_of:
            self._later.setdefault(row.try_of, set()).add(row.key)

    def _id_of(self, key: int) -> str | None:
        row = self._rows.get(key)
        return None if row is None else row.job_id

    def _judge(self, key: int) -> None:
        """Find out whether a row is the earlier try of another, and count it as such."""
        self._uncount_earlier(key)
        row = self._rows.get(key)
        if row is None or not row.is_terminal:
            return
        later = self._later.get(row.job_id, ())
        # A namesake on another server is told by its inputs.
        if any(self._rows[each].inputs == row.inputs for each in later if each != key):
            self._earlier.add(key)
            self._count_earlier(row, 1)

    def _uncount_earlier(self, key: int) -> None:
        if key in self._earlier:
            self._earlier.discard(key)
            self._count_earlier(self._rows[key], -1)

    def _count_earlier(self, row: JobRow, step: int) -> None:
        self._earlier_counts[row.status] += step
        self._earlier_on.setdefault(row.server, Counter())[row.status] += step

    def _count(self, row: JobRow, step: int) -> None:
        self._again += step if row.try_number > 1 else 0
        self._counts[row.status] += step
        self._server_counts.setdefault(row.server, Counter())[row.status] += step
