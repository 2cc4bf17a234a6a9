"""The order of all jobs and which of them are visible, kept by bisection.

A batch of changes costs what it changes, not what there is. All rows stay sorted, also those
that are hidden, so that another selection is one pass over them without sorting.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager

from exauq_tui.app.job_views import SortValue
from exauq_tui.app.sorted_keys import Entry, SortedKeys

Move = tuple[Entry | None, Entry | None, bool]
"""Where a row stood, where it stands now (None for not there), and whether it is visible now."""

_STRIDE = 250
"""Rows that a pass looks at before it looks at the clock."""


class JobOrder:
    """The keys of all rows in their order, and of the visible ones among them.

    Args:
        value_of: Tells what a row is ordered by, by its key; None comes last.

    Attributes:
        descending: Whether large values come first.
    """

    def __init__(self, value_of: Callable[[int], SortValue | None]) -> None:
        self.descending = True
        self._value_of = value_of
        self._all = SortedKeys([], [], [])
        # The same as `_all`, and None, where all are visible.
        self._shown = self._all
        self._visible: set[int] | None = None

    def __len__(self) -> int:
        """How many rows are visible."""
        return len(self._shown)

    def entry_of(self, key: int) -> Entry:
        """Where a row, as it is now, belongs."""
        return self._value_of(key), key

    def shows(self, key: int) -> bool:
        """Whether a row, of those that there are, is visible."""
        return self._visible is None or key in self._visible

    def key_at(self, index: int) -> int:
        """The key of the visible row at a position."""
        return self._shown.key_at(index, descending=self.descending)

    def index_of(self, key: int) -> int | None:
        """The position of a row, of those that there are, or None where it is not visible."""
        if not self.shows(key):
            return None
        return self._shown.index_of(self.entry_of(key), descending=self.descending)

    def keys(self) -> list[int]:
        """The keys of all visible rows, from the top."""
        return self._shown.listed(descending=self.descending)

    def in_order(self, keys: Iterable[int]) -> tuple[int, ...]:
        """Those of some keys, of which there are rows, that are visible, from the top."""
        visible = SortedKeys.of(filter(self.shows, keys), self._value_of)
        return tuple(visible.listed(descending=self.descending))

    def hidden_among(self, keys: Collection[int]) -> int:
        """How many of some keys, all of which there are, are not visible."""
        return 0 if self._visible is None else len(keys) - len(self._visible.intersection(keys))

    # Changes

    def sort(
        self,
        keys: Iterable[int],
        value_of: Callable[[int], SortValue | None] | None = None,
        *,
        descending: bool,
    ) -> None:
        """Sort the keys of all rows afresh; what is visible stays so.

        Args:
            keys: The keys.
            value_of: What rows are ordered by from now on; None for as before.
            descending: Whether large values come first.
        """
        self._value_of = value_of or self._value_of
        self.descending = descending
        with _without_collector():
            self._all = self._shown = SortedKeys.of(keys, self._value_of)
        if self._visible is not None:
            self._shown = self._all.keep(self._visible.__contains__)

    def show_all(self) -> None:
        """Let every row be visible."""
        self._shown, self._visible = self._all, None

    def show(self, keys: SortedKeys) -> None:
        """Let some rows be visible."""
        self._shown, self._visible = keys, set(keys.listed())

    def select(self, shows: Callable[[int], bool]) -> Selecting:
        """Begin to look which rows are visible, by key."""
        return Selecting(self._all, shows)

    def update(self, moves: Mapping[int, Move]) -> bool:
        """Put rows where they belong now.

        Args:
            moves: By key what became of a row; rows that are not here are as they were.

        Returns:
            Whether anything that is visible came, went or moved.
        """
        if self._visible is None and not all(shown for _, new, shown in moves.values() if new):
            self.show(self._all.copy())
        # Where each stands among the visible ones, and is to stand there.
        seen = [
            (old if self.shows(key) else None, new if shown else None)
            for key, (old, new, shown) in moves.items()
        ]
        seen = [(old, new) for old, new in seen if old != new]
        gone = [old for old, _ in seen if old is not None]
        come = [new for _, new in seen if new is not None]
        self._shown.change(gone, come)
        if self._visible is not None:
            self._visible.difference_update([key for _, key in gone])
            self._visible.update([key for _, key in come])
            moved = [(old, new) for old, new, _ in moves.values() if old != new]
            self._all.change(
                [old for old, _ in moved if old is not None],
                [new for _, new in moved if new is not None],
            )
        return bool(seen)


@contextmanager
def _without_collector() -> Iterator[None]:
    """Make many small tuples without the garbage collector looking through them meanwhile."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class Selecting:
    """One pass over all rows that may be made in steps, so that keys are heard between them.

    Attributes:
        found: The keys of the rows that are to be visible.
    """

    def __init__(self, keys: SortedKeys, shows: Callable[[int], bool]) -> None:
        self.found = SortedKeys([], [], [])
        self._parts = keys.copy().parts(_STRIDE)
        self._shows = shows

    def step(self, until: Callable[[], bool] = lambda: False) -> bool:
        """Go on until there is nothing left, or until told to stop.

        Args:
            until: Asked now and then whether to stop.

        Returns:
            Whether the pass is over.
        """
        for part in self._parts:
            self.found.extend(part.keep(self._shows))
            if until():
                return False
        return True
