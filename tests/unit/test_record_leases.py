"""Who may send what is pending, and what a request to cancel does to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from exauq_tui.hardware.interface import JobReport
from exauq_tui.hardware.status import TERMINAL_STATUSES, JobStatus
from exauq_tui.jobs import Input, JobId
from exauq_tui.monitor.record import Record
from exauq_tui.monitor.stored_job import (
    JobUpdate,
)
from tests.unit.record_kit import PENDING_SUBMIT, PLACE, Clock, add, lease, one, texts


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


# Leases


def test_only_one_sends_a_job(record: Record, other: Record) -> None:
    jobs = add(record, 3)
    mine = lease(record, "me", limit=2)
    assert [job.key for job in mine] == [job.key for job in jobs[:2]]
    assert all(job.lease_owner == "me" and job.may_be_sent for job in mine)
    assert [job.key for job in lease(other, "you")] == [jobs[2].key]
    assert [job.key for job in lease(record, "me")] == [job.key for job in jobs[:2]]


def test_a_lease_ends_by_time_or_release(record: Record, other: Record, clock: Clock) -> None:
    job = one(record)
    lease(record, "me")
    clock.now += 29
    assert lease(other, "you") == []
    clock.now += 1
    assert [each.key for each in lease(other, "you")] == [job.key]
    assert record.release("me") == []
    assert lease(record, "me") == []
    other.release("you", [job.key])
    assert [each.key for each in lease(record, "me")] == [job.key]


def test_a_lease_taken_by_a_clock_far_ahead_does_not_block(record: Record, clock: Clock) -> None:
    job = one(record)
    clock.now += 1e7
    lease(record, "me")
    clock.now -= 1e7
    assert [each.key for each in lease(record, "you")] == [job.key]


def test_leases_are_for_jobs_of_the_place_whose_verb_is_pending(record: Record) -> None:
    one(record, JobStatus.RUNNING)
    record.add_jobs("hpc1", "alice@hpc1:22", "/elsewhere", True, [Input(1)])
    record.add_jobs("hpc1", "bob@hpc1:22", "/home/alice/w", True, [Input(1)])
    assert lease(record, "me") == []
    assert lease(record, "me", "cancel") == []


def test_an_update_can_end_the_lease(record: Record, other: Record) -> None:
    job = one(record)
    lease(record, "me")
    late = JobUpdate(job.key, frozenset({JobStatus.RUNNING}), status=JobStatus.FAILED)
    assert record.apply([late], release="me") == []
    assert [each.key for each in lease(other, "you")] == [job.key]


def test_a_send_of_which_nothing_left_does_not_count(record: Record) -> None:
    job = one(record)
    lease(record, "me")
    record.release("me", unsent=True)
    assert not record.get([job.key])[0].may_be_sent
    lease(record, "me")
    record.release("me")
    lease(record, "me")
    record.release("me", unsent=True)
    assert record.get([job.key])[0].may_be_sent


# Cancelling


@pytest.mark.parametrize("status", JobStatus)
def test_a_job_that_came_to_its_end_is_left_alone(record: Record, status: JobStatus) -> None:
    job = one(record, status)
    asked, left = record.request_cancel([job.key])
    if status in TERMINAL_STATUSES:
        assert (asked, left) == ([], [job])
        return
    assert left == []
    unsent = status is JobStatus.PENDING_SUBMIT
    assert asked[0].status is (JobStatus.CANCELLED if unsent else JobStatus.PENDING_CANCEL)
    assert record.load() == asked


def test_a_job_that_was_never_sent_is_cancelled_at_once(record: Record) -> None:
    job = one(record)
    record.request_cancel([job.key])
    assert lease(record, "me") == []
    assert lease(record, "me", "cancel") == []
    assert texts(record, job.key)[-1] == "Cancelled before it was sent"


def test_a_job_that_may_be_on_its_way_is_cancelled_after_it(record: Record, other: Record) -> None:
    job = one(record)
    lease(record, "me")
    ((asked,), _) = other.request_cancel([job.key])
    assert asked.status is JobStatus.PENDING_CANCEL
    assert asked.may_be_sent
    assert lease(other, "you", "cancel") == []
    sent = JobUpdate(job.key, PENDING_SUBMIT, status=JobStatus.SUBMITTED)
    assert record.apply([sent], release="me") == []
    assert [each.key for each in lease(other, "you", "cancel")] == [job.key]


def test_a_job_whose_sender_died_may_have_been_sent(record: Record, clock: Clock) -> None:
    job = one(record)
    lease(record, "me")
    clock.now += 3600
    ((asked,), _) = record.request_cancel([job.key])
    assert asked.status is JobStatus.PENDING_CANCEL


def test_a_job_of_which_nothing_left_is_cancelled_when_that_is_known(record: Record) -> None:
    job = one(record)
    lease(record, "me")
    record.request_cancel([job.key])
    (cancelled,) = record.release("me", [job.key], unsent=True)
    assert cancelled.status is JobStatus.CANCELLED
    assert record.load() == [cancelled]


def test_a_found_job_is_never_taken_for_one_that_was_not_sent(record: Record) -> None:
    (job,) = record.adopt(*PLACE, [(JobReport(JobId(1), JobStatus.RUNNING), None)])
    ((asked,), _) = record.request_cancel([job.key])
    assert asked.status is JobStatus.PENDING_CANCEL
    lease(record, "me", "cancel")
    assert record.release("me") == []
    assert record.load()[0].status is JobStatus.PENDING_CANCEL


def test_a_failed_cancel_can_be_asked_for_again(record: Record) -> None:
    job = one(record, JobStatus.FAILED_CANCEL)
    record.apply([JobUpdate(job.key, error="survived")])
    ((asked,), _) = record.request_cancel([job.key, job.key, job.key + 1])
    assert (asked.status, asked.error) == (JobStatus.PENDING_CANCEL, "")
    before = record.revision()
    assert record.request_cancel([job.key]).asked == [asked]
    assert record.revision() == before
