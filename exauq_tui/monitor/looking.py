"""Looking at a server and taking in what it says: one request, whatever the number of jobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from exauq_tui.errors import ConnectionLostError, SimulatorOutputParsingError
from exauq_tui.hardware.interface import FindsJobs, JobReport, Look, WatchesJobs
from exauq_tui.hardware.status import TERMINAL_STATUSES, JobStatus
from exauq_tui.jobs import Input, JobId
from exauq_tui.monitor.contact import Contact
from exauq_tui.monitor.evidence import GONE, update_for_missing, update_from_report
from exauq_tui.monitor.stored_job import JobUpdate, StoredJob

_ADOPT_AT_ONCE = 1000


def look(contact: Contact) -> None:
    """Look at the server once, and take in what is new.

    Raises:
        ConnectionLostError: Nothing changes by that.
    """
    interface = contact.interface
    if isinstance(interface, WatchesJobs):
        seen = interface.look(contact.cursor)
        contact.cursor = seen.cursor
    else:
        seen = _look_at_each(contact)
    _take_in(contact, seen)


def _look_at_each(contact: Contact) -> Look:
    """Make a look of the four verbs that every interface has."""
    open_ids = [
        JobId(job.job_id)
        for job in contact.store.jobs_at(contact.place).values()
        if job.status not in TERMINAL_STATUSES and job.status is not JobStatus.PENDING_SUBMIT
    ]
    statuses = contact.interface.get_job_statuses(open_ids) if open_ids else {}
    lost = next((s for s in statuses.values() if isinstance(s, ConnectionLostError)), None)
    if lost is not None:
        raise lost
    reports = tuple(
        JobReport(job_id, status)
        for job_id, status in statuses.items()
        if isinstance(status, JobStatus) and status is not JobStatus.PENDING_SUBMIT
    )
    return Look("", complete=False, reports=reports)


def _take_in(contact: Contact, seen: Look) -> None:
    store = contact.store
    store.sync()
    now = contact.clock()
    if seen.complete:
        known = store.jobs_at(contact.place)
    else:
        known = store.find(
            contact.place,
            [str(r.job_id) for r in seen.reports] + [str(job_id) for job_id in seen.deleted],
        )
    strangers = [report for report in seen.reports if str(report.job_id) not in known]
    if strangers:
        known = {**known, **_adopt(contact, strangers)}
    updates: list[JobUpdate] = []
    for report in seen.reports:
        update = update_from_report(known[str(report.job_id)], report, now)
        if update is not None:
            updates.append(update)
    updates += _updates_for_missing(seen, known)
    if updates:
        contact.record.apply(updates)
        store.sync()
    _fetch_outputs(contact, seen)


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


def _updates_for_missing(seen: Look, known: Mapping[str, StoredJob]) -> Iterable[JobUpdate]:
    if seen.complete:
        present = {str(report.job_id) for report in seen.reports}
        missing = [job for job_id, job in known.items() if job_id not in present]
    else:
        missing = [known[str(job_id)] for job_id in seen.deleted if str(job_id) in known]
    for job in missing:
        update = update_for_missing(job)
        if update is not None:
            yield update


def _fetch_outputs(contact: Contact, seen: Look) -> None:
    """Read the outputs that reports do not bring along, such as long or odd ones."""
    if seen.complete or contact.refetch:
        candidates: Iterable[StoredJob] = contact.store.jobs_at(contact.place).values()
    else:
        ids = [str(report.job_id) for report in seen.reports]
        candidates = contact.store.find(contact.place, ids).values()
    contact.refetch = False
    wanted = [
        job
        for job in candidates
        if job.status is JobStatus.COMPLETED
        and job.output is None
        and not job.output_error
        and job.note != GONE
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
        update = JobUpdate(key=job.key, expected=frozenset({JobStatus.COMPLETED}))
        if isinstance(answer, ConnectionLostError):
            contact.refetch = True
            raise answer
        if isinstance(answer, Exception):
            results[job.key] = str(answer)
            # What cannot be parsed stays so; what could not be read may be read later.
            if isinstance(answer, SimulatorOutputParsingError):
                updates.append(replace(update, output=None, output_error=str(answer)))
        elif answer is None:
            results[job.key] = "the server says that the job did not complete"
        else:
            results[job.key] = answer
            updates.append(replace(update, output=answer, output_error=""))
    contact.record.apply(updates)
    contact.store.sync()
    return results
