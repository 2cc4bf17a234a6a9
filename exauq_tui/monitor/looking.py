"""Looking at a server and taking in what it says: one request, whatever the number of jobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from exauq_tui.errors import SimulatorOutputParsingError
from exauq_tui.hardware.interface import FindsJobs, JobReport, Look, WatchesJobs
from exauq_tui.hardware.status import TERMINAL_STATUSES, JobStatus
from exauq_tui.jobs import Input, JobId
from exauq_tui.monitor.contact import CUT_OFF, Contact, raise_if_cut_off, words_of
from exauq_tui.monitor.evidence import (
    blocks_another,
    is_gone,
    update_for_missing,
    update_from_report,
)
from exauq_tui.monitor.stored_job import JobUpdate, StoredJob

_ADOPT_AT_ONCE = 1000
_UNREAD = "could not be read: "  # tried again at the next contact, where an odd number is not


def look(contact: Contact) -> None:
    """Look at the server once, and take in what is new.

    Raises:
        ConnectionLostError: Nothing changes by that.
    """
    interface = contact.interface
    asked, revision = contact.clock(), contact.store.revision
    if isinstance(interface, WatchesJobs):
        seen = interface.look(contact.cursor)
    else:
        seen = _look_at_each(contact)
    contact.store.sync()
    reports = tuple(
        report
        for report in seen.reports
        if not _is_of_deleted(contact, report, revision, complete=seen.complete)
    )
    _take_in(contact, replace(seen, reports=reports), asked)
    contact.cursor = seen.cursor  # only now: what could not be kept is told again


def _is_of_deleted(contact: Contact, report: JobReport, revision: int, *, complete: bool) -> bool:
    """Whether a report is no stranger's, but of a job that was deleted, maybe by another process.

    News may be older than the look that brings them: they had been waiting here.
    """
    place, job_id = contact.place, str(report.job_id)
    return contact.store.is_deleted(place, job_id, revision) or (
        not complete and contact.store.is_of_deleted(place, job_id, report.token)
    )


def _look_at_each(contact: Contact) -> Look:
    """Make a look of the four verbs that every interface has."""
    open_jobs = {
        JobId(job.job_id): job
        for job in contact.store.jobs_at(contact.place).values()
        if job.status not in TERMINAL_STATUSES and job.status is not JobStatus.PENDING_SUBMIT
    }
    statuses = contact.interface.get_job_statuses(list(open_jobs)) if open_jobs else {}
    raise_if_cut_off(statuses.values())
    reports = []
    deleted = []
    for job_id, status in statuses.items():
        if status is JobStatus.PENDING_SUBMIT:
            deleted.append(job_id)
        elif isinstance(status, JobStatus):
            # Without tokens, an id is all there is to know a job by.
            reports.append(
                JobReport(job_id, status, token=contact.store.token(open_jobs[job_id].key))
            )
    return Look("", complete=False, reports=tuple(reports), deleted=tuple(deleted))


def _take_in(contact: Contact, seen: Look, asked: float) -> None:
    store = contact.store
    now = contact.clock()
    if seen.complete:
        known = store.jobs_at(contact.place)
    else:
        known = store.find(
            contact.place,
            [str(r.job_id) for r in seen.reports] + [str(job_id) for job_id in seen.deleted],
        )
    known = _make_way(contact, seen, known)
    strangers = [report for report in seen.reports if str(report.job_id) not in known]
    if strangers:
        known = {**known, **_adopt(contact, strangers)}
    updates: list[JobUpdate] = []
    for report in seen.reports:
        update = update_from_report(_with_token(contact, known, report), report, now)
        if update is not None:
            updates.append(update)
    updates += _updates_for_missing(seen, known, asked)
    if updates:
        contact.record.apply(updates)
        store.sync()
    for update in updates:
        if update.status is not JobStatus.PENDING_CANCEL:
            contact.asked.pop(update.key, None)  # who asks for its end anew is heard at once
    _fetch_outputs(contact, seen)


def _with_token(contact: Contact, known: Mapping[str, StoredJob], report: JobReport) -> StoredJob:
    """The job of a report; with its token where that is another than the report's."""
    job = known[str(report.job_id)]
    token = job.token or contact.store.token(job.key)
    return job if token == report.token else replace(job, token=token)


