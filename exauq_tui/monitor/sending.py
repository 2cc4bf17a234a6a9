"""Sending what the record says is pending: submissions and cancels, each exactly once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from exauq_tui.errors import (
    ConnectionLostError,
    HardwareInterfaceFailureError,
    JobExistsError,
    ServerRefusedError,
    StillSubmittingError,
)
from exauq_tui.hardware.interface import DeletesJobs, HasWorkspace, RequestsCancels, SubmitsOnce
from exauq_tui.hardware.status import PENDING_STATUSES, JobStatus
from exauq_tui.jobs import Input, Job, JobId
from exauq_tui.monitor.contact import CUT_OFF, Contact, raise_if_cut_off, words_of
from exauq_tui.monitor.evidence import update_from_cancel
from exauq_tui.monitor.owners import is_dead
from exauq_tui.monitor.store import Target
from exauq_tui.monitor.stored_job import UNSET, JobUpdate, StoredJob

_BATCH = 500
_ALL = 1_000_000
_LEASE = 180.0
_ASK_AGAIN = 60.0
_MOST_IDS = 5
_BUSY_PAUSE = 2.0
"""Seconds until a job is sent again that another connection is just submitting."""


def bind_workspace(contact: Contact) -> None:
    """Keep where the profile's workspace is, once the interface knows it."""
    interface = contact.interface
    if not isinstance(interface, HasWorkspace) or interface.workspace_dir is None:
        return
    place = contact.place
    resolved = interface.workspace_dir
    contact.record.bind_workspace(place.server, place.endpoint, contact.configured, resolved)
    contact.place = type(place)(place.server, place.endpoint, resolved)
    contact.store.set_target(Target(contact.place, is_known=True))
    contact.store.sync()


def bind_latecomers(contact: Contact) -> None:
    """Bind jobs that were set up before whoever did it knew that the workspace was found."""
    place = contact.place
    unbound = replace(place, workspace=contact.configured)
    if unbound != place and contact.store.has_jobs_at(unbound):
        bind_workspace(contact)


def send_submissions(contact: Contact) -> bool:
    """Send jobs that are Pending submit, a batch at most; whether there were any.

    Raises:
        ConnectionLostError: They stay pending, and are recognised when they are sent again.
    """
    since = contact.busy_since
    if since is not None and 0 <= contact.clock() - since < _BUSY_PAUSE:
        return False
    jobs = _lease(contact, "submit", _BATCH)
    if not jobs:
        return False
    keys = [job.key for job in jobs]
    try:
        if not _have_workspace(contact):
            contact.record.release(contact.owner, keys, unsent=True)
            return False
    except CUT_OFF:
        contact.record.release(contact.owner, keys, unsent=True)
        raise
    except HardwareInterfaceFailureError as error:
        _take_in_submission(contact, jobs, {JobId(job.job_id): error for job in jobs})
        return True
    try:
        results = _submit(contact, jobs)
    except CUT_OFF:
        contact.record.release(contact.owner, keys)
        contact.store.sync()
        raise
    except HardwareInterfaceFailureError as error:
        results = {JobId(job.job_id): error for job in jobs}
    _take_in_submission(contact, jobs, results)
    return True


def _lease(contact: Contact, kind: Literal["submit", "cancel"], limit: int) -> list[StoredJob]:
    place = contact.place
    return contact.record.lease(
        place.server, place.endpoint, place.workspace, contact.owner, _LEASE, limit, kind
    )


def release_abandoned(contact: Contact) -> None:
    """End the leases of processes that died, so that their jobs need not wait them out."""
    pending = [
        job.key
        for job in contact.store.jobs_at(contact.place).values()
        if job.status in PENDING_STATUSES
    ]
    holders = {job.lease_owner for job in contact.record.get(pending)} if pending else set()
    for owner in holders - {"", contact.owner}:
        if is_dead(owner):
            contact.record.release(owner)


def is_elsewhere(contact: Contact) -> bool:
    """Whether another process made, meanwhile, the workspace that this one still lacks."""
    interface = contact.interface
    if contact.has_moved:
        return True
    if not isinstance(interface, HasWorkspace) or interface.workspace_dir is not None:
        return False
    place = contact.place
    kept = contact.record.place(place.server, place.endpoint, contact.configured)
    return kept is not None and kept != place.workspace


def _have_workspace(contact: Contact) -> bool:
    """Have a workspace, and its path in the record, before any job is in it.

    Returns:
        False where another process was first: its workspace is to be used.
    """
    interface = contact.interface
    if not isinstance(interface, HasWorkspace) or interface.workspace_dir is not None:
        return True
    if is_elsewhere(contact):
        return False
    place = contact.place
    made = interface.make_workspace()
    server, endpoint = place.server, place.endpoint
    kept = contact.record.claim_place(server, endpoint, contact.configured, made)
    if kept not in (made, place.workspace):
        contact.has_moved = True
        if isinstance(interface, DeletesJobs):
            interface.delete_workspace()  # made a moment ago, and empty
        return False
    bind_workspace(contact)
    return True


