"""Sending what the record says is pending: submissions and cancels, each exactly once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from exauq_tui.errors import (
    AuthenticationError,
    ConnectionLostError,
    HardwareInterfaceFailureError,
    HostKeyError,
    JobExistsError,
)
from exauq_tui.hardware.interface import HasWorkspace, RequestsCancels, SubmitsOnce
from exauq_tui.hardware.status import TERMINAL_STATUSES, JobStatus
from exauq_tui.jobs import Input, Job, JobId
from exauq_tui.monitor.contact import Contact
from exauq_tui.monitor.evidence import update_from_cancel
from exauq_tui.monitor.stored_job import JobUpdate, StoredJob

_BATCH = 500
_ALL = 1_000_000
_LEASE = 180.0
_ASK_AGAIN = 60.0

_UNKNOWN_OUTCOME = (ConnectionLostError, AuthenticationError, HostKeyError)
"""Errors after which nobody knows, or it is certain that nobody was asked: try again."""


def bind_workspace(contact: Contact) -> None:
    """Keep where the profile's workspace is, once the interface knows it."""
    interface = contact.interface
    if not isinstance(interface, HasWorkspace) or interface.workspace_dir is None:
        return
    place = contact.place
    resolved = interface.workspace_dir
    contact.record.bind_workspace(place.server, place.endpoint, contact.configured, resolved)
    contact.place = type(place)(place.server, place.endpoint, resolved)
    contact.store.set_place(contact.place)
    contact.store.sync()


def send_submissions(contact: Contact) -> bool:
    """Send the jobs that are Pending submit; whether there were any.

    Raises:
        ConnectionLostError: They stay pending, and are recognised when they are sent again.
    """
    sent = False
    while jobs := _lease(contact, "submit", _BATCH):
        sent = True
        keys = [job.key for job in jobs]
        try:
            _make_workspace(contact)
            results = _submit(contact, jobs)
        except _UNKNOWN_OUTCOME:
            contact.record.release(contact.owner, keys)
            contact.store.sync()
            raise
        except HardwareInterfaceFailureError as error:
            results = {JobId(job.job_id): error for job in jobs}
        _take_in_submission(contact, jobs, results)
    return sent


def _lease(contact: Contact, kind: str, limit: int) -> list[StoredJob]:
    place = contact.place
    return contact.record.lease(
        place.server,
        place.endpoint,
        place.workspace,
        contact.owner,
        _LEASE,
        limit,
        "submit" if kind == "submit" else "cancel",
    )


def _make_workspace(contact: Contact) -> None:
    """Have a workspace, and its path in the record, before any job is in it."""
    interface = contact.interface
    if not isinstance(interface, HasWorkspace):
        return
    if interface.workspace_dir is None:
        interface.make_workspace()
        bind_workspace(contact)


def _submit(contact: Contact, jobs: Sequence[StoredJob]) -> Mapping[JobId, Exception | None]:
    interface = contact.interface
    to_send = [Job(job.job_id, Input(*job.inputs), job.level, job.server) for job in jobs]
    if isinstance(interface, SubmitsOnce):
        return interface.submit_jobs_once(to_send, {JobId(job.job_id): job.token for job in jobs})
    # Without tokens, a job that may have been sent before is asked about first.
    doubtful = {JobId(job.job_id) for job in jobs if job.sends > 1}
    there: dict[JobId, Exception | None] = {}
    for job_id, status in interface.get_job_statuses(sorted(doubtful, key=str)).items():
        if isinstance(status, Exception):
            there[job_id] = status
        elif status is not JobStatus.PENDING_SUBMIT:
            there[job_id] = None
    fresh = [job for job in to_send if job.id not in there]
    return {**there, **interface.submit_jobs(fresh)}


