"""Which rows are looked at: view, server, filter and folding, asked of each row in steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from exauq_tui.app.job_order import Selecting
from exauq_tui.app.job_views import VIEW_STATUSES, View
from exauq_tui.monitor.filters import Query
from exauq_tui.monitor.snapshot import JobRow


@dataclass(slots=True)
class Search:
    """A filter that is being looked for, in steps.

    Attributes:
        query: The filter.
        selecting: The pass over all rows.
        due: When time alone may change whether a row is visible, and its key.
        touched: Rows that changed meanwhile.
        is_spoilt: Whether so much changed that the pass is in vain.
        is_tentative: Whether nothing is to change where nothing is found.
    """

    query: Query
    selecting: Selecting
    due: list[tuple[float, int]]
    touched: set[int] = field(default_factory=set)
    is_spoilt: bool = False
    is_tentative: bool = False


class Selection:
    """What rows have to fulfil to be visible.

    Args:
        rows: All rows by key.
        query: The filter.
        now: The time that filters by age or run time go by; seconds since 1970.
        view: The quick view.
        server: Whose rows, or None for all.
        folded: Rows that stand behind those of later tries.
    """

    def __init__(
        self,
        rows: Mapping[int, JobRow],
        query: Query,
        now: float,
        view: View,
        server: str | None,
        folded: AbstractSet[int],
    ) -> None:
        self._rows = rows
        self._query = query
        self._now = now
        # What need not be asked of 100,000 rows.
        self._statuses = None if view is View.ALL else VIEW_STATUSES[view]
        self._server = server
        self._folded = folded

    def shows(self, key: int) -> bool:
        """Whether a row is visible; one that is gone is not."""
        row = self._rows.get(key)
        return (
            row is not None
            and (self._statuses is None or row.status in self._statuses)
            and (self._server is None or row.server == self._server)
            and key not in self._folded
            and self._query.matches(row, self._now)
        )

    def shows_and_notes(self, due: list[tuple[float, int]]) -> Callable[[int], bool]:
        """The same as `shows`, and note when time alone may change it.

        Args:
            due: Gets the instants, and the keys of the rows.
        """
        if not self._query.spans:
            return self.shows

        def shows_now(key: int) -> bool:
            row = self._rows.get(key)
            if row is not None and (at := self._query.next_change(row, self._now)) is not None:
                due.append((at, key))
            return self.shows(key)

        return shows_now
