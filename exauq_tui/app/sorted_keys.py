"""Keys in the order of values, which are found again by bisection."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import compress
from typing import Any, Self, TypeVar

Entry = tuple[Any, int]
"""What a row is ordered by, or None where it has no such value, and its key."""

T = TypeVar("T")

_SPLICES = 200
"""For more changes than this the lists are put together anew, instead of moved each time."""


class SortedKeys:
    """Keys by their values, and by themselves where values are equal; last those without one.

    Two plain lists, of keys and of values that the rows have anyway: a tuple for each of
    100,000 rows would need five times as much memory.

    Args:
        keys: The keys that have a value, in the order of the values; this and the others are
            taken over as they are.
        values: Their values, sorted.
        bare: The keys without a value, sorted.
    """

    def __init__(self, keys: list[int], values: list[Any], bare: list[int]) -> None:
        self._keys = keys
        self._values = values
        self._bare = bare

    @classmethod
    def of(cls, keys: Iterable[int], value_of: Callable[[int], Any]) -> Self:
        """Sort keys by what tells their values."""
        every = sorted(keys)
        values = list(map(value_of, every))
        order = [at for at, value in enumerate(values) if value is not None]
        order.sort(key=values.__getitem__)  # stable, so that equals stay in the order of keys
        bare = [key for key, value in zip(every, values, strict=True) if value is None]
        return cls([every[at] for at in order], [values[at] for at in order], bare)

    def copy(self) -> Self:
        """The same, to be changed apart."""
        return type(self)(self._keys.copy(), self._values.copy(), self._bare.copy())

    def keep(self, keeps: Callable[[int], bool]) -> Self:
        """Those of the keys for which something is true."""
        kept = list(map(keeps, self._keys))
        return type(self)(
            list(compress(self._keys, kept)),
            list(compress(self._values, kept)),
            list(filter(keeps, self._bare)),
        )

    def parts(self, size: int) -> Iterator[Self]:
        """The same in parts of so many keys at most."""
        for at in range(0, len(self._keys), size):
            yield type(self)(self._keys[at : at + size], self._values[at : at + size], [])
        for at in range(0, len(self._bare), size):
            yield type(self)([], [], self._bare[at : at + size])

    def extend(self, others: SortedKeys) -> None:
        """Take in other keys, which all come after these."""
        self._keys += others._keys
        self._values += others._values
        self._bare += others._bare

    # Questions

    def __len__(self) -> int:
        return len(self._keys) + len(self._bare)

    def listed(self, *, descending: bool = False) -> list[int]:
        """All keys in order, those without a value last in either direction."""
        step = -1 if descending else 1
        return self._keys[::step] + self._bare[::step]

    def key_at(self, index: int, *, descending: bool = False) -> int:
        """The key at a position in `listed`."""
        part = self._keys
        if index >= len(part):
            index -= len(part)
            part = self._bare
        return part[~index if descending else index]

    def index_of(self, entry: Entry, *, descending: bool = False) -> int:
        """The position in `listed` of a key that is there."""
        at = self._place(entry)
        part, start = (self._bare, len(self._keys)) if entry[0] is None else (self._keys, 0)
        return start + (len(part) - 1 - at if descending else at)

    def _place(self, entry: Entry) -> int:
        """Where a key is, or belongs, among those with a value or among those without."""
        value, key = entry
        if value is None:
            return bisect_left(self._bare, key)
        first = bisect_left(self._values, value)
        return bisect_left(self._keys, key, first, bisect_right(self._values, value, first))

    # Changes

    def change(self, gone: Sequence[Entry], come: Sequence[Entry]) -> None:
        """Take keys out that are there, with the values that they have there; put others in."""
        if len(gone) + len(come) > _SPLICES:
            self._change_many(gone, come)
            return
        for entry in gone:
            at = self._place(entry)
            if entry[0] is None:
                del self._bare[at]
            else:
                del self._keys[at], self._values[at]
        for entry in come:
            at = self._place(entry)
            value, key = entry
            if value is None:
                self._bare.insert(at, key)
            else:
                self._keys.insert(at, key)
                self._values.insert(at, value)

    def _change_many(self, gone: Iterable[Entry], come: Iterable[Entry]) -> None:
        valued, bare = _apart(gone)
        holes = sorted(map(self._place, bare))
        self._bare = _without(self._bare, holes)
        holes = sorted(map(self._place, valued))
        self._keys, self._values = _without(self._keys, holes), _without(self._values, holes)
        valued, bare = _apart(come)
        valued.sort()
        bare.sort()
        places = list(map(self._place, bare))
        self._bare = _with(self._bare, places, [key for _, key in bare])
        places = list(map(self._place, valued))
        self._keys = _with(self._keys, places, [key for _, key in valued])
        self._values = _with(self._values, places, [value for value, _ in valued])


def _apart(entries: Iterable[Entry]) -> tuple[list[Entry], list[Entry]]:
    """Tell entries with a value from those without."""
    valued: list[Entry] = []
    bare: list[Entry] = []
    for entry in entries:
        (bare if entry[0] is None else valued).append(entry)
    return valued, bare


def _without(items: list[T], holes: Sequence[int]) -> list[T]:
    """A list without what is at some positions, which are sorted."""
    left: list[T] = []
    done = 0
    for at in holes:
        left += items[done:at]
        done = at + 1
    left += items[done:]
    return left


def _with(items: list[T], places: Sequence[int], others: Sequence[T]) -> list[T]:
    """A list with others before what is at some positions, which are sorted."""
    merged: list[T] = []
    done = 0
    for at, other in zip(places, others, strict=True):
        merged += items[done:at]
        merged.append(other)
        done = at
    merged += items[done:]
    return merged
