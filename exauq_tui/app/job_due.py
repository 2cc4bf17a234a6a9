"""Which rows a filter by age or run time has to look at again, and when."""

from __future__ import annotations

import heapq
from collections.abc import Iterable


class DueRows:
    """Rows by the instant at which time alone may change whether they are visible.

    Args:
        items: Pairs of such an instant, in seconds since 1970, and a row's key.
    """

    def __init__(self, items: Iterable[tuple[float, int]] = ()) -> None:
        self._heap = list(items)
        heapq.heapify(self._heap)
        self._at = {key: at for at, key in self._heap}

    def add(self, at: float, key: int) -> None:
        """Note when a row has to be looked at; changes of it that leave that alone cost nothing."""
        if self._at.get(key) != at:
            self._at[key] = at
            heapq.heappush(self._heap, (at, key))

    def take(self, now: float) -> set[int]:
        """Take out the rows whose instant has come."""
        keys = set()
        while self._heap and self._heap[0][0] <= now:
            at, key = heapq.heappop(self._heap)
            if self._at.get(key) == at:
                del self._at[key]
            keys.add(key)
        return keys
