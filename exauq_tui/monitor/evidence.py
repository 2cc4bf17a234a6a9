"""What a server's report means for a job in the record: pure functions, no clock, no network.

A terminal status comes only from a report; silence changes nothing. A job is *seen* once its
server told of it (`StoredJob.last_seen`): before that, its id may as well be somebody else's.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from exauq_tui.errors import SimulatorOutputParsingError
from exauq_tui.hardware.status import TERMINAL_STATUSES, JobStatus
from exauq_tui.jobs import JobId
from exauq_tui.monitor.stored_job import JobUpdate, StoredJob

if TYPE_CHECKING:
    from exauq_tui.hardware.interface import JobReport

GONE = "gone from server"
"""How the note of a job begins whose directory is not there any more."""

UNWITNESSED = "end not witnessed"
"""How a server's note on a job begins whose end was found out afterwards, by the rule."""

MAY_BE_PARTIAL = "output may be partial"
"""Stands in such a note: the output file may not have been whole yet."""

_ACTIVE = frozenset({JobStatus.SUBMITTED, JobStatus.RUNNING})
_ENDED = frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED})
_WANTED_DEAD = frozenset({JobStatus.PENDING_CANCEL, JobStatus.FAILED_CANCEL})
_NEVER_ARRIVED = "Cancelled: it never reached the server"


def is_gone(note: str) -> bool:
    """Whether a job's note tells that its directory is not there any more."""
    return note.startswith(GONE)


def update_from_report(job: StoredJob, report: JobReport, now: float) -> JobUpdate | None:
    """Tell how a report changes a job.

    Args:
        job: The job as the record has it.
        report: What the server says.
        now: Seconds since 1970, our clock.

    Returns:
        The update, or None where nothing is new, or where the report is about another job.
    """
    if job.last_seen is None and report.token != job.token:
        return _update_for_namesake(job)
    if report.token and job.token and report.token != job.token:
        return _resubmitted_elsewhere(job, report, now)
    if _is_older(job, report):
        return None
    status = _merged_status(job, report)
    note, error = report.note, ""
    if report.status is JobStatus.FAILED_CANCEL:
        note, error = "", report.note or job.error
    elif status is JobStatus.FAILED_CANCEL:
        error = job.error  # runs on, as could be expected
    update = JobUpdate(
        key=job.key,
        expected=frozenset({job.status}),
        event=_event(job, status, report),
        status=status,
        exit_code=report.exit_code if report.exit_code is not None else job.exit_code,
        submitted=report.submitted or job.submitted,
        started=report.started or job.started,
        finished=report.finished or job.finished,
        error=error,
        note=note,
    )
    text = report.output_text
    if status is JobStatus.COMPLETED and text is not None and not _is_known_number(text, job):
        update = with_output(update, text, job, now)
    if not update.changes_of(job):
        return None
    return replace(update, last_seen=now)


def _parsed(text: str, job_id: JobId) -> float:
    # Here, on a server's own thread: the screen is there before it is needed.
    from exauq_tui.hardware.replies import parse_output  # noqa: PLC0415

    return parse_output(text, job_id)


def _is_known_number(text: str, job: StoredJob) -> bool:
    """Whether an output file's text is the number that is known of a job kept without the text."""
    if job.output is None or job.output_text is not None:
        return False
    try:
        return repr(_parsed(text, JobId(job.job_id))) == repr(job.output)
    except SimulatorOutputParsingError:
        return False


def with_output(update: JobUpdate, text: str, job: StoredJob, now: float) -> JobUpdate:
    """Add to an update what an output file's text says."""
    number, words = None, ""
    try:
        number = _parsed(text, JobId(job.job_id))
    except SimulatorOutputParsingError as error:
        words = str(error)
    update = replace(update, output=number, output_text=text, output_error=words)
    # A text that is told again is no news.
    is_known = text == job.output_text and (number is not None) == (job.output is not None)
    return update if is_known else replace(update, output_read=now)


def update_for_missing(job: StoredJob, asked: float) -> JobUpdate | None:
    """Tell what it means that a server, asked for all jobs, does not have this one.

    Only that it is gone: whether it ended, and how, nobody saw.

    Args:
        job: The job as the record has it.
        asked: When the server was asked, our clock: a job that it took in since may be missing.
    """
    if job.last_seen is None or job.last_seen > asked or is_gone(job.note):
        return None
    return JobUpdate(
        key=job.key,
        expected=frozenset({job.status}),
        event="Its directory is gone from the server",
        note=_gone(job),
    )


