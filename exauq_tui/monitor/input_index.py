"""Finds the jobs that ran, or are to run, an input: kept up to date by what changed alone."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence

from exauq_tui.hardware.status import JobStatus
from exauq_tui.jobs import Input
from exauq_tui.monitor.evidence import is_gone
from exauq_tui.monitor.packed_index import PackedIndex
from exauq_tui.monitor.store import Store
from exauq_tui.monitor.stored_job import StoredJob

_COUNTS = {
    JobStatus.PENDING_SUBMIT: 1,
    JobStatus.SUBMITTED: 2,
    JobStatus.RUNNING: 3,
    JobStatus.COMPLETED: 4,
}
"""Statuses of a job whose output is there or will be, the better the higher."""


class InputIndex:
    """Looks jobs up by their input vectors; numbers are compared exactly (1 is 1.0).

    The first question reads all jobs, a later one only what changed since: a question costs
    what it asks for. Safe between threads, and holds the store's lock for moments only.

    Args:
        store: Where the jobs are.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        # By a hash of the inputs. What was once in stays: jobs that are gone, or have other
        # inputs now, are told when they are looked at.
        self._keys: PackedIndex | None = None

    def find(self, inputs: Iterable[Sequence[float]]) -> list[tuple[StoredJob, ...]]:
        """For each input vector, the jobs that have it and whose output is there or will be.

        Jobs that failed, were cancelled, or are gone with their output are none of these.

        Returns:
            One tuple for each input, the best job first: completed with its output, then
            completed, running, submitted, pending; the latest among equals.
        """
        wanted = [tuple(data) for data in inputs]
        with self._lock:
            index = self._catch_up()
            maybe = [index.find(coords) for coords in wanted]
        jobs = self._store.jobs(dict.fromkeys(key for keys in maybe for key in keys))
        by_key = {job.key: job for job in jobs if _brings_output(job)}
        return [
            _best_first([job for job in map(by_key.get, keys) if job and job.inputs == coords])
            for keys, coords in zip(maybe, wanted, strict=True)
        ]

    def _catch_up(self) -> PackedIndex:
        changed = ((job.inputs, job.key) for job in self._store.take_new_inputs() if job.inputs)
        if self._keys is None:
            self._keys = PackedIndex(changed)
        else:
            for inputs, key in changed:
                self._keys.add(inputs, key)
        return self._keys


def _brings_output(job: StoredJob) -> bool:
    if job.status not in _COUNTS:
        return False
    if job.output is not None:
        return True
    # An output that could not be read is none: the input has to be run again to have one.
    return not job.output_error and not is_gone(job.note)


def _best_first(jobs: list[StoredJob]) -> tuple[StoredJob, ...]:
    if len(jobs) > 1:
        jobs = list({job.key: job for job in jobs}.values())
        jobs.sort(
            key=lambda job: (job.output is not None, _COUNTS[job.status], job.key), reverse=True
        )
    return tuple(jobs)


def first_of_each(
    inputs: Sequence[Input], known: Sequence[int | None]
) -> tuple[tuple[int, ...], int]:
    """Find the inputs that are new, each once.

    Args:
        inputs: The input vectors.
        known: For each of them the job that ran it already, or None.

    Returns:
        Their positions, and how many rows repeat an earlier new one.
    """
    seen: set[Input] = set()
    first: list[int] = []
    repeats = 0
    for position, (data, key) in enumerate(zip(inputs, known, strict=True)):
        if data in seen:
            repeats += key is None
            continue
        seen.add(data)
        if key is None:
            first.append(position)
    return tuple(first), repeats