def _make_way(contact: Contact, seen: Look, known: dict[str, StoredJob]) -> dict[str, StoredJob]:
    """Give other ids to jobs that never got there and have the ids of jobs that are there."""
    ids = {
        str(report.job_id)
        for report in seen.reports
        if (job := known.get(str(report.job_id))) is not None and blocks_another(job, report)
    }
    if not ids:
        return known
    for job_id in ids:
        contact.record.reidentify(known[job_id].key)
    contact.store.sync()
    return {job_id: job for job_id, job in known.items() if job_id not in ids}


def _adopt(contact: Contact, strangers: Sequence[JobReport]) -> dict[str, StoredJob]:
    """Take in jobs that somebody else submitted, or that an older record knew of."""
    place = contact.place
    adopted: dict[str, StoredJob] = {}
    for start in range(0, len(strangers), _ADOPT_AT_ONCE):
        reports = strangers[start : start + _ADOPT_AT_ONCE]
        inputs: Mapping[JobId, Input | Exception] = {}
        if isinstance(contact.interface, FindsJobs):
            inputs = contact.interface.get_job_inputs([report.job_id for report in reports])
        found = [
            (report, data if isinstance(data := inputs.get(report.job_id), Input) else None)
            for report in reports
        ]
        jobs = contact.record.adopt(
            place.server, place.endpoint, place.workspace, found, contact.level
        )
        adopted.update((job.job_id, job) for job in jobs)
    contact.store.sync()
    return adopted


def _updates_for_missing(
    seen: Look, known: Mapping[str, StoredJob], asked: float
) -> Iterable[JobUpdate]:
    if seen.complete:
        present = {str(report.job_id) for report in seen.reports}
        missing = [job for job_id, job in known.items() if job_id not in present]
    else:
        missing = [known[str(job_id)] for job_id in seen.deleted if str(job_id) in known]
    for job in missing:
        update = update_for_missing(job, asked)
        if update is not None:
            yield update


def _fetch_outputs(contact: Contact, seen: Look) -> None:
    """Read the outputs that reports do not bring along, such as long or odd ones."""
    if seen.complete or contact.refetch:
        candidates: Iterable[StoredJob] = contact.store.jobs_at(contact.place).values()
    else:
        ids = [str(report.job_id) for report in seen.reports]
        candidates = contact.store.find(contact.place, ids).values()
    again = contact.refetch
    contact.refetch = False
    wanted = [
        job
        for job in candidates
        if job.status is JobStatus.COMPLETED
        and job.output is None
        and (not job.output_error or (again and job.output_error.startswith(_UNREAD)))
        and not is_gone(job.note)
    ]
    if wanted:
        fetch_outputs(contact, wanted)


def fetch_outputs(contact: Contact, jobs: Sequence[StoredJob]) -> dict[int, float | str]:
    """Read outputs of completed jobs now and keep them; a str says why there is no number."""
    answers = contact.interface.get_job_outputs([JobId(job.job_id) for job in jobs])
    results: dict[int, float | str] = {}
    updates: list[JobUpdate] = []
    for job in jobs:
        answer = answers.get(JobId(job.job_id))
        if isinstance(answer, CUT_OFF):
            contact.refetch = True
            raise answer
        number, words, text = None, "", None
        if isinstance(answer, SimulatorOutputParsingError):
            words, text = str(answer), answer.text
        elif isinstance(answer, Exception):
            words = _UNREAD + words_of(answer)
        elif answer is None:
            words = f"{_UNREAD}the server says that the job did not complete"
        else:
            number = float(answer)
        results[job.key] = words if number is None else number
        updates.append(
            JobUpdate(
                key=job.key,
                expected=frozenset({JobStatus.COMPLETED}),
                output=number,
                output_text=text,
                output_error=words,
                output_read=contact.clock(),
            )
        )
    contact.record.apply(updates)
    contact.store.sync()
    return results
