"""Whose id is which, and how many of an id's last digits tell all ids apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from exauq_tui.monitor.packed_index import PackedIndex

_SHORTEST = 6


class JobIds:
    """Finds jobs by their ids, and keeps the number of last digits that tells ids apart.

    Of each id only a hash of its last digits is kept: the ids themselves are asked for.

    Args:
        id_of: Tells the id of a job by its key; None where there is no such job.

    Attributes:
        digits: How many of the last digits tell all ids apart.
    """

    def __init__(self, id_of: Callable[[int], str | None]) -> None:
        self.digits = _SHORTEST
        self._id_of = id_of
        self._index = PackedIndex()

    def take_all(self, keys: Iterable[int]) -> None:
        """Have these jobs and no others."""
        ids = [(job_id, key) for key in keys if (job_id := self._id_of(key)) is not None]
        while True:
            self._index = PackedIndex((job_id[-self.digits :], key) for job_id, key in ids)
            if not any(map(self._are_mixed_up, self._index.alike())):
                return
            self.digits += 1

    def _are_mixed_up(self, keys: Iterable[int]) -> bool:
        """Whether different ids among those of some jobs have the same last digits."""
        ids = {job_id for key in keys if (job_id := self._id_of(key)) is not None}
        return len({job_id[-self.digits :] for job_id in ids}) < len(ids)

    def add(self, job_id: str, key: int) -> None:
        """Take in a new job, whose id can be asked for already."""
        end = job_id[-self.digits :]
        others = self._index.find(end)
        self._index.add(end, key)
        if others and self._are_mixed_up([*others, key]):
            self.take_all([*self._index])

    def remove(self, job_id: str, key: int) -> None:
        """Forget a job that there is."""
        self._index.remove(job_id[-self.digits :], key)

    def keys(self, job_id: str) -> frozenset[int]:
        """The jobs of an id: several servers may have the same, made by other programs."""
        found = self._index.find(job_id[-self.digits :])
        return frozenset(key for key in found if self._id_of(key) == job_id)
