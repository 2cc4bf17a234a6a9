"""What the tests of the record share: a place, a clock that stands still, short verbs."""

from __future__ import annotations

import datetime
from typing import Literal

from exauq_tui.hardware.status import JobStatus
from exauq_tui.jobs import Input
from exauq_tui.monitor.record import Record
from exauq_tui.monitor.stored_job import JobUpdate, StoredJob

NEW_YEAR = datetime.datetime(2026, 12, 31, 23, 59, 59, tzinfo=datetime.UTC).timestamp()
PLACE = ("hpc1", "alice@hpc1:22", "/home/alice/w")
PENDING_SUBMIT = frozenset({JobStatus.PENDING_SUBMIT})


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self, now: float = NEW_YEAR) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def add(record: Record, count: int = 1) -> list[StoredJob]:
    return record.add_jobs(*PLACE, True, [Input(n, 0.5) for n in range(count)])


def one(record: Record, status: JobStatus = JobStatus.PENDING_SUBMIT) -> StoredJob:
    """A new job that was sent and then came to a status."""
    (job,) = add(record)
    if status is not JobStatus.PENDING_SUBMIT:
        lease(record, "sender")
        record.apply([JobUpdate(job.key, status=status)], release="sender")
    return record.get([job.key])[0]


def lease(
    record: Record, owner: str, kind: Literal["submit", "cancel"] = "submit", limit: int = 100
) -> list[StoredJob]:
    return record.lease(*PLACE, owner, 30, limit, kind)


def texts(record: Record, key: int) -> list[str]:
    return [event.text for event in record.events(key)]