def update_from_cancel(job: StoredJob, answer: JobStatus, now: float) -> JobUpdate | None:
    """Tell what the answer to a request to cancel means for a job that is Pending cancel.

    Args:
        job: The job as the record has it.
        answer: Where it stands, by the server; Pending submit where there is no such job.
        now: Seconds since 1970, our clock.
    """
    update = JobUpdate(key=job.key, expected=frozenset({JobStatus.PENDING_CANCEL}))
    if answer is JobStatus.PENDING_SUBMIT:
        if job.last_seen is None:
            return replace(update, event=_NEVER_ARRIVED, status=JobStatus.CANCELLED, error="")
        return replace(
            update,
            event="Cannot be cancelled: its directory is gone from the server",
            status=JobStatus.FAILED_CANCEL,
            error=(
                "its directory is gone from the server: whether something of it still runs "
                "cannot be found out from here"
            ),
            note=_gone(job),
        )
    if answer in TERMINAL_STATUSES:
        event = answer.value + _moot(job, answer)
        return replace(update, event=event, status=answer, error="", last_seen=now)
    # Being stopped, still running, or not to be stopped: the next looks tell, and tell why.
    return replace(update, last_seen=now) if job.last_seen is None else None


def _gone(job: StoredJob) -> str:
    """Note that a job's directory is gone, beside what else a person should know of it."""
    return job.note if is_gone(job.note) else "; ".join(filter(None, (GONE, job.note)))


def blocks_another(job: StoredJob, report: JobReport) -> bool:
    """Whether a job that never got to its server has there the id of the one reported of."""
    over = job.status in (JobStatus.FAILED_SUBMIT, JobStatus.CANCELLED)
    return over and job.last_seen is None and report.token != job.token


def _update_for_namesake(job: StoredJob) -> JobUpdate | None:
    """Tell what it means that a job of this id is there that is not this one.

    Its id was taken when it came, if it came: it is not there, and never will be.
    """
    if job.status is not JobStatus.PENDING_CANCEL:
        return None  # where it is to be submitted, that will find out
    return JobUpdate(
        key=job.key,
        expected=frozenset({JobStatus.PENDING_CANCEL}),
        event=_NEVER_ARRIVED,
        status=JobStatus.CANCELLED,
        error="",
    )


def _is_older(job: StoredJob, report: JobReport) -> bool:
    """Whether a report tells of a time before what is known: a journal read twice."""
    if report.status in TERMINAL_STATUSES:
        return _is_weaker(job, report)
    if job.status in TERMINAL_STATUSES - {JobStatus.FAILED_SUBMIT}:
        # Cancelled before it was known to have arrived is no evidence from the server.
        return not (job.status is JobStatus.CANCELLED and job.last_seen is None)
    return report.status is JobStatus.SUBMITTED and job.status is JobStatus.RUNNING


def _is_weaker(job: StoredJob, report: JobReport) -> bool:
    """Whether a report only supposes how a job ended of which somebody told who had seen it.

    A directory that is just being deleted may have lost its record of the end already.
    """
    was_told = job.last_seen is not None and UNWITNESSED not in job.note
    return job.status in _ENDED and was_told and report.note.startswith(UNWITNESSED)


def _merged_status(job: StoredJob, report: JobReport) -> JobStatus:
    """Give the status to show: the server's, save where a wish of ours is still open."""
    if report.status in _ACTIVE:
        if job.status in _WANTED_DEAD:
            return job.status
        if job.status is JobStatus.CANCELLED:
            return JobStatus.PENDING_CANCEL  # arrived after it was called off: call it off there
    return report.status


def _resubmitted_elsewhere(job: StoredJob, report: JobReport, now: float) -> JobUpdate:
    """Tell of another run under the same id: the library's resubmit, by somebody."""
    update = JobUpdate(
        key=job.key,
        event=f"Submitted again under the same id, elsewhere: {report.status.value}",
        status=report.status,
        output=None,
        output_text=None,
        output_error="",
        exit_code=report.exit_code,
        submitted=report.submitted,
        started=report.started,
        finished=report.finished,
        last_seen=now,
        token=report.token,
        error="",
        note=report.note,
    )
    if report.status is JobStatus.COMPLETED and report.output_text is not None:
        return with_output(update, report.output_text, job, now)
    return update


def _event(job: StoredJob, status: JobStatus, report: JobReport) -> str:
    """Word the change for the history; "" where there is none worth telling."""
    if status is job.status:
        return "Found on the server again" if is_gone(job.note) else ""
    words = status.value
    if report.exit_code is not None and status in TERMINAL_STATUSES:
        words += f", exit code {report.exit_code}"
    if report.note:
        words += f" ({report.note})"
    return words + _moot(job, status)


def _moot(job: StoredJob, status: JobStatus) -> str:
    """Say where the request to cancel a job came too late."""
    asked = job.status is JobStatus.PENDING_CANCEL
    ended = status in (JobStatus.COMPLETED, JobStatus.FAILED)
    return ", before it could be cancelled" if asked and ended else ""
