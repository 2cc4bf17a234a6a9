"""Which jobs a quick view holds, and the orders that there are (pure)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from exauq_tui.hardware.status import JobStatus
from exauq_tui.monitor import spans
from exauq_tui.monitor.record_first import STATUS_ORDER
from exauq_tui.monitor.snapshot import JobRow

SortValue = Any
"""Something that can be compared with the values of other rows in the same order."""


class View(Enum):
    """The quick views; the value is the word shown."""

    ALL = "all"
    ACTIVE = "active"
    FAILED = "failed"
    DONE = "done"


VIEW_STATUSES: Mapping[View, frozenset[JobStatus]] = {
    View.ALL: frozenset(JobStatus),
    View.ACTIVE: frozenset(
        {
            JobStatus.PENDING_SUBMIT,
            JobStatus.SUBMITTED,
            JobStatus.RUNNING,
            JobStatus.PENDING_CANCEL,
            JobStatus.FAILED_CANCEL,  # something of it may still run
        }
    ),
    View.FAILED: frozenset({JobStatus.FAILED, JobStatus.FAILED_SUBMIT, JobStatus.FAILED_CANCEL}),
    View.DONE: frozenset({JobStatus.COMPLETED, JobStatus.CANCELLED}),
}

_STATUS_RANK = {status: rank for rank, status in enumerate(STATUS_ORDER)}


def _run_time(row: JobRow) -> SortValue | None:
    """Those that ended by how long they ran, then those that run, which would move all the time."""
    since = spans.running_since(row)
    ran = spans.ran(row)
    return (0, ran) if ran is not None else None if since is None else (1, -since)


def _number(value: float | None) -> float | None:
    """NaN has no place in an order."""
    return value if value == value else None


SORTS: Mapping[str, Callable[[JobRow], SortValue | None]] = {
    "age": lambda row: row.created or None,
    "status": lambda row: (_STATUS_RANK[row.status], row.created),
    "id": lambda row: (len(row.job_id), row.job_id),
    "server": lambda row: (row.server, row.created),
    "batch": lambda row: (row.batch, row.created) if row.batch else None,
    "output": lambda row: _number(row.output),
    "run": _run_time,
    "level": lambda row: (row.level, row.created),
    "try": lambda row: (row.try_number, row.created),
    "exit": lambda row: row.exit_code,
    "started": lambda row: row.started,
    "finished": lambda row: row.finished,
}
"""The orders that there are beside those by an input, by the name of their column.

Where the value is None, the row comes last in both directions.
"""


DEFAULT_SORT = "age"
"""The newest first, unless somebody chose another order."""

_LARGE_FIRST = frozenset({"age", "run", "try", "started", "finished"})


def starts_descending(name: str) -> bool:
    """Whether an order begins with what is large, or late, until somebody turns it round."""
    return name in _LARGE_FIRST


def sort_value(name: str) -> Callable[[JobRow], SortValue | None]:
    """What rows are ordered by.

    Args:
        name: One of `SORTS`, or "input:" and a position counted from 0.

    Raises:
        KeyError: There is no such order.
    """
    kind, _, position = name.partition(":")
    if kind != "input" or not position.isdecimal():
        return SORTS[name]
    at = int(position)
    return lambda row: _number(row.inputs[at]) if at < len(row.inputs) else None
