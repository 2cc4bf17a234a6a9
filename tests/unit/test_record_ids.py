"""Ids of jobs: the moment in UTC, and never the same twice."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exauq_tui.errors import RecordError
from exauq_tui.hardware.interface import JobReport
from exauq_tui.hardware.status import JobStatus
from exauq_tui.jobs import JobId
from exauq_tui.monitor.record import Record
from exauq_tui.monitor.record_ids import id_from_milliseconds
from tests.unit.record_kit import PLACE, Clock, add, lease, one, texts


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "jobs.sqlite3"


@pytest.fixture
def record(path: Path, clock: Clock) -> Record:
    return Record.open(path, clock)


@pytest.fixture
def other(record: Record, clock: Clock) -> Record:
    """What another process has open."""
    return Record.open(record.path, clock)


def test_an_id_is_the_moment_in_utc(record: Record) -> None:
    assert [job.job_id for job in add(record, 2)] == ["20261231235959000", "20261231235959001"]


def test_ids_go_on_by_the_calendar(record: Record) -> None:
    ids = [job.job_id for job in add(record, 10_000)]
    assert ids[999:1001] == ["20261231235959999", "20270101000000000"]
    assert ids[-1] == "20270101000008999"
    assert len(set(ids)) == 10_000
    assert ids == sorted(ids)


@settings(deadline=None)  # machines that run tests are busy
@given(st.integers(0, 250_000_000_000_000))
def test_an_id_is_a_real_moment_of_17_digits(milliseconds: int) -> None:
    job_id = id_from_milliseconds(milliseconds)
    assert len(job_id) == 17
    moment = datetime.datetime.strptime(job_id[:14] + "+0000", "%Y%m%d%H%M%S%z")
    assert round(moment.timestamp()) * 1000 + int(job_id[14:]) == milliseconds


def test_an_id_is_never_given_away_twice(record: Record, clock: Clock) -> None:
    jobs = add(record, 5)
    record.delete([job.key for job in jobs])
    clock.now -= 0.002
    jobs += add(record, 5)
    clock.now -= 3600
    jobs += add(record, 5)
    assert len({job.job_id for job in jobs}) == 15
    assert len({job.key for job in jobs}) == 15


def test_an_id_that_another_record_gave_to_a_job_is_passed_over(record: Record) -> None:
    found = JobReport(JobId("20261231235959001"), JobStatus.RUNNING)
    record.adopt(*PLACE, [(found, None)])
    ids = [job.job_id for job in add(record, 3)]
    assert ids == ["20261231235959002", "20261231235959003", "20261231235959004"]


def test_a_clock_that_was_far_ahead_does_not_decide_about_later_ids(
    record: Record, clock: Clock
) -> None:
    clock.now += 1e9
    add(record)
    clock.now -= 1e9
    assert add(record)[0].job_id.startswith("2026")


def test_a_taken_id_can_be_replaced_before_it_was_accepted(record: Record) -> None:
    job = one(record)
    lease(record, "me")
    new = record.reidentify(job.key)
    assert new.key == job.key
    assert new.job_id != job.job_id
    assert new.token != job.token
    assert not new.may_be_sent
    assert [leased.key for leased in lease(record, "other")] == [job.key]
    assert job.job_id in texts(record, job.key)[-1]


def test_two_records_that_lost_the_same_ids_do_not_go_on_to_want_the_same_ones(
    tmp_path: Path, clock: Clock
) -> None:
    chosen = []
    for name in ("mine", "theirs"):
        with Record(tmp_path / name, clock) as record:
            jobs = add(record, 8)
            chosen.append([record.reidentify(job.key).job_id for job in jobs])
    assert len({*chosen[0]}) == len({*chosen[1]}) == 8
    assert len({*chosen[0], *chosen[1]}) > 8


def test_an_id_is_replaced_only_while_its_job_is_pending(record: Record) -> None:
    job = one(record, JobStatus.RUNNING)
    assert record.reidentify(job.key) == job
    with pytest.raises(RecordError, match="not in the record"):
        record.reidentify(job.key + 1)
