"""Jobs as the record keeps them: the frozen values, and their way to SQLite rows and back."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from exauq_tui.hardware.status import JobStatus
from exauq_tui.jobs import Input
from exauq_tui.monitor.packed_tokens import PackedTokens
from exauq_tui.monitor.snapshot import JobRow

if TYPE_CHECKING:
    from exauq_tui.hardware.interface import JobReport


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredJob(JobRow):
    """One row of the record: the row that screens show, and what only the monitor needs of it.

    One object for both, as there may be 100,000. The key is never given to another job, even
    after this one is deleted. The record does not know what is `current`: that is for the store.

    Attributes:
        endpoint: Where the profile pointed, such as ``alice@hpc1:22`` or ``local``.
        output_text: The start of the output file, where it was read.
        token: The submission token, by which the server knows this very submission; "" also
            where only `Store.token` tells it.
        lease_owner: Who is sending the pending verb at the moment, or "".
        lease_until: When that lease runs out, our clock, or None.
        sends: How many submissions were begun of which something may have left; 1 for a job
            that was found on the server.
        revision: Grows with each change of any job in the record.
    """

    endpoint: str
    output_text: str | None = None
    token: str = ""
    lease_owner: str = ""
    lease_until: float | None = None
    sends: int = 0
    revision: int = 0

    @property
    def may_be_sent(self) -> bool:
        """False where the server certainly never got this job; else it has it, or may."""
        return self.sends > 0


class Unset(Enum):
    """The type of `UNSET`."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET
"""Stands in a `JobUpdate` for "leave as it is"; None is a value of its own there."""


@dataclass(frozen=True, slots=True)
class JobUpdate:
    """What was learnt about one job.

    Attributes:
        key: The job's row.
        expected: The update counts only while the job has one of these statuses, so that a
            late answer never overwrites newer evidence; None for whatever status.
        event: A line for the job's history, written where the update counts; "" for none.
        status: The new value, or UNSET; likewise all the others.
    """

    key: int
    expected: frozenset[JobStatus] | None = None
    event: str = ""
    status: JobStatus | Literal[Unset.UNSET] = UNSET
    output: float | Literal[Unset.UNSET] | None = UNSET
    output_text: str | Literal[Unset.UNSET] | None = UNSET
    output_error: str | Literal[Unset.UNSET] = UNSET
    exit_code: int | Literal[Unset.UNSET] | None = UNSET
    submitted: float | Literal[Unset.UNSET] | None = UNSET
    started: float | Literal[Unset.UNSET] | None = UNSET
    finished: float | Literal[Unset.UNSET] | None = UNSET
    last_seen: float | Literal[Unset.UNSET] | None = UNSET
    token: str | Literal[Unset.UNSET] = UNSET
    output_read: float | Literal[Unset.UNSET] | None = UNSET
    error: str | Literal[Unset.UNSET] = UNSET
    note: str | Literal[Unset.UNSET] = UNSET

    def counts_for(self, job: StoredJob) -> bool:
        """Whether the job has one of the expected statuses."""
        return self.expected is None or job.status in self.expected

    def changes_of(self, job: StoredJob) -> dict[str, Any]:
        """The fields that this update changes in a job, with their new values."""
        values = ((name, getattr(self, name)) for name in _UPDATABLE)
        return {
            name: value
            for name, value in values
            # repr: NaN differs from itself
            if value is not UNSET and repr(value) != repr(getattr(job, name))
        }


class CancelRequest(NamedTuple):
    """What `Record.request_cancel` did.

    Attributes:
        asked: Jobs that are now Pending cancel or, never sent, Cancelled.
        left: Jobs left alone because they had come to their end.
    """

    asked: list[StoredJob]
    left: list[StoredJob]


class News(NamedTuple):
    """What changed in the record after some revision.

    Attributes:
        jobs: Jobs that are new or different, oldest first.
        removed: Keys of jobs that were deleted.
        revision: Up to where this tells; the next question starts here.
    """

    jobs: list[StoredJob]
    removed: list[int]
    revision: int


COLUMNS = (
    *("key", "server", "endpoint", "workspace", "workspace_known", "id", "level", "batch"),
    *("input", "status", "output", "output_text", "output_error", "exit_code"),
    *("created", "submitted", "started", "finished", "last_seen", "try_of", "try_number"),
    *("token", "error", "note", "lease_owner", "lease_until", "sends", "revision", "output_read"),
)
"""The columns of the table ``jobs``."""

_OUTPUT, _OUTPUT_TEXT, _LAST_SEEN, _TOKEN, _REVISION = map(
    COLUMNS.index, ("output", "output_text", "last_seen", "token", "revision")
)
_SHORT_TEXT = 100
"""Longer texts of output files are not held in memory: a hundred thousand may be unreadable."""

SqlValue = str | bytes | int | float | None


