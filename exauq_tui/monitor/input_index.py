"""Finds the jobs that ran, or are to run, an input: kept up to date by what changed alone."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence

from exauq_tui.hardware.status import JobStatus
from exauq_tui.jobs import Input
from exauq_tui.monitor.evidence import is_gone
from exauq_tui.monitor.store import Store
from exauq_tui.monitor.stored_job import StoredJob

Coords = tuple[float, ...]

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
        # A single key as it is: 100,000 tuples would be gone through by each garbage collection.
        self._keys: dict[Coords, int | tuple[int, ...]] = {}
        self._inputs: dict[int, Coords] = {}

    def find(self, inputs: Iterable[Sequence[float]]) -> list[tuple[StoredJob, ...]]:
        """For each input vector, the jobs that have it and whose output is there or will be.

        Jobs that failed, were cancelled, or are gone with their output are none of these.

        Returns:
            One tuple for each input, the best job first: completed with its output, then
            completed, running, submitted, pending; the latest among equals.
        """
        with self._lock:
            self._catch_up()
            wanted = [self._known(tuple(data)) for data in inputs]
        jobs = self._store.jobs(key for keys in wanted for key in keys)
        by_key = {job.key: job for job in jobs if _brings_output(job)}
        return [_best_first(keys, by_key) for keys in wanted]

    def _catch_up(self) -> None:
        changed, removed = self._store.take_new_inputs()
        for key in removed:
            self._forget(key)
        for job in changed:
            known = self._inputs.get(job.key)
            if known == job.inputs:
                continue
            if known is not None:
                self._forget(job.key)
            if job.inputs:
                self._inputs[job.key] = job.inputs
                others = self._known(job.inputs)
                self._keys[job.inputs] = (*others, job.key) if others else job.key

    def _forget(self, key: int) -> None:
        inputs = self._inputs.pop(key, None)
        if inputs is None:
            return
        left = tuple(other for other in self._known(inputs) if other != key)
        if left:
            self._keys[inputs] = left
        else:
            del self._keys[inputs]

    def _known(self, inputs: Coords) -> tuple[int, ...]:
        keys = self._keys.get(inputs, ())
        return (keys,) if isinstance(keys, int) else keys


def _brings_output(job: StoredJob) -> bool:
    if job.status not in _COUNTS:
        return False
    if job.output is not None:
        return True
    # An output that could not be read is none: the input has to be run again to have one.
    return not job.output_error and not is_gone(job.note)


def _best_first(keys: Sequence[int], jobs: Mapping[int, StoredJob]) -> tuple[StoredJob, ...]:
    found = [jobs[key] for key in keys if key in jobs]
    if len(found) > 1:
        found.sort(
            key=lambda job: (job.output is not None, _COUNTS[job.status], job.key), reverse=True
        )
    return tuple(found)


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