def _take_in_submission(
    contact: Contact, jobs: Sequence[StoredJob], results: Mapping[JobId, Exception | None]
) -> None:
    now = contact.clock()
    expected = frozenset({JobStatus.PENDING_SUBMIT})
    updates: list[JobUpdate] = []
    undecided: list[int] = []
    for job in jobs:
        result = results.get(JobId(job.job_id))
        if result is None and JobId(job.job_id) in results:
            updates.append(
                JobUpdate(
                    key=job.key,
                    expected=expected,
                    event=f"Submitted to {job.server}",
                    status=JobStatus.SUBMITTED,
                    error="",
                    last_seen=now,
                )
            )
        elif isinstance(result, JobExistsError):
            contact.record.reidentify(job.key)
        elif result is None or isinstance(result, _UNKNOWN_OUTCOME):
            undecided.append(job.key)
        else:
            updates.append(
                JobUpdate(
                    key=job.key,
                    expected=expected,
                    event=f"Could not be submitted: {result}",
                    status=JobStatus.FAILED_SUBMIT,
                    error=str(result),
                )
            )
    contact.record.apply(updates, release=contact.owner)
    if undecided:
        contact.record.release(contact.owner, undecided)
    contact.store.sync()
    lost = next((error for error in results.values() if isinstance(error, _UNKNOWN_OUTCOME)), None)
    if lost is None and undecided:
        lost = ConnectionLostError(f"{contact.place.server} did not answer about every job")
    if lost is not None:
        raise lost


def send_cancels(contact: Contact) -> bool:
    """Ask for the end of the jobs that are Pending cancel; whether any was asked for.

    A job whose end was asked for is asked for again only when a minute brought no news.

    Raises:
        ConnectionLostError: They stay pending.
    """
    now = contact.clock()
    leased = _lease(contact, "cancel", _ALL)
    keys = {job.key for job in leased}
    contact.asked = {key: at for key, at in contact.asked.items() if key in keys}
    due = [job for job in leased if not 0 <= now - contact.asked.get(job.key, -_ALL) < _ASK_AGAIN]
    for start in range(0, len(due), _BATCH):
        jobs = due[start : start + _BATCH]
        try:
            answers = _cancel(contact, [JobId(job.job_id) for job in jobs])
        except _UNKNOWN_OUTCOME:
            contact.record.release(contact.owner, [job.key for job in jobs])
            raise
        except HardwareInterfaceFailureError as error:
            answers = {JobId(job.job_id): error for job in jobs}
        updates = []
        for job in jobs:
            contact.asked[job.key] = now
            update = _update_from_answer(job, answers.get(JobId(job.job_id)))
            if update is not None:
                updates.append(update)
        contact.record.apply(updates, release=contact.owner)
        contact.store.sync()
    return bool(due)


def _cancel(contact: Contact, job_ids: Sequence[JobId]) -> Mapping[JobId, JobStatus | Exception]:
    interface = contact.interface
    if isinstance(interface, RequestsCancels):
        return interface.request_cancels(job_ids)
    errors = {job_id: error for job_id, error in interface.cancel_jobs(job_ids).items() if error}
    ended = [job_id for job_id in job_ids if job_id not in errors]
    return {**interface.get_job_statuses(ended), **errors}


def _update_from_answer(job: StoredJob, answer: JobStatus | Exception | None) -> JobUpdate | None:
    if answer is None or isinstance(answer, _UNKNOWN_OUTCOME):
        return None
    if isinstance(answer, Exception):
        return JobUpdate(
            key=job.key,
            expected=frozenset({JobStatus.PENDING_CANCEL}),
            event=f"Could not be cancelled: {answer}",
            status=JobStatus.FAILED_CANCEL,
            error=str(answer),
        )
    if answer in TERMINAL_STATUSES or answer in (
        JobStatus.PENDING_SUBMIT,
        JobStatus.PENDING_CANCEL,
        JobStatus.FAILED_CANCEL,
    ):
        return update_from_cancel(job, answer)
    return None  # still runs, says an interface without better news: asked again later
