"""How old a job is and how long it ran, in seconds (pure)."""

from __future__ import annotations

from exauq_tui.hardware.status import JobStatus
from exauq_tui.monitor.evidence import is_gone
from exauq_tui.monitor.snapshot import JobRow

MAY_RUN = frozenset({JobStatus.RUNNING, JobStatus.PENDING_CANCEL, JobStatus.FAILED_CANCEL})


def set_up(row: JobRow) -> float | None:
    """When a job was set up, seconds since 1970; None where nobody knows."""
    return row.created or None


def running_since(row: JobRow) -> float | None:
    """When a job started that runs as far as is known, seconds since 1970; else None."""
    if row.finished is None and row.status in MAY_RUN and not is_gone(row.note):
        return row.started
    return None


def ran(row: JobRow) -> float | None:
    """How many seconds a job ran that ended, by its server's clock; else None."""
    if row.started is None or row.finished is None:
        return None
    return row.finished - row.started
