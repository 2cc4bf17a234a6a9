"""What is said about a job's log (pure)."""

from __future__ import annotations

from bisect import bisect_left

from textual.content import Content

from exauq_tui.app import format as fmt
from exauq_tui.app.log_search import Hits
from exauq_tui.hardware.status import JobStatus
from exauq_tui.monitor.evidence import GONE, is_gone
from exauq_tui.monitor.snapshot import JobRow


def why_none(row: JobRow | None) -> str:
    """Say why a job has no log that could be read; "" where it may have one."""
    if row is None:
        return "The job is not there any more."
    if row.status is JobStatus.PENDING_SUBMIT:
        return "No log yet: the job is not sent yet."
    if row.status is JobStatus.FAILED_SUBMIT:
        return "No log: the job never got to the server."
    if row.status is JobStatus.CANCELLED and row.submitted is None and row.last_seen is None:
        return "No log: the job was cancelled before it was sent."
    if is_gone(row.note):
        return f"The log is {GONE}."
    if not row.current:
        return "The log is in a workspace to which the profile does not point any more."
    return ""


def why_empty(row: JobRow | None) -> str:
    """Say what it means that a log that was read is empty."""
    if row is None or row.is_terminal:
        return "The job printed nothing."
    if row.status is JobStatus.SUBMITTED:
        return "Nothing printed yet: the job waits for a free slot."
    return "Nothing printed yet."


def line(
    hits: Hits | None,
    *,
    current: int | None = None,
    busy: str = "",
    remark: str = "",
    trouble: str = "",
    read_at: float | None = None,
    now: float = 0.0,
) -> Content:
    """Say below a log how the search stands, and how old what is shown is.

    Args:
        hits: What is searched for, and where it is in what is loaded.
        current: The offset of the hit that is looked at.
        busy: What goes on in the background.
        remark: What came of the last thing that was asked.
        trouble: Why the log cannot be read at the moment.
        read_at: When it was last read, where `trouble` matters.
        now: The time.
    """
    parts: list[Content] = []
    if hits is not None:
        where = fmt.count(len(hits.offsets), "line")
        if current is not None and (index := bisect_left(hits.offsets, current)) < len(
            hits.offsets
        ):
            where = f"{index + 1:,} of {where}"
        if not hits.is_of_whole:
            where += " in what is loaded"
        text = fmt.safe(hits.wanted.text)
        parts.append(Content.assemble((f"/{text}", "bold"), (f"  {where}", "$foreground-muted")))
    if busy:
        parts.append(Content.assemble((busy, "$accent"), ("  Esc stops", "$foreground-muted")))
    elif remark:
        parts.append(Content.styled(remark, "$warning"))
    if trouble:
        age = f"As read {fmt.duration(now - read_at)} ago. " if read_at is not None else ""
        parts.append(Content.assemble((age, "bold $warning"), (fmt.safe(trouble), "$warning")))
    return Content("\n").join(parts)
