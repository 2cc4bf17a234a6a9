"""What the fleet's verbs have done on the servers' threads, and how their answers are joined."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from exauq_tui.errors import ServerRefusedError
from exauq_tui.hardware.status import JobStatus
from exauq_tui.jobs import JobId
from exauq_tui.monitor.stored_job import StoredJob

if TYPE_CHECKING:
    from exauq_tui.hardware.interface import DeletesJobs, LogChunk
    from exauq_tui.monitor.contact import Contact

_log = logging.getLogger(__name__)

V = TypeVar("V")


def deleter(contact: Contact) -> DeletesJobs:
    """Give the interface that deletes.

    Raises:
        ServerRefusedError: It is not one that does.
    """
    # Here as below, on a server's own thread: the screen is there before any of it is needed.
    from exauq_tui.hardware.interface import DeletesJobs  # noqa: PLC0415

    if not isinstance(contact.interface, DeletesJobs):
        raise ServerRefusedError(f"{contact.place.server} offers no way to delete anything")
    return contact.interface


def fetch(jobs: Sequence[StoredJob], contact: Contact) -> Mapping[int, float | str]:
    """Read outputs on the server."""
    from exauq_tui.monitor.looking import fetch_outputs  # noqa: PLC0415

    return fetch_outputs(contact, jobs)


def delete(jobs: Sequence[StoredJob], contact: Contact) -> Mapping[int, str]:
    """Delete directories on the server, then the rows of those that are gone."""
    from exauq_tui.monitor.contact import raise_if_cut_off, words_of  # noqa: PLC0415

    answers = deleter(contact).delete_remote_job_dirs([JobId(job.job_id) for job in jobs])
    raise_if_cut_off(answers.values())
    statuses = contact.interface.get_job_statuses([JobId(job.job_id) for job in jobs])
    raise_if_cut_off(statuses.values())
    results: dict[int, str] = {}
    for job in jobs:
        answer, status = answers.get(JobId(job.job_id)), statuses.get(JobId(job.job_id))
        # What is not there any more needs no deleting, whatever was said about it.
        if status is JobStatus.PENDING_SUBMIT:
            results[job.key] = ""
        else:
            error = answer or (status if isinstance(status, Exception) else None)
            results[job.key] = words_of(error) if error else "it is still there"
    deleted = [key for key, words in results.items() if not words]
    _log.info("%d jobs were deleted on %s", len(deleted), contact.place.server)
    contact.record.delete(deleted)
    contact.store.sync()
    return results


def failed(error: Exception) -> Future[LogChunk]:
    """Give a Future that has failed."""
    result: Future[LogChunk] = Future()
    result.set_exception(error)
    return result


def joined(
    known: Mapping[int, V | str],
    parts: Sequence[tuple[Sequence[StoredJob], Future[Mapping[int, V]]]],
) -> Future[Mapping[int, V | str]]:
    """One Future for answers of several servers, and words for those that do not answer.

    Where there is nothing but one server's error, it fails with that.
    """
    whole: Future[Mapping[int, V | str]] = Future()
    merged = dict(known)
    lock = threading.Lock()
    left = len(parts)

    def take(jobs: Sequence[StoredJob], part: Future[Mapping[int, V]]) -> None:
        nonlocal left
        error = part.exception()
        with lock:
            left -= 1
            if error is None:
                merged.update(part.result())
            elif len(parts) == 1 and not known:
                whole.set_exception(error)
                return
            else:
                merged.update((job.key, str(error)) for job in jobs)
            is_last = left == 0
        if is_last:
            whole.set_result(merged)

    if not parts:
        whole.set_result(merged)
    for jobs, part in parts:
        part.add_done_callback(partial(take, jobs))
    return whole