def _submit(contact: Contact, jobs: Sequence[StoredJob]) -> Mapping[JobId, Exception | None]:
    interface = contact.interface
    contact.heed_profile()
    to_send = [Job(job.job_id, Input(*job.inputs), job.level, job.server) for job in jobs]
    if isinstance(interface, SubmitsOnce):
        return interface.submit_jobs_once(to_send, {JobId(job.job_id): job.token for job in jobs})
    # Without tokens, a job that may have been sent before is asked about first.
    doubtful = [JobId(job.job_id) for job in jobs if job.sends > 1]
    results: dict[JobId, Exception | None] = {}
    statuses = interface.get_job_statuses(doubtful) if doubtful else {}
    raise_if_cut_off(statuses.values())
    for job_id, status in statuses.items():
        if isinstance(status, Exception):
            results[job_id] = ServerRefusedError(
                f"it may have been sent before, which cannot be found out: {words_of(status)}"
            )
        elif status is not JobStatus.PENDING_SUBMIT:
            results[job_id] = None
    fresh = [job for job in to_send if job.id not in results]
    try:
        results.update(interface.submit_jobs(fresh))
    except CUT_OFF:
        raise
    except HardwareInterfaceFailureError as error:
        results.update((job.id, error) for job in fresh)
    return results


def _take_in_submission(
    contact: Contact, jobs: Sequence[StoredJob], results: Mapping[JobId, Exception | None]
) -> None:
    now = contact.clock()
    expected = frozenset({JobStatus.PENDING_SUBMIT})
    updates: list[JobUpdate] = []
    undecided: list[int] = []
    busy: list[int] = []
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
        elif isinstance(result, JobExistsError) and _may_be_renumbered(contact, job):
            contact.record.reidentify(job.key)
            contact.cursor = None  # whose id it is was passed over while it seemed to be ours
        elif isinstance(result, StillSubmittingError):
            busy.append(job.key)
        elif result is None or isinstance(result, CUT_OFF):
            undecided.append(job.key)
        else:
            updates.append(
                JobUpdate(
                    key=job.key,
                    expected=expected,
                    event=f"Could not be submitted: {words_of(result)}",
                    status=JobStatus.FAILED_SUBMIT,
                    error=words_of(result),
                )
            )
    contact.record.apply(updates, release=contact.owner)
    if undecided or busy:
        contact.record.release(contact.owner, undecided + busy)
    contact.busy_since = now if busy else None
    contact.store.sync()
    raise_if_cut_off(results.values())
    if undecided:
        raise ConnectionLostError(f"{contact.place.server} did not answer about every job")


def _may_be_renumbered(contact: Contact, job: StoredJob) -> bool:
    """Whether a new id may help; no server has every id, so it does not for ever."""
    contact.renumbered[job.key] = contact.renumbered.get(job.key, 0) + 1
    return contact.renumbered[job.key] <= _MOST_IDS


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
        except CUT_OFF:
            contact.record.release(contact.owner, [job.key for job in jobs])
            raise
        except HardwareInterfaceFailureError as error:
            answers = {JobId(job.job_id): error for job in jobs}
        updates = []
        for job in jobs:
            contact.asked[job.key] = now
            update = _update_from_answer(job, answers.get(JobId(job.job_id)), now)
            if update is None:
                continue
            updates.append(update)
            if update.status is not UNSET:
                del contact.asked[job.key]
        contact.record.apply(updates, release=contact.owner)
        contact.store.sync()
        raise_if_cut_off(answers.values())
    return bool(due)


def _cancel(contact: Contact, job_ids: Sequence[JobId]) -> Mapping[JobId, JobStatus | Exception]:
    interface = contact.interface
    if isinstance(interface, RequestsCancels):
        return interface.request_cancels(job_ids)
    results: dict[JobId, JobStatus | Exception] = {
        job_id: error for job_id, error in interface.cancel_jobs(job_ids).items() if error
    }
    ended = [job_id for job_id in job_ids if job_id not in results]
    return results | {
        job_id: status
        for job_id, status in interface.get_job_statuses(ended).items()
        if isinstance(status, (JobStatus, *CUT_OFF))  # other errors say nothing of the cancel
    }


def _update_from_answer(
    job: StoredJob, answer: JobStatus | Exception | None, now: float
) -> JobUpdate | None:
    if answer is None or isinstance(answer, CUT_OFF):
        return None
    if isinstance(answer, JobStatus):
        return update_from_cancel(job, answer, now)
    return JobUpdate(
        key=job.key,
        expected=frozenset({JobStatus.PENDING_CANCEL}),
        event=f"Could not be cancelled: {words_of(answer)}",
        status=JobStatus.FAILED_CANCEL,
        error=words_of(answer),
    )
