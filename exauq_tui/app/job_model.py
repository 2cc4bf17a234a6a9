"""What the job table shows: rows by key, their order, view, filter, marks and cursor.

Free of Textual. The order is kept by bisection, so that a batch of changes costs what it
changes, not what there is. Cursor and marks are keys, never positions.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from exauq_tui.app.job_views import SORTS, VIEW_STATUSES, SortValue, View, matches
from exauq_tui.hardware.status import JobStatus
from exauq_tui.monitor.snapshot import Changes, JobRow, ServerView

Entry = tuple[SortValue, int]
"""Where a row stands in the order: its sort value, then its key, so that no two are equal."""

_SHORTEST_ID = 6


@dataclass(frozen=True, slots=True)
class Applied:
    """What a batch of changes did to what is visible.

    Attributes:
        keys: Rows whose content changed.
        moved: True where rows came, went or changed places.
        counts: True where the number of jobs in some status changed.
        servers: True where a server's view changed.
    """

    keys: frozenset[int] = frozenset()
    moved: bool = False
    counts: bool = False
    servers: bool = False


class JobModel:
    """Rows of jobs, in the order and selection in which they are looked at."""

    def __init__(self) -> None:
        self.loaded = False
        self.servers: dict[str, ServerView] = {}
        self.view = View.ALL
        self.words: tuple[str, ...] = ()
        self.server: str | None = None
        self.sort = "age"
        self.descending = True
        self.marks: set[int] = set()
        self.anchor: int | None = None
        self.id_digits = _SHORTEST_ID
        self.version = 0
        """Grows whenever the set or order of visible rows changes."""
        self._rows: dict[int, JobRow] = {}
        self._order: list[Entry] = []
        self._entries: dict[int, Entry] = {}
        self._counts: Counter[JobStatus] = Counter()
        self._server_counts: dict[str, Counter[JobStatus]] = {}
        self._suffixes: dict[str, str] = {}
        self._cursor: int | None = None
        self._cursor_index = 0
        self._hidden_marks: tuple[int, int] | None = None
        self._mark_version = 0

    # What there is

    def __len__(self) -> int:
        """How many rows are visible."""
        return len(self._order)

    @property
    def total(self) -> int:
        """How many jobs there are, visible or not."""
        return len(self._rows)

    def row(self, key: int) -> JobRow | None:
        """The row of a key, visible or not."""
        return self._rows.get(key)

    def rows(self, keys: Iterable[int]) -> tuple[JobRow, ...]:
        """The rows of several keys; those that are gone are left out."""
        return tuple(row for key in keys if (row := self._rows.get(key)) is not None)

    def all_rows(self) -> Iterable[JobRow]:
        """Every row, in no order that matters."""
        return self._rows.values()

    def key_at(self, index: int) -> int:
        """The key of the visible row at a position."""
        return self._order[~index if self.descending else index][1]

    def index_of(self, key: int) -> int | None:
        """The position of a row, or None where it is not visible."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        position = bisect_left(self._order, entry)
        return len(self._order) - 1 - position if self.descending else position

    def keys_between(self, first: int, last: int) -> list[int]:
        """The keys of the visible rows at positions `first` to `last`, both included."""
        return [self.key_at(index) for index in range(max(0, first), min(len(self), last + 1))]

    @property
    def counts(self) -> Mapping[JobStatus, int]:
        """How many jobs there are of each status."""
        return self._counts

    def server_counts(self, server: str) -> Mapping[JobStatus, int]:
        """How many jobs of one server there are of each status."""
        return self._server_counts.get(server, Counter())

    def view_count(self, view: View) -> int:
        """How many jobs a quick view holds, without the filter."""
        return sum(self._counts[status] for status in VIEW_STATUSES[view])

    @property
    def is_filtered(self) -> bool:
        """Whether words or a server narrow what is shown."""
        return bool(self.words) or self.server is not None

    # The cursor

    @property
    def cursor(self) -> int | None:
        """The key under the cursor, or None where nothing is visible."""
        return self._cursor

    @property
    def cursor_index(self) -> int:
        """Where the cursor is, as a position."""
        return self._cursor_index

    def move_cursor(self, index: int) -> bool:
        """Put the cursor on a position, as far as there is one; tells whether it moved."""
        index = max(0, min(index, len(self._order) - 1))
        before = self._cursor
        self._cursor = self.key_at(index) if self._order else None
        self._cursor_index = index
        return self._cursor != before

    def cursor_row(self) -> JobRow | None:
        """The row under the cursor."""
        return None if self._cursor is None else self._rows.get(self._cursor)

    def _settle_cursor(self) -> None:
        """Find the cursor's row again; where it is gone, take what stands in its place."""
        index = None if self._cursor is None else self.index_of(self._cursor)
        if index is None:
            self.move_cursor(self._cursor_index)
        else:
            self._cursor_index = index

    # Marks

    def toggle_mark(self, key: int) -> None:
        """Mark a row, or unmark it."""
        self.marks ^= {key}
        self._mark_version += 1

    def set_marks(self, keys: Iterable[int], marked: bool) -> None:
        """Mark several rows, or unmark them."""
        if marked:
            self.marks.update(keys)
        else:
            self.marks.difference_update(keys)
        self._mark_version += 1

    def visible_keys(self) -> list[int]:
        """The keys of all visible rows, from the top."""
        keys = [key for _, key in self._order]
        return keys[::-1] if self.descending else keys

    def visible_marks(self) -> tuple[int, ...]:
        """The marked rows that are visible, from the top."""
        if not self.marks:
            return ()
        visible = [entry for key in self.marks if (entry := self._entries.get(key)) is not None]
        return tuple(key for _, key in sorted(visible, reverse=self.descending))

    def hidden_marks(self) -> int:
        """How many marked rows the view or the filter hides."""
        stamp = hash((self.version, self._mark_version))
        if self._hidden_marks is None or self._hidden_marks[0] != stamp:
            hidden = sum(1 for key in self.marks if key not in self._entries)
            self._hidden_marks = (stamp, hidden)
        return self._hidden_marks[1]

    def targets(self) -> tuple[int, ...]:
        """What a verb acts on: the visible marked rows, else the row under the cursor."""
        marked = self.visible_marks()
        if marked:
            return marked
        return () if self._cursor is None else (self._cursor,)

    # Changes of what is shown

    def set_view(self, view: View) -> None:
        """Choose a quick view."""
        self.view = view
        self._rebuild()

    def set_filter(self, text: str) -> None:
        """Show only rows that match every word of a text."""
        self.words = tuple(text.lower().split())
        self._rebuild()

    def set_server(self, server: str | None) -> None:
        """Show only one server's rows, or all."""
        self.server = server
        self._rebuild()

    def set_sort(self, name: str, *, descending: bool) -> None:
        """Choose the order, by a name of `SORTS`."""
        self.sort, self.descending = name, descending
        self._rebuild()

    # Changes of what there is

    def load(self, rows: Sequence[JobRow], servers: Iterable[ServerView]) -> None:
        """Take over everything that is known."""
        self.servers = {view.name: view for view in servers}
        self._rows = {row.key: row for row in rows}
        self._recount()
        self.loaded = True
        self.marks &= self._rows.keys()
        self._mark_version += 1
        self._shorten_ids(rows)
        self._rebuild()

    def apply(self, changes: Changes) -> Applied:
        """Take over what changed."""
        for view in changes.servers:
            self.servers[view.name] = view
        for name in changes.gone_servers:
            self.servers.pop(name, None)
        # A rebuild sorts once; bisection moves the tail of the list once per row.
        wholesale = len(changes.jobs) + len(changes.removed) > max(64, len(self._order) // 8)
        counts = moved = False
        seen: set[int] = set()
        for row in changes.jobs:
            before = self._rows.get(row.key)
            if before == row:
                continue
            counts |= self._replace(before, row)
            seen.add(row.key)
            if not wholesale:
                moved |= self._place(row)
        for key in changes.removed:
            gone = self._rows.pop(key, None)
            if gone is None:
                continue
            counts = True
            self._count(gone, -1)
            if key in self.marks:
                self.set_marks((key,), False)
            moved |= not wholesale and self._drop(key)
        if wholesale:
            self._rebuild()
            moved = True
        elif moved:
            self.version += 1
            self._settle_cursor()
        return Applied(
            frozenset(seen), moved, counts, bool(changes.servers or changes.gone_servers)
        )

    def _replace(self, before: JobRow | None, row: JobRow) -> bool:
        """Store a row; tells whether the counts changed."""
        self._rows[row.key] = row
        if before is None:
            self._shorten_ids((row,))
        elif before.status is row.status and before.server == row.server:
            return False
        else:
            self._count(before, -1)
        self._count(row, 1)
        return True

    def _count(self, row: JobRow, step: int) -> None:
        self._counts[row.status] += step
        self._server_counts.setdefault(row.server, Counter())[row.status] += step

    def _recount(self) -> None:
        self._counts.clear()
        self._server_counts.clear()
        for row in self._rows.values():
            self._count(row, 1)

    def _place(self, row: JobRow) -> bool:
        """Put a row where it belongs; tells whether anything moved."""
        old = self._entries.get(row.key)
        new = (SORTS[self.sort](row), row.key) if self._shows(row) else None
        if old == new:
            return False
        if old is not None:
            self._drop(row.key)
        if new is not None:
            insort(self._order, new)
            self._entries[row.key] = new
        return True

    def _drop(self, key: int) -> bool:
        """Take a row out of the order; tells whether it was there."""
        entry = self._entries.pop(key, None)
        if entry is None:
            return False
        del self._order[bisect_left(self._order, entry)]
        return True

    def _shows(self, row: JobRow) -> bool:
        """Whether a row passes view, server and filter."""
        return (
            row.status in VIEW_STATUSES[self.view]
            and (self.server is None or row.server == self.server)
            and all(matches(row, word) for word in self.words)
        )

    def _rebuild(self) -> None:
        """Make the order afresh."""
        value = SORTS[self.sort]
        rows: Iterable[JobRow] = self._rows.values()
        if self.view is not View.ALL or self.is_filtered:
            rows = filter(self._shows, rows)
        self._order = sorted((value(row), row.key) for row in rows)
        self._entries = {entry[1]: entry for entry in self._order}
        self.version += 1
        self._settle_cursor()

    def _shorten_ids(self, rows: Iterable[JobRow]) -> None:
        """Keep the number of last digits that still tells all ids apart."""
        for row in rows:
            suffix = row.job_id[-self.id_digits :]
            if self._suffixes.setdefault(suffix, row.job_id) != row.job_id:
                self._lengthen_ids()
                return

    def _lengthen_ids(self) -> None:
        """Find how many digits tell all ids apart."""
        ids = {row.job_id for row in self._rows.values()}
        digits = self.id_digits
        while len({job_id[-digits:] for job_id in ids}) < len(ids):
            digits += 1
        self.id_digits = digits
        self._suffixes = {job_id[-digits:]: job_id for job_id in ids}
