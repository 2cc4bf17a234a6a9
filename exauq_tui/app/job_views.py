"""Which jobs a quick view or a word selects, and the orders that there are (pure)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from exauq_tui.hardware.status import JobStatus
from exauq_tui.monitor.snapshot import JobRow

SortValue = tuple[Any, ...]


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

_STATUS_RANK = {
    status: rank
    for rank, status in enumerate(
        (
            JobStatus.FAILED,
            JobStatus.FAILED_SUBMIT,
            JobStatus.FAILED_CANCEL,
            JobStatus.PENDING_CANCEL,
            JobStatus.RUNNING,
            JobStatus.SUBMITTED,
            JobStatus.PENDING_SUBMIT,
            JobStatus.CANCELLED,
            JobStatus.COMPLETED,
        )
    )
}


def _output(row: JobRow) -> SortValue:
    return (row.output is None, row.output or 0.0)


SORTS: Mapping[str, Callable[[JobRow], SortValue]] = {
    "age": lambda row: (row.created,),
    "status": lambda row: (_STATUS_RANK[row.status], row.created),
    "id": lambda row: (len(row.job_id), row.job_id),
    "server": lambda row: (row.server, row.created),
    "output": _output,
}
"""The orders that there are, by the name of their column."""


def matches(row: JobRow, word: str) -> bool:
    """Whether a word is in a row's id, status, server or batch."""
    return (
        word in row.job_id
        or word in row.status.value.lower()
        or word in row.server.lower()
        or word in row.batch.lower()
    )
