"""The store: one picture, told of once, fed by the record alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from exauq_tui.hardware.interface import JobReport
from exauq_tui.hardware.status import JobStatus
from exauq_tui.jobs import Input, JobId
from exauq_tui.monitor.packed_tokens import PackedTokens
from exauq_tui.monitor.record import Record
from exauq_tui.monitor.snapshot import ServerState, ServerView
from exauq_tui.monitor.store import Place, Store, Target
from exauq_tui.monitor.stored_job import JobUpdate, StoredJob
from tests.unit.record_kit import PLACE, add

HERE = Place(*PLACE)
VIEW = ServerView("hpc1", "unix", "alice@hpc1")


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    with Record(tmp_path / "jobs.sqlite3") as record:
        yield record


@pytest.fixture
def other(record: Record) -> Iterator[Record]:
    """What another process has open."""
    with Record(record.path) as other:
        yield other


@pytest.fixture
def store(record: Record) -> Store:
    return Store(record, ["hpc1"])


class Calls:
    """Counts, from any thread."""

    def __init__(self) -> None:
        self.count = 0
        self._lock = threading.Lock()

    def __call__(self) -> None:
        with self._lock:
            self.count += 1


def test_the_listener_is_told_once_until_it_drains(store: Store, record: Record) -> None:
    calls = Calls()
    store.set_listener(calls)
    assert calls.count == 0
    add(record)
    store.sync()
    add(record)
    store.sync()
    store.set_view(VIEW)
    assert calls.count == 1
    changes = store.drain()
    assert (len(changes.jobs), len(changes.servers)) == (2, 1)
    assert not store.drain()
    add(record)
    store.sync()
    assert calls.count == 2


def test_a_listener_that_comes_late_is_told_of_what_waits(store: Store, record: Record) -> None:
    add(record)
    store.sync()
    calls = Calls()
    store.set_listener(calls)
    assert calls.count == 1


def test_a_removed_listener_hears_nothing(store: Store, record: Record) -> None:
    calls = Calls()
    store.set_listener(calls)
    store.set_listener(None)
    add(record)
    store.sync()
    assert calls.count == 0


def test_many_threads_tell_the_listener_once(store: Store) -> None:
    calls = Calls()
    store.set_listener(calls)
    start = threading.Barrier(8)

    def change(number: int) -> None:
        start.wait()
        store.set_view(replace(VIEW, latency=number))

    threads = [threading.Thread(target=change, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert calls.count == 1


def test_what_changes_nothing_is_not_told(store: Store, record: Record) -> None:
    calls = Calls()
    store.set_view(VIEW)
    store.set_target(Target(HERE, is_known=True))
    store.drain()
    store.set_listener(calls)
    store.set_view(VIEW)
    store.set_target(Target(HERE, is_known=True))
    store.sync()
    record.add_jobs("elsewhere", "bob@elsewhere", "/w", True, [Input(1)])
    store.sync()
    assert calls.count == 0
    assert store.rows() == ()


def test_what_another_process_writes_arrives_by_sync(store: Store, other: Record) -> None:
    store.sync()
    jobs = add(other, 3)
    assert store.rows() == ()
    store.sync()
    assert [row.key for row in store.rows()] == [job.key for job in jobs]
    store.drain()
    other.apply([JobUpdate(jobs[1].key, status=JobStatus.SUBMITTED, last_seen=5.0)])
    other.delete([jobs[0].key])
    store.sync()
    changes = store.drain()
    assert [(row.key, row.status) for row in changes.jobs] == [(jobs[1].key, JobStatus.SUBMITTED)]
    assert changes.removed == (jobs[0].key,)


def test_a_job_that_came_and_went_between_two_drains_is_told_as_removed_at_most(
    store: Store, other: Record
) -> None:
    (job,) = add(other)
    store.sync()
    other.delete([job.key])
    store.sync()
    changes = store.drain()
    assert changes.jobs == ()
    assert changes.removed == (job.key,)


def test_a_profile_that_is_removed_or_comes_late_makes_its_rows_current_or_not(
    store: Store, record: Record
) -> None:
    add(record, 2)
    store.sync()
    assert [row.current for row in store.drain().jobs] == [False, False]
    store.set_target(Target(HERE, is_known=True))
    assert [row.current for row in store.drain().jobs] == [True, True]
    store.set_target(Target(HERE, is_known=False))
    assert store.drain().jobs == ()  # nothing of them is different
    store.dismiss("hpc1")
    assert [row.current for row in store.drain().jobs] == [False, False]
    assert [row.current for row in store.rows()] == [False, False]


def test_a_row_tells_its_directory_once_a_server_told_of_the_job(
    store: Store, record: Record
) -> None:
    (job,) = add(record)
    store.sync()
    assert store.rows()[0].directory == ""
    record.apply([JobUpdate(job.key, last_seen=1.0)])
    store.sync()
    assert store.rows()[0].directory == f"{HERE.workspace}/{job.job_id}"


def test_another_place_of_the_profile_makes_rows_not_current(store: Store, record: Record) -> None:
    add(record, 2)
    store.set_target(Target(HERE, is_known=True))
    store.sync()
    assert [row.current for row in store.rows()] == [True, True]
    store.drain()
    store.set_target(Target(replace(HERE, workspace="/home/alice/other"), is_known=True))
    assert [row.current for row in store.drain().jobs] == [False, False]
    store.set_target(Target(HERE, is_known=True))
    assert [row.current for row in store.drain().jobs] == [True, True]


def test_a_job_is_found_by_the_id_that_it_has_now(store: Store, record: Record) -> None:
    store.set_target(Target(HERE, is_known=True))
    (job,) = add(record)
    store.sync()
    new = record.reidentify(job.key)
    store.sync()
    found = store.find(HERE, [job.job_id, new.job_id])
    assert found == {new.job_id: replace(new, revision=0)}
    record.delete([job.key])
    store.sync()
    assert store.jobs_at(HERE) == {}
    assert not store.has_jobs_at(HERE)


@pytest.mark.parametrize(
    ("output", "text", "kept"),
    [(0.5, "0.5\n", None), (None, "no number", "no number"), (None, "n" * 101, None)],
)
def test_the_text_of_an_output_is_held_in_memory_where_it_is_short_and_no_number(
    record: Record, store: Store, output: float | None, text: str, kept: str | None
) -> None:
    (job,) = add(record)
    record.apply([JobUpdate(job.key, output=output, output_text=text)])
    store.sync()
    (known,) = store.jobs([job.key])
    assert (known.output, known.output_text) == (output, kept)
    assert record.get([job.key])[0].output_text == text


@pytest.mark.parametrize("theirs", ["", "abc123"])
def test_the_token_of_a_job_is_known_for_as_long_as_its_row_and_of_a_deleted_one_as_well(
    record: Record, store: Store, theirs: str
) -> None:
    job, unsent = add(record, 2)
    token = theirs or job.token
    record.apply([JobUpdate(job.key, token=token, last_seen=5.0)])
    store.sync()
    assert store.token(job.key) == token
    assert store.token(unsent.key) == unsent.token == store.jobs([unsent.key])[0].token
    record.apply([JobUpdate(job.key, token="fedcba9876543210")])
    store.sync()
    assert store.token(job.key) == "fedcba9876543210"
    record.delete([job.key])
    store.sync()
    assert store.token(job.key) == ""
    assert store.is_of_deleted(HERE, job.job_id, "fedcba9876543210")
    assert not store.is_of_deleted(HERE, job.job_id, token)


def test_a_job_keeps_its_row_when_its_workspace_becomes_known(store: Store, record: Record) -> None:
    (job,) = record.add_jobs("hpc1", "alice@hpc1:22", "~/w", False, [Input(1)])
    store.sync()
    record.bind_workspace("hpc1", "alice@hpc1:22", "~/w", "/home/alice/w")
    store.sync()
    assert [each.key for each in store.jobs_at(HERE).values()] == [job.key]
    assert not store.has_jobs_at(replace(HERE, workspace="~/w"))


def test_a_directory_is_named_once_the_server_told_of_the_job(store: Store, record: Record) -> None:
    (job,) = add(record)
    store.sync()
    assert store.rows()[0].directory == ""
    record.apply([JobUpdate(job.key, status=JobStatus.SUBMITTED, last_seen=5.0)])
    store.sync()
    assert store.rows()[0].directory == f"/home/alice/w/{job.job_id}"


def test_jobs_of_the_toolbox_have_a_directory_though_no_time_of_submission(
    store: Store, record: Record
) -> None:
    record.adopt(*PLACE, [(JobReport(JobId("12"), JobStatus.RUNNING), None)])
    store.sync()
    assert store.rows()[0].directory == "/home/alice/w/12"


def test_views_come_in_the_order_in_which_they_were_set_first(record: Record) -> None:
    store = Store(record, ["b", "a"])
    store.set_view(replace(VIEW, name="b"))
    store.set_view(replace(VIEW, name="a"))
    store.set_view(replace(VIEW, name="b", state=ServerState.UP))
    assert [view.name for view in store.views()] == ["b", "a"]
    assert store.view("b").state is ServerState.UP


def test_some_jobs_are_known_before_all_are_read(store: Store, record: Record) -> None:
    jobs = add(record, 3)
    store.set_target(Target(HERE, is_known=True))
    keys = [jobs[2].key, 99, jobs[0].key]
    assert [job.key for job in store.jobs(keys)] == [jobs[2].key, jobs[0].key]
    assert [row.key for row in store.rows_of(keys)] == [jobs[2].key, jobs[0].key]
    assert store.jobs(keys)[0].current
    assert store.drain().jobs == ()
    assert len(store.rows()) == 3
    assert [job.key for job in store.jobs(keys)] == [jobs[2].key, jobs[0].key]


@pytest.mark.parametrize(
    "ask",
    [
        lambda store: len(store.rows()),
        lambda store: len(store.jobs_at(HERE)),
        lambda store: store.active("hpc1"),
        lambda store: len(store.take_new_inputs()),
        lambda store: 3 * store.has_jobs_at(HERE),
    ],
)
def test_nobody_is_given_a_part_of_the_jobs_for_all(
    store: Store, record: Record, ask: Callable[[Store], int]
) -> None:
    add(record, 3)
    assert ask(store) == 3


def test_after_all_were_given_only_changes_are_told(store: Store, record: Record) -> None:
    jobs = add(record, 3)
    assert [row.key for row in store.load()] == [job.key for job in jobs]
    assert not store.drain()
    record.apply([JobUpdate(jobs[1].key, status=JobStatus.COMPLETED)])
    store.sync()
    assert [row.key for row in store.drain().jobs] == [jobs[1].key]
    assert [row.status for row in store.load()][1] is JobStatus.COMPLETED


def test_what_others_change_between_two_pieces_is_not_missed(
    store: Store, record: Record, other: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exauq_tui.monitor.store._PIECE", 2)
    jobs = add(record, 6)
    some = record.some

    def read(after: int, limit: int, tokens: PackedTokens) -> list[StoredJob]:
        found = some(after, limit, tokens)
        if after == jobs[1].key:  # the first four were read
            other.apply([JobUpdate(jobs[0].key, status=JobStatus.FAILED)])
            other.apply([JobUpdate(jobs[5].key, status=JobStatus.COMPLETED)])
            other.delete([jobs[1].key, jobs[4].key])
            add(other)
        return found

    monkeypatch.setattr(record, "some", read)
    store.load()
    store.sync()
    assert [(row.key, row.status) for row in store.rows()] == [
        (job.key, job.status) for job in record.load()
    ]
    assert len(store.rows()) == 5