def text_to_sql(text: str) -> str | bytes:
    """Give a text the form in which the record stores and compares it.

    A path on a server may hold bytes that are no UTF-8; they reach us as lone surrogates,
    which SQLite's text cannot hold, so such a text is stored as bytes.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="surrogatepass")
    return text


def text_from_sql(value: str | bytes) -> str:
    """Undo `text_to_sql`."""
    return value if isinstance(value, str) else value.decode(errors="surrogatepass")


def value_to_sql(name: str, value: object) -> SqlValue:
    """Turn the value of one field into what its column holds."""
    if isinstance(value, JobStatus):
        return value.name
    if isinstance(value, tuple):
        return ",".join(map(repr, value))
    if name == "output" and value is not None:
        return repr(value)  # as text: SQLite has no NaN, it would come back as NULL
    if isinstance(value, str):
        return text_to_sql(value)
    assert value is None or isinstance(value, (int, float))
    return value


def job_to_row(job: StoredJob) -> tuple[SqlValue, ...]:
    """Turn a job into the values of `COLUMNS`."""
    return tuple(value_to_sql(name, getattr(job, name)) for name in _FIELDS)


def job_to_keep(row: Sequence[Any], tokens: PackedTokens) -> StoredJob:
    """Turn the values of `COLUMNS` into a job without what nobody needs of 100,000 in memory.

    It has no revision, and the text of its output only where that is short and no number.

    Args:
        row: The values.
        tokens: Gets the token of a job that its server told about; the job is without it.
    """
    kept = list(row)
    if kept[_LAST_SEEN] is not None and tokens.put(kept[0], kept[_TOKEN]):
        kept[_TOKEN] = ""
    text = kept[_OUTPUT_TEXT]
    if text is not None and (kept[_OUTPUT] is not None or len(text) > _SHORT_TEXT):
        kept[_OUTPUT_TEXT] = None
    kept[_REVISION] = 0
    return job_from_row(kept)


def job_from_row(row: Sequence[Any]) -> StoredJob:
    """Turn the values of `COLUMNS` into a job."""
    key, server, endpoint, workspace, workspace_known, job_id, level, batch = row[:8]
    csv, status, output, output_text, output_error, exit_code = row[8:14]
    created, submitted, started, finished, last_seen, try_of, try_number = row[14:21]
    token, error, note, lease_owner, lease_until, sends, revision, output_read = row[21:]
    return StoredJob(
        key=key,
        server=_shared(server),
        endpoint=_shared(endpoint),
        workspace=_shared(workspace),
        workspace_known=bool(workspace_known),
        job_id=job_id,
        level=level,
        batch=_shared(batch),
        inputs=inputs_from_csv(csv),
        status=JobStatus[status],
        output=None if output is None else float(output),
        output_text=None if output_text is None else text_from_sql(output_text),
        output_error=_shared(output_error),
        exit_code=exit_code,
        created=_same_time(created) or 0.0,
        submitted=_same_time(submitted),
        started=started,
        finished=finished,
        last_seen=_same_time(last_seen),
        try_of=try_of,
        try_number=try_number,
        token=token,
        error=_shared(error),
        note=_shared(note),
        lease_owner=_shared(lease_owner),
        lease_until=lease_until,
        sends=sends,
        revision=revision,
        output_read=_same_time(output_read),
    )


def job_from_report(report: JobReport, data: Input | None, now: float) -> StoredJob:
    """Turn what a server says of a job into a job; its place and key are left to fill in."""
    return StoredJob(
        key=0,
        server="",
        endpoint="",
        workspace="",
        workspace_known=True,
        job_id=str(report.job_id),
        level=1,
        batch="",
        inputs=() if data is None else plain_inputs(data),
        status=report.status,
        output_text=report.output_text,
        exit_code=report.exit_code,
        created=now,
        submitted=report.submitted,
        started=report.started,
        finished=report.finished,
        last_seen=now,
        token=report.token,
        note=report.note,
        sends=1,
    )


def plain_inputs(data: Input) -> tuple[float, ...]:
    """Turn an input into ints and floats, whatever kinds of number it was made of."""
    return inputs_from_csv(data.to_csv())


def inputs_from_csv(csv: str) -> tuple[float, ...]:
    """Read back what `Input.to_csv` wrote; ints stay ints."""
    if not csv:
        return ()
    return tuple([float(n) if _is_float(n) else int(n) for n in csv.split(",")])


def _is_float(number: str) -> bool:
    return "." in number or "e" in number


def _shared(text: str | bytes) -> str:
    """Keep one copy of what a hundred thousand rows repeat: servers, paths, messages."""
    return sys.intern(text_from_sql(text))


@lru_cache(maxsize=64)
def _same_time(at: float | None) -> float | None:
    """Keep one copy of a time that many jobs in a row have: they were made, or seen, together."""
    return at


_FIELDS = tuple({"id": "job_id", "input": "inputs"}.get(name, name) for name in COLUMNS)
"""The fields of `StoredJob`, in the order of `COLUMNS`."""

_UPDATABLE = tuple(
    field.name for field in fields(JobUpdate) if field.name not in {"key", "expected", "event"}
)
