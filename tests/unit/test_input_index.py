"""Which jobs ran an input already."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from exauq_tui.hardware.interface import JobReport
from exauq_tui.hardware.status import JobStatus
from exauq_tui.jobs import Input, JobId
from exauq_tui.monitor import packed_index
from exauq_tui.monitor.evidence import GONE
from exauq_tui.monitor.input_index import InputIndex
from exauq_tui.monitor.record import Record
from exauq_tui.monitor.store import Store
from exauq_tui.monitor.stored_job import JobUpdate
from tests.unit.record_kit import PLACE

COMPLETED = JobStatus.COMPLETED


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    with Record(tmp_path / "jobs.sqlite3") as record:
        yield record


@pytest.fixture
def store(record: Record) -> Store:
    return Store(record, ["hpc1"])


@pytest.fixture
def index(store: Store) -> InputIndex:
    return InputIndex(store)


def add(record: Record, store: Store, *inputs: Input) -> list[int]:
    keys = [job.key for job in record.add_jobs(*PLACE, True, inputs)]
    store.sync()
    return keys


def found(index: InputIndex, *inputs: Input) -> list[list[int]]:
    return [[job.key for job in jobs] for jobs in index.find(inputs)]


def learn(record: Record, store: Store, *updates: JobUpdate) -> None:
    record.apply(updates)
    store.sync()


def test_numbers_are_compared_exactly(record: Record, store: Store, index: InputIndex) -> None:
    (key,) = add(record, store, Input(1, 0.1))
    near = Input(1, 0.1 + 2**-56)
    assert found(index, Input(1.0, 0.1), near, Input(1)) == [[key], [], []]
    assert near != Input(1, 0.1)
    (large,) = add(record, store, Input(2**53))
    assert found(index, Input(2**53 + 1), Input(2**53)) == [[], [large]]


def test_inputs_that_only_look_alike_to_the_index_are_told_apart(
    record: Record, store: Store, index: InputIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed_index, "_HASH_MASK", 0)
    keys = add(record, store, *(Input(number) for number in range(5)))
    assert found(index, Input(3), Input(5)) == [[keys[3]], []]
    (later,) = add(record, store, Input(5))
    assert found(index, Input(5), Input(3)) == [[later], [keys[3]]]


def test_what_comes_later_is_found_and_what_is_deleted_is_not(
    record: Record, store: Store, index: InputIndex
) -> None:
    first = add(record, store, Input(1), Input(2))
    assert found(index, Input(1), Input(2)) == [[first[0]], [first[1]]]
    second = add(record, store, Input(1), Input(3))
    record.delete([first[0], first[1]])
    store.sync()
    assert found(index, Input(1), Input(2), Input(3)) == [[second[0]], [], [second[1]]]


def test_an_input_that_becomes_known_later_is_found(
    record: Record, store: Store, index: InputIndex
) -> None:
    report = JobReport(JobId("7"), COMPLETED)
    (job,) = record.adopt(*PLACE, [(report, Input(4, 5))])
    store.sync()
    assert found(index, Input(4, 5)) == [[job.key]]


@pytest.mark.parametrize(
    ("update", "counts"),
    [
        (JobUpdate(0, status=JobStatus.SUBMITTED), True),
        (JobUpdate(0, status=JobStatus.RUNNING), True),
        (JobUpdate(0, status=COMPLETED), True),
        (JobUpdate(0, status=COMPLETED, output=1.5, note=GONE), True),
        (JobUpdate(0, status=COMPLETED, note=GONE), False),
        (JobUpdate(0, status=COMPLETED, output_error="it is empty"), False),
        (JobUpdate(0, status=JobStatus.RUNNING, note=GONE), False),
        (JobUpdate(0, status=JobStatus.FAILED), False),
        (JobUpdate(0, status=JobStatus.FAILED_SUBMIT), False),
        (JobUpdate(0, status=JobStatus.CANCELLED), False),
        (JobUpdate(0, status=JobStatus.PENDING_CANCEL), False),
        (JobUpdate(0, status=JobStatus.FAILED_CANCEL), False),
    ],
)
def test_only_a_job_whose_output_is_there_or_can_be_expected_counts(
    record: Record, store: Store, index: InputIndex, update: JobUpdate, counts: bool
) -> None:
    (key,) = add(record, store, Input(1))
    assert found(index, Input(1)) == [[key]]
    changes = {name: getattr(update, name) for name in ("status", "output", "output_error", "note")}
    learn(record, store, JobUpdate(key, **changes))
    assert found(index, Input(1)) == [[key] if counts else []]


def test_the_job_with_an_output_comes_first(
    record: Record, store: Store, index: InputIndex
) -> None:
    one, two, three, four = add(record, store, *[Input(1)] * 4)
    learn(
        record,
        store,
        JobUpdate(one, status=COMPLETED, output=2.0),
        JobUpdate(two, status=COMPLETED),
        JobUpdate(three, status=JobStatus.RUNNING),
    )
    assert found(index, Input(1)) == [[one, two, three, four]]


def test_active_jobs_are_those_that_have_not_ended(record: Record, store: Store) -> None:
    keys = add(record, store, *[Input(n) for n in range(5)])
    assert store.active("hpc1") == 5
    learn(
        record,
        store,
        JobUpdate(keys[0], status=COMPLETED),
        JobUpdate(keys[1], status=JobStatus.RUNNING),
        JobUpdate(keys[2], status=JobStatus.RUNNING, note=GONE),
        JobUpdate(keys[3], status=JobStatus.FAILED),
    )
    assert store.active("hpc1") == 2
    record.delete(keys[1:4])
    store.sync()
    assert store.active("hpc1") == 1
    assert store.active("elsewhere") == 0
