"""What the job table shows: which rows, by view and filter, in what order, kept up to date.

Free of Textual.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from exauq_tui.app.job_due import DueRows
from exauq_tui.app.job_order import Move
from exauq_tui.app.job_rows import JobRows
from exauq_tui.app.job_search import Search, Selection
from exauq_tui.app.job_targets import JobTargets
from exauq_tui.app.job_views import DEFAULT_SORT, SortValue, View
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


class JobModel(JobTargets):
    """Rows of jobs, in the order and selection in which they are looked at.

    Args:
        clock: Tells the time, in seconds since 1970, for filters by age or run time.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        super().__init__(DEFAULT_SORT)
        self.loaded = False
        self.servers: dict[str, ServerView] = {}
        self.view = View.ALL
        self.server: str | None = None
        self.query = Query()
        self._clock = clock
        self._now = clock()
        self._due = DueRows()
        self._search: Search | None = None

    @property
    def is_filtered(self) -> bool:
        """Whether a filter or a server narrows what is shown."""
        return bool(self.query) or self.server is not None

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

    def _sort(
        self, value_of: Callable[[int], SortValue | None] | None = None, *, descending: bool
    ) -> None:
        """Sort afresh; what is visible stays so."""
        # The numbers that the rows have: others of the same value would take 3 MB of 100,000.
        keys = [row.key for row in self._rows.every()]
        self._order.sort(keys, value_of, descending=descending)
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
