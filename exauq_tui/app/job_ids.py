"""How many of an id's last digits have to be shown to tell all ids apart."""

from __future__ import annotations

from collections.abc import Iterable

_SHORTEST = 6


class ShortIds:
    """Keeps the number of last digits that still tells all ids apart.

    Attributes:
        digits: That number.
    """

    def __init__(self) -> None:
        self.digits = _SHORTEST
        self._suffixes: dict[str, str] = {}

    def add(self, ids: Iterable[str], every: Iterable[str]) -> None:
        """Take new ids into account.

        Args:
            ids: The new ones.
            every: All that there are, these included; read only where digits have to be added.
        """
        for job_id in ids:
            suffix = job_id[-self.digits :]
            if self._suffixes.setdefault(suffix, job_id) != job_id:
                self._lengthen(set(every))
                return

    def _lengthen(self, ids: set[str]) -> None:
        while len({job_id[-self.digits :] for job_id in ids}) < len(ids):
            self.digits += 1
        self._suffixes = {job_id[-self.digits :]: job_id for job_id in ids}
