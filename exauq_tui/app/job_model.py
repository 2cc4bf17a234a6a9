"""What the job table shows: rows by key, their order, view, filter, marks and cursor.

Free of Textual. Cursor and marks are keys, never positions.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from exauq_tui.app.job_due import DueRows
from exauq_tui.app.job_order import JobOrder, Move
from exauq_tui.app.job_rows import JobRows
from exauq_tui.app.job_search import Search, Selection
from exauq_tui.app.job_views import SortValue, View, sort_value
from exauq_tui.app.sorted_keys import Entry
from exauq_tui.errors import FilterError
from exauq_tui.monitor.filters import Query, is_unfinished, understand, vocabulary
from exauq_tui.monitor.snapshot import Changes, FirstRows, JobRow, ServerView


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


class JobModel(JobRows):
    """Rows of jobs, in the order and selection in which they are looked at.

    Args:
        clock: Tells the time, in seconds since 1970, for filters by age or run time.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self.loaded = False
        self.servers: dict[str, ServerView] = {}
        self.view = View.ALL
        self.server: str | None = None
        self.sort = "age"
        self.query = Query()
        self.marks: set[int] = set()
        self.anchor: int | None = None
        self.version = 0
        """Grows whenever the set or order of visible rows changes."""
        self._order = JobOrder(self._value_of(self.sort))
        self._clock = clock
        self._now = clock()
        self._due = DueRows()
        self._search: Search | None = None
        self._cursor: int | None = None
        self._cursor_index = 0
        self._hidden_marks: tuple[int, int] | None = None
        self._mark_version = 0

    # What there is

    def __len__(self) -> int:
        """How many rows are visible."""
        return len(self._order)

    @property
    def descending(self) -> bool:
        """Whether large values come first."""
        return self._order.descending

    def key_at(self, index: int) -> int:
        """The key of the visible row at a position."""
        return self._order.key_at(index)

    def index_of(self, key: int) -> int | None:
        """The position of a row, or None where it is not visible."""
        return self._order.index_of(key) if key in self._rows else None

    def keys_between(self, first: int, last: int) -> list[int]:
        """The keys of the visible rows at positions `first` to `last`, both included."""
        return [self.key_at(index) for index in range(max(0, first), min(len(self), last + 1))]

    @property
    def is_filtered(self) -> bool:
        """Whether a filter or a server narrows what is shown."""
        return bool(self.query) or self.server is not None

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
        self._cursor = self.key_at(index) if len(self._order) else None
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
        return self._order.keys()

    def visible_marks(self) -> tuple[int, ...]:
        """The marked rows that are visible, from the top."""
        return self._order.in_order(key for key in self.marks if key in self._rows)

    def hidden_marks(self) -> int:
        """How many marked rows the view or the filter hides."""
        stamp = hash((self.version, self._mark_version))
        if self._hidden_marks is None or self._hidden_marks[0] != stamp:
            self._hidden_marks = (stamp, self._order.hidden_among(self.marks))
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
        self._select()

    def set_server(self, server: str | None) -> None:
        """Show only one server's rows, or all."""
        self.server = server
        self._select()

    def set_filter(self, text: str) -> None:
        """Show only rows that a filter selects.

        Raises:
            FilterError: It cannot be understood; nothing is changed.
        """
        self.begin_filter(text)
        self.go_on_filtering()

    def begin_filter(self, text: str, *, is_typed: bool = False) -> None:
        """Begin to look for the rows that a filter selects; until all is found, nothing changes.

        Args:
            text: The filter.
            is_typed: Whether it is being typed: where it finds nothing, but ends in what may
                become a term, what was found before stays.

        Raises:
            FilterError: It cannot be understood; nothing is changed.
        """
        names = vocabulary(self.servers.values(), self._server_counts)
        self._begin(understand(text, names))
        assert self._search is not None
        self._search.is_tentative = is_typed and is_unfinished(text, names)

    def drop_filter(self) -> None:
        """Forget a filter that was begun; the one that holds stays."""
        self._search = None

    @property
    def is_filtering(self) -> bool:
        """Whether a filter was begun whose rows are not all found."""
        return self._search is not None

    @property
    def query_text(self) -> str:
        """What is filtered by, or is about to be."""
        return (self.query if self._search is None else self._search.query).text

    def go_on_filtering(self, until: Callable[[], bool] = lambda: False) -> bool:
        """Go on with a filter that was begun, and show its rows once all are found.

        Args:
            until: Asked now and then whether to stop, for the time being.

        Returns:
            Whether there is nothing left to do.
        """
        search = self._search
        if search is None:
            return True
        if not search.is_spoilt and not search.selecting.step(until):
            return False
        self._search = None
        if search.is_tentative and not search.is_spoilt and not search.selecting.found:
            return True
        self.query = search.query
        if search.is_spoilt:
            self._select()
            return True
        self._due = DueRows(search.due)
        touched = search.touched
        # What changed meanwhile may stand elsewhere by now.
        found = search.selecting.found.keep(lambda key: key not in touched)
        if len(found) < len(self._rows):
            self._order.show(found)
        else:
            self._order.show_all()
        self._order.update(self._moves(touched))
        self._selected()
        return True

    def set_sort(self, name: str, *, descending: bool) -> None:
        """Choose the order, by a name of `SORTS` or "input:" and a position.

        Raises:
            KeyError: There is no such order.
        """
        self._sort(self._value_of(name), descending=descending)
        self.sort = name
        self._selected()

    def set_folds(self, folds: bool) -> None:
        """Fold the tries of each job into one row, or show every try."""
        self.folds = folds
        self._select()

    def tick(self) -> bool:
        """Let time pass for filters by age or run time; tells whether anything visible moved."""
        before, self._now = self._now, self._clock()
        if self._now < before and self.query.spans:
            self._select()  # the clock was set back
            return True
        keys = self._due.take(self._now)
        moved = bool(keys) and self._order.update(self._moves(keys))
        if moved:
            self._selected()
        return moved

    # Changes of what there is

    def load(self, rows: Sequence[JobRow], servers: Iterable[ServerView]) -> None:
        """Take over everything that is known."""
        self.servers = {view.name: view for view in servers}
        self._take_all(rows)
        self.loaded = True
        self.marks &= self._rows.keys()
        self._mark_version += 1
        self._sort(descending=self.descending)
        self._select()

    def show_first(self, first: FirstRows, servers: Iterable[ServerView]) -> None:
        """Show the first rows while all are read: until then nothing is counted."""
        self.servers = {view.name: view for view in servers}
        self._rows.update((row.key, row) for row in first.rows)
        self._ids.digits = first.id_digits
        self._sort(descending=self.descending)
        self._selected()

    def emptied(self) -> JobModel:
        """A model that looks at no rows as this one looks at its own; to `load` in a thread."""
        other = JobModel(self._clock)
        other.view, other.server, other.query, other.folds = (
            *(self.view, self.server, self.query),
            self.folds,
        )
        other.set_sort(self.sort, descending=self.descending)
        return other

    def take_over(self, other: JobModel) -> None:
        """Have all that another model was filled with, which was made by `emptied`."""
        for name in vars(JobRows()):
            setattr(self, name, getattr(other, name))
        self._order, self._due, self.servers = other._order, other._due, other.servers
        self.loaded = True
        self.marks &= self._rows.keys()
        self._mark_version += 1
        self._selected()

    def apply(self, changes: Changes) -> Applied:
        """Take over what changed."""
        self._now = self._clock()
        counts = False
        seen: set[int] = set()
        touched: set[int] = set()
        stood: dict[int, Entry | None] = {}
        entry_of = self._order.entry_of
        for row in changes.jobs:
            before = self._rows.get(row.key)
            if before != row:
                seen.add(row.key)
                stood.setdefault(row.key, None if before is None else entry_of(row.key))
                keys, counted = self._put(row)
                touched |= keys
                counts |= counted
        gone = [key for key in dict.fromkeys(changes.removed) if key in self._rows]
        for key in gone:
            stood.setdefault(key, entry_of(key))
            touched |= self._remove(key)
        if not self.marks.isdisjoint(gone):
            self.set_marks(gone, False)
        if self._search is not None:
            self._search.touched |= touched
        moved = self._order.update(self._moves(touched, stood))
        if moved:
            self._selected()
        moved |= self._take_servers(changes)
        servers = bool(changes.servers or changes.gone_servers)
        return Applied(frozenset(seen), moved, counts or bool(gone), servers)

    def _take_servers(self, changes: Changes) -> bool:
        """Take over how servers are; tells whether the filter means something else by that."""
        names = {view.name: view.input_names for view in self.servers.values()}
        self.servers.update((view.name, view) for view in changes.servers)
        for name in changes.gone_servers:
            self.servers.pop(name, None)
        if not self.query or names == {v.name: v.input_names for v in self.servers.values()}:
            return False
        try:
            self.set_filter(self.query.text)
        except FilterError:
            return False  # what it meant before is still the best that is known
        return True

    def _moves(
        self, keys: Iterable[int], stood: Mapping[int, Entry | None] | None = None
    ) -> dict[int, Move]:
        """Where rows belong now, and whether they are visible.

        Args:
            keys: The rows.
            stood: Where those stood that are other ones now; None for nowhere.
        """
        stood = {} if stood is None else stood
        selection = self._selection(self.query)
        moves: dict[int, Move] = {}
        for key in keys:
            row = self._rows.get(key)
            entry = None if row is None else self._order.entry_of(key)
            if row is not None and (due := self.query.next_change(row, self._now)) is not None:
                self._due.add(due, key)
            moves[key] = (stood.get(key, entry), entry, selection.shows(key))
        return moves

    def _selection(self, query: Query) -> Selection:
        folded = self._earlier if self.folds else frozenset[int]()
        return Selection(self._rows, query, self._now, self.view, self.server, folded)

    def _value_of(self, name: str) -> Callable[[int], SortValue | None]:
        """What tells by a row's key what it is ordered by."""
        rows, value = self._rows, sort_value(name)
        return lambda key: value(rows[key])

    def _sort(
        self, value_of: Callable[[int], SortValue | None] | None = None, *, descending: bool
    ) -> None:
        """Sort afresh; what is visible stays so."""
        self._order.sort(self._rows, value_of, descending=descending)
        if self._search is not None:
            self._search.is_spoilt = True

    def _begin(self, query: Query) -> None:
        """Begin a pass over all rows."""
        self._now = self._clock()
        due: list[tuple[float, int]] = []
        shows = self._selection(query).shows_and_notes(due)
        self._search = Search(query, self._order.select(shows), due)

    def _select(self) -> None:
        """Look afresh which rows are visible, by the filter that holds; one begun has to wait."""
        begun = self._search
        if self.view is View.ALL and not self.is_filtered and not self.folded:
            self._due = DueRows()
            self._order.show_all()
            self._selected()
        else:
            self._begin(self.query)
            self.go_on_filtering()
        if begun is not None:
            begun.is_spoilt = True
            self._search = begun

    def _selected(self) -> None:
        """Settle down after another selection or order."""
        self.version += 1
        self._settle_cursor()
