"""Where rows stand, and which of them are pointed at: the cursor and the marks.

Free of Textual. Cursor and marks are keys, never positions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from exauq_tui.app.job_order import JobOrder
from exauq_tui.app.job_rows import JobRows
from exauq_tui.app.job_views import SortValue, sort_value
from exauq_tui.monitor.snapshot import JobRow


class JobTargets(JobRows):
    """Rows in their order, those that are visible, the cursor on one of these, and marks.

    Args:
        sort: By what they are ordered at first, by a name of `SORTS`.

    Attributes:
        sort: By what they are ordered.
        marks: The keys of the marked rows, visible or not.
        anchor: Where a range of marks begins, or None.
        version: Grows whenever the set or order of visible rows changes.
    """

    def __init__(self, sort: str) -> None:
        super().__init__()
        self.sort = sort
        self.marks: set[int] = set()
        self.anchor: int | None = None
        self.version = 0
        self._order = JobOrder(self._value_of(sort))
        self._cursor: int | None = None
        self._cursor_index = 0
        self._hidden_marks: tuple[int, int] | None = None
        self._mark_version = 0

    # Places

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

    def _value_of(self, name: str) -> Callable[[int], SortValue | None]:
        """What tells by a row's key what it is ordered by."""
        rows, value = self._rows, sort_value(name)
        return lambda key: value(rows[key])

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

    def _selected(self) -> None:
        """Settle down after another selection or order."""
        self.version += 1
        self._settle_cursor()
