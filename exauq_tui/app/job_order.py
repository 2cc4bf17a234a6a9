"""The order of all jobs and which of them are visible, kept by bisection.

A batch of changes costs what it changes, not what there is. All rows stay sorted, also those
that are hidden, so that another selection is one pass over them without sorting.
"""

from __future__ import annotations

import gc
from bisect import bisect_left, insort
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Any

Entry = tuple[bool, Any, int]
"""Where a row stands: a flag that keeps missing values last, its value, its key (all differ)."""

_FEW = 64
_SHARE = 200
_STRIDE = 250
"""Rows that a pass looks at before it looks at the clock."""


class JobOrder:
    """Sorted entries of all rows, and of the visible ones among them."""

    def __init__(self) -> None:
        self.descending = True
        self._all: list[Entry] = []
        self._entries: dict[int, Entry] = {}
        # The same list as `_all`, and None, where all are visible.
        self._shown: list[Entry] = self._all
        self._visible: set[int] | None = None

    def __len__(self) -> int:
        """How many rows are visible."""
        return len(self._shown)

    def __contains__(self, key: int) -> bool:
        """Whether a row is visible."""
        return key in (self._entries if self._visible is None else self._visible)

    def key_at(self, index: int) -> int:
        """The key of the visible row at a position."""
        return self._shown[~index if self.descending else index][2]

    def index_of(self, key: int) -> int | None:
        """The position of a row, or None where it is not visible."""
        if key not in self:
            return None
        position = bisect_left(self._shown, self._entries[key])
        return len(self._shown) - 1 - position if self.descending else position

    def keys(self) -> list[int]:
        """The keys of all visible rows, from the top."""
        keys = [key for _, _, key in self._shown]
        return keys[::-1] if self.descending else keys

    def in_order(self, keys: Iterable[int]) -> tuple[int, ...]:
        """Those of some keys that are visible, from the top."""
        entries = [self._entries[key] for key in keys if key in self]
        return tuple(key for _, _, key in sorted(entries, reverse=self.descending))

    def hidden_among(self, keys: Collection[int]) -> int:
        """How many of some keys, all of which there are, are not visible."""
        return 0 if self._visible is None else len(keys) - len(self._visible.intersection(keys))

    # Changes

    def sort(self, entries: Iterable[Entry]) -> None:
        """Take over the entries of all rows; what is visible stays so."""
        with _without_collector():
            self._all = self._shown = sorted(entries)
            self._entries = {entry[2]: entry for entry in self._all}
        if (visible := self._visible) is not None:
            self._shown = [entry for entry in self._all if entry[2] in visible]

    def show_all(self) -> None:
        """Let every row be visible."""
        self._shown, self._visible = self._all, None

    def show(self, entries: list[Entry]) -> None:
        """Let some rows be visible; their entries are given in order."""
        self._shown, self._visible = entries, {key for _, _, key in entries}

    def select(self, shows: Callable[[int], bool]) -> Selecting:
        """Begin to look which rows are visible, by key."""
        return Selecting(self._all, shows)

    def update(self, changes: Mapping[int, tuple[Entry | None, bool]]) -> bool:
        """Put rows where they belong now.

        Args:
            changes: Key to its entry, None where the row is gone, and whether it is visible.

        Returns:
            Whether anything that is visible came, went or moved.
        """
        if self._visible is None and not all(shown for entry, shown in changes.values() if entry):
            self.show(list(self._all))
        moves = {
            key: change
            for key, change in changes.items()
            if change != (self._entries.get(key), key in self)
        }
        moved = any(shown or key in self for key, (_, shown) in moves.items())
        if len(moves) > max(_FEW, len(self._all) // _SHARE):
            self._move_many(moves)
        else:
            for key, (entry, shown) in moves.items():
                self._move(key, entry, shown)
        return moved

    def _move(self, key: int, entry: Entry | None, shown: bool) -> None:
        """Put one row where it belongs: twice the tail of a list is moved."""
        was_shown = key in self
        old = self._entries.pop(key, None)
        if old is not None:
            del self._all[bisect_left(self._all, old)]
            if self._visible is not None and was_shown:
                del self._shown[bisect_left(self._shown, old)]
                self._visible.discard(key)
        if entry is not None:
            self._entries[key] = entry
            insort(self._all, entry)
            if self._visible is not None and shown:
                insort(self._shown, entry)
                self._visible.add(key)

    def _move_many(self, moves: Mapping[int, tuple[Entry | None, bool]]) -> None:
        """Put many rows where they belong: each list is gone through once."""
        every = [entry for entry, _ in moves.values() if entry is not None]
        visible = [entry for entry, shown in moves.values() if entry is not None and shown]
        all_visible = self._visible is None
        shown = _merged(self._shown, moves, visible)
        self._all = shown if all_visible else _merged(self._all, moves, every)
        for key, (entry, _) in moves.items():
            if entry is None:
                self._entries.pop(key, None)
            else:
                self._entries[key] = entry
        if all_visible:
            self.show_all()
        else:
            self.show(shown)


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


def _merged(entries: list[Entry], without: Collection[int], more: list[Entry]) -> list[Entry]:
    """Sorted entries without some keys and with others: cheap, as most is sorted already."""
    left = [entry for entry in entries if entry[2] not in without]
    left += more
    left.sort()
    return left


class Selecting:
    """One pass over all rows that may be made in steps, so that keys are heard between them.

    Attributes:
        found: The entries of the rows that are to be visible, in order.
    """

    def __init__(self, entries: list[Entry], shows: Callable[[int], bool]) -> None:
        self.found: list[Entry] = []
        self._left = iter(entries.copy())
        self._shows = shows

    def step(self, until: Callable[[], bool] = lambda: False) -> bool:
        """Go on until there is nothing left, or until told to stop.

        Args:
            until: Asked now and then whether to stop.

        Returns:
            Whether the pass is over.
        """
        shows = self._shows
        while part := list(islice(self._left, _STRIDE)):
            self.found += [entry for entry in part if shows(entry[2])]
            if until():
                return False
        return True
