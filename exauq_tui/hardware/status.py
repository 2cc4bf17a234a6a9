"""The nine statuses of a job, by the documented names and words."""

from enum import Enum


class JobStatus(Enum):
    """Where a job stands; the value is the wording shown to people."""

    COMPLETED = "Completed"
    """Ran to its end on the machine without error."""
    FAILED = "Failed"
    """Ran on the machine and ended with an error."""
    RUNNING = "Running"
    """Is running there now."""
    SUBMITTED = "Submitted"
    """Was sent to the machine successfully."""
    PENDING_SUBMIT = "Pending submit"
    """Is set up locally, not yet sent."""
    FAILED_SUBMIT = "Failed submit"
    """Is set up locally, but sending it failed."""
    CANCELLED = "Cancelled"
    """Was cancelled by a request from here."""
    PENDING_CANCEL = "Pending cancel"
    """Was asked to be cancelled, not yet cancelled."""
    FAILED_CANCEL = "Failed cancel"
    """Was asked to be cancelled, and that failed."""

    # Each member is one object: the hash of its name, which enums take, costs a call each time.
    __hash__ = object.__hash__


PENDING_STATUSES = frozenset({JobStatus.PENDING_CANCEL, JobStatus.PENDING_SUBMIT})
"""Statuses that wait for something to be sent."""

TERMINAL_STATUSES = frozenset(
    {
        JobStatus.COMPLETED,
        JobStatus.FAILED,
        JobStatus.FAILED_SUBMIT,
        JobStatus.CANCELLED,
    }
)
"""Statuses that a job keeps unless a person does something about it."""
