"""How many of an id's last digits have to be shown to tell all ids apart."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable

_SHORTEST = 6
_FEW = 4000
"""More new ids than this are sorted in among the others."""


class ShortIds:
    """Keeps the number of last digits that still tells all ids apart.

    Of each id only a hash of its last digits is kept, eight bytes in an array: where two are
    equal, all ids are looked at.

    Attributes:
        digits: That number.
    """

    def __init__(self) -> None:
        self.digits = _SHORTEST
        self._hashes = array("q")  # sorted
        self._new: set[int] = set()

    def take_all(self, ids: Iterable[str]) -> None:
        """Take all ids that there are into account, and no others."""
        every = set(ids)
        while len(ends := {job_id[-self.digits :] for job_id in every}) < len(every):
            self.digits += 1
        self._hashes = array("q", sorted(map(hash, ends)))
        self._new = set()

    def add(self, ids: Iterable[str], every: Iterable[str]) -> None:
        """Take new ids into account.

        Args:
            ids: The new ones.
            every: All that there are, these included; read only where digits may have to be
                added.
        """
        for job_id in ids:
            value = hash(job_id[-self.digits :])
            if self._has(value):
                self.take_all(every)
                return
            self._new.add(value)
        if len(self._new) > _FEW:
            self._hashes = array("q", sorted([*self._hashes, *self._new]))
            self._new = set()

    def _has(self, value: int) -> bool:
        at = bisect_left(self._hashes, value)
        return value in self._new or (at < len(self._hashes) and self._hashes[at] == value)
