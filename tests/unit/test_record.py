"""The record of jobs, in real files: what it keeps of each, and who learns of a change."""

from __future__ import annotations

import math
import sqlite3
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exauq_tui.errors import RecordError
from exauq_tui.hardware.interface import JobReport
from exauq_tui.hardware.status import JobStatus
from exauq_tui.jobs import Input, JobId
from exauq_tui.monitor.record import Record
from exauq_tui.monitor.stored_job import (
    JobUpdate,
    StoredJob,
    inputs_from_csv,
    job_from_row,
    job_to_row,
)
from tests.unit.record_kit import PENDING_SUBMIT, PLACE, Clock, add, one, texts


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


# What a job holds


def test_a_new_job_is_pending_and_has_an_id_and_a_token(record: Record, clock: Clock) -> None:
    first, second = record.add_jobs(
        *PLACE, True, [Input(1, -2.5), Input(3, 4)], level=2, batch="a.csv"
    )
    assert (first.server, first.endpoint, first.workspace) == PLACE
    assert first.workspace_known
    assert (first.status, first.level, first.batch) == (JobStatus.PENDING_SUBMIT, 2, "a.csv")
    assert (first.inputs, second.inputs) == ((1, -2.5), (3, 4))
    assert (first.created, first.try_of, first.try_number) == (clock.now, "", 1)
    assert not first.may_be_sent
    assert len(first.token) == 16
    assert first.token != second.token
    assert first.key < second.key
    assert record.load() == [first, second]
    assert texts(record, first.key) == ["Set up"]


def test_no_jobs_are_no_change(record: Record) -> None:
    assert add(record, 0) == []
    assert record.apply([]) == []
    assert record.revision() == 0


def test_a_job_that_tries_another_again_says_so(record: Record) -> None:
    first = one(record, JobStatus.FAILED)
    (second,) = record.add_jobs(*PLACE, True, [Input(*first.inputs)], try_of=[first])
    (third,) = record.add_jobs(*PLACE, True, [Input(*first.inputs)], try_of=[second])
    assert (second.try_of, second.try_number) == (first.job_id, 2)
    assert (third.try_of, third.try_number) == (second.job_id, 3)
    assert first.job_id != second.job_id
    assert texts(record, second.key) == [f"Set up to try {first.job_id} again"]
    with pytest.raises(ValueError, match="2 inputs"):
        record.add_jobs(*PLACE, True, [Input(1), Input(2)], try_of=[first])


def test_jobs_outlive_the_process(record: Record, path: Path) -> None:
    jobs = add(record, 3)
    record.close()
    with Record.open(path) as again:
        assert again.load() == jobs


def test_jobs_of_some_servers_can_be_read_alone(record: Record) -> None:
    (mine,) = add(record)
    record.add_jobs("desk", "local", "", False, [Input(1)])
    assert record.load(["hpc1"]) == [mine]
    assert record.load([]) == []
    assert [job.server for job in record.load()] == ["hpc1", "desk"]


@settings(deadline=None)  # machines that run tests are busy
@given(st.lists(st.integers(-(10**40), 10**40) | st.floats(allow_nan=False, allow_infinity=False)))
def test_no_digit_of_an_input_is_lost(numbers: list[float]) -> None:
    read = inputs_from_csv(Input(*numbers).to_csv())
    assert [repr(number) for number in read] == [repr(number) for number in numbers]


def test_any_real_number_is_kept_as_int_or_float(record: Record) -> None:
    (job,) = record.add_jobs(*PLACE, True, [Input(Fraction(1, 2), 3)])
    assert [type(number) for number in job.inputs] == [float, int]
    assert record.load() == [job]


@settings(deadline=None)  # machines that run tests are busy
@given(
    st.text() | st.text(st.characters(categories=["Cs"]), min_size=1) | st.just("a\0b"),
    st.floats() | st.none(),
)
def test_any_text_and_number_comes_back_as_it_was(text: str, output: float | None) -> None:
    job = StoredJob(
        key=1, server=text, endpoint=text, workspace=text, workspace_known=False, job_id="7",
        level=1, batch=text, inputs=(1, 0.1), status=JobStatus.FAILED, output=output,
        output_text=text, output_error=text, error=text, note=text, lease_owner=text,
    )  # fmt: skip
    with sqlite3.connect(":memory:") as connection:
        marks = ", ".join("?" * len(job_to_row(job)))
        row = connection.execute(f"SELECT {marks}", job_to_row(job)).fetchone()
    assert repr(job_from_row(row)) == repr(job)


@pytest.mark.parametrize("output", [math.inf, -math.inf, math.nan, -0.0, 5e-324, 1 / 3])
def test_every_float_can_be_an_output(record: Record, output: float) -> None:
    job = one(record, JobStatus.RUNNING)
    record.apply([JobUpdate(job.key, status=JobStatus.COMPLETED, output=output)])
    assert repr(record.load()[0].output) == repr(output)
    assert record.apply([JobUpdate(job.key, output=output)]) == []


def test_a_path_that_is_no_text_stays_the_same_path(record: Record) -> None:
    path = b"/w/caf\xe9".decode(errors="surrogateescape")
    record.add_jobs("hpc1", "e", "~/w", False, [Input(1)])
    (job,) = record.bind_workspace("hpc1", "e", "~/w", path)
    assert job.workspace == path
    assert record.place("hpc1", "e", "~/w") == path
    assert record.lease("hpc1", "e", path, "me", 9, 9, "submit") != []


def test_a_number_that_no_database_holds_is_an_error_in_words(record: Record) -> None:
    job = one(record)
    with pytest.raises(RecordError, match="cannot hold such a number"):
        record.apply([JobUpdate(job.key, exit_code=2**70)])
    assert record.load() == [job]


# What was learnt


def test_an_update_changes_what_it_names(record: Record, clock: Clock) -> None:
    job = one(record)
    clock.now += 1
    (changed,) = record.apply(
        [JobUpdate(job.key, status=JobStatus.RUNNING, started=5.0, note="n", event="Started")]
    )
    assert (changed.status, changed.started, changed.note) == (JobStatus.RUNNING, 5.0, "n")
    assert (changed.token, changed.inputs) == (job.token, job.inputs)
    assert record.load() == [changed]
    assert record.events(job.key)[-1].at == clock.now
    assert texts(record, job.key)[-1] == "Started"
    (cleared,) = record.apply([JobUpdate(job.key, started=None, note="")])
    assert (cleared.started, cleared.note) == (None, "")


def test_a_late_answer_does_not_overwrite_newer_evidence(record: Record) -> None:
    job = one(record, JobStatus.COMPLETED)
    late = JobUpdate(job.key, PENDING_SUBMIT, "Submitted", status=JobStatus.SUBMITTED)
    assert record.apply([late]) == []
    assert record.load() == [job]
    assert "Submitted" not in texts(record, job.key)


def test_updates_of_one_job_are_taken_in_their_order(record: Record) -> None:
    job = one(record)
    for_submitted = frozenset({JobStatus.SUBMITTED})
    (changed,) = record.apply(
        [
            JobUpdate(job.key, PENDING_SUBMIT, status=JobStatus.SUBMITTED, submitted=1.0),
            JobUpdate(job.key, for_submitted, status=JobStatus.RUNNING),
            JobUpdate(job.key, PENDING_SUBMIT, status=JobStatus.FAILED),
        ]
    )
    assert (changed.status, changed.submitted) == (JobStatus.RUNNING, 1.0)
    assert record.load() == [changed]


def test_an_update_that_tells_nothing_new_is_no_change(record: Record) -> None:
    job = one(record, JobStatus.RUNNING)
    before = record.revision()
    assert record.apply([JobUpdate(job.key, status=JobStatus.RUNNING)]) == []
    assert record.apply([JobUpdate(job.key + 99, status=JobStatus.FAILED)]) == []
    assert record.revision() == before


def test_updates_of_different_fields_go_to_their_own_jobs(record: Record) -> None:
    jobs = add(record, 4)
    record.apply(
        [
            JobUpdate(jobs[0].key, output=1.0),
            JobUpdate(jobs[1].key, error="e", exit_code=1),
            JobUpdate(jobs[2].key, output=3.0),
        ]
    )
    read = record.load()
    assert [job.output for job in read] == [1.0, None, 3.0, None]
    assert [job.error for job in read] == ["", "e", "", ""]
    assert read[3] == jobs[3]


def test_an_event_can_stand_alone(record: Record) -> None:
    job = one(record)
    record.add_event(job.key, "Seen")
    assert texts(record, job.key) == ["Set up", "Seen"]
    assert record.events(job.key + 1) == ()


# Jobs found on a server


def test_found_jobs_are_adopted_with_their_inputs(record: Record, clock: Clock) -> None:
    report = JobReport(
        JobId("007"), JobStatus.COMPLETED, 1.0, 2.0, 3.0, exit_code=0, output_text="4", note="n"
    )
    (job,) = record.adopt(*PLACE, [(report, Input(1, 0.5))], level=3)
    assert (job.job_id, job.status, job.inputs) == ("007", JobStatus.COMPLETED, (1, 0.5))
    assert (job.submitted, job.started, job.finished, job.exit_code) == (1.0, 2.0, 3.0, 0)
    assert (job.output_text, job.note, job.level, job.batch) == ("4", "n", 3, "")
    assert (job.created, job.last_seen) == (clock.now, clock.now)
    assert job.workspace_known
    assert job.may_be_sent
    assert record.load() == [job]
    assert texts(record, job.key) == ["Found on the server: Completed"]


def test_a_job_that_is_known_is_not_adopted_again(record: Record) -> None:
    (mine,) = add(record)
    reports = [JobReport(JobId(id_), JobStatus.RUNNING) for id_ in ("12", mine.job_id, "3", "12")]
    jobs = record.adopt(*PLACE, [(report, None) for report in reports])
    assert [job.job_id for job in jobs] == [mine.job_id, "3", "12"]
    assert jobs[0] == mine
    assert jobs[1].inputs == ()
    before = record.revision()
    assert record.adopt(*PLACE, [(report, None) for report in reports]) == jobs
    assert record.revision() == before


def test_the_same_id_in_another_workspace_is_another_job(record: Record) -> None:
    report = JobReport(JobId(7), JobStatus.RUNNING)
    (first,) = record.adopt(*PLACE, [(report, None)])
    (second,) = record.adopt(*PLACE[:2], "/elsewhere", [(report, None)])
    assert first.key != second.key


# Workspaces


def test_jobs_get_their_workspace_at_the_first_contact(record: Record) -> None:
    (waiting,) = record.add_jobs("hpc1", "e", "~/w", False, [Input(1)])
    (elsewhere,) = record.add_jobs("hpc1", "e", "/old", True, [Input(1)])
    (server,) = record.add_jobs("hpc2", "e", "~/w", False, [Input(1)])
    (bound,) = record.bind_workspace("hpc1", "e", "~/w", "/home/a/w")
    assert (bound.key, bound.workspace, bound.workspace_known) == (waiting.key, "/home/a/w", True)
    assert record.get([elsewhere.key, server.key]) == [elsewhere, server]
    assert record.bind_workspace("hpc1", "e", "~/w", "/home/a/w") == []


def test_a_bound_job_stays_in_its_workspace_when_the_profile_changes(record: Record) -> None:
    record.add_jobs("hpc1", "e", "w", False, [Input(1)])
    record.bind_workspace("hpc1", "e", "w", "/home/a/w")
    assert record.bind_workspace("hpc1", "e", "w", "/home/b/w") == []
    assert record.load()[0].workspace == "/home/a/w"
    assert record.place("hpc1", "e", "w") == "/home/b/w"


def test_the_workspace_that_mktemp_made_is_kept_until_forgotten(
    record: Record, other: Record
) -> None:
    assert record.place("hpc1", "e", "") is None
    assert record.claim_place("hpc1", "e", "", "/s/exauqAAAAA") == "/s/exauqAAAAA"
    assert other.claim_place("hpc1", "e", "", "/s/exauqBBBBB") == "/s/exauqAAAAA"
    assert other.place("hpc1", "e", "") == "/s/exauqAAAAA"
    record.forget_place("hpc1", "e", "")
    assert other.place("hpc1", "e", "") is None


def test_a_job_found_before_its_row_was_bound_is_not_doubled(record: Record) -> None:
    (mine,) = record.add_jobs("hpc1", "e", "w", False, [Input(1)])
    report = JobReport(JobId(mine.job_id), JobStatus.RUNNING, token=mine.token)
    record.adopt("hpc1", "e", "/w", [(report, None)])
    record.bind_workspace("hpc1", "e", "w", "/w")
    (job,) = record.load()
    assert (job.key, job.job_id) == (mine.key, mine.job_id)


def test_a_stranger_with_a_jobs_id_gives_that_job_a_new_one(record: Record) -> None:
    (mine,) = record.add_jobs("hpc1", "e", "w", False, [Input(1)])
    report = JobReport(JobId(mine.job_id), JobStatus.RUNNING, token="")
    (stranger,) = record.adopt("hpc1", "e", "/w", [(report, None)])
    (bound,) = record.bind_workspace("hpc1", "e", "w", "/w")
    assert bound.key == mine.key
    assert bound.job_id != mine.job_id
    assert record.get([stranger.key]) == [stranger]


# News for another process


def test_another_process_learns_what_changed(record: Record, other: Record) -> None:
    first, second, third = add(record, 3)
    jobs, removed, revision = other.since(0)
    assert (jobs, removed) == ([first, second, third], [])
    assert other.since(revision) == ([], [], revision)
    (changed,) = record.apply([JobUpdate(second.key, note="x")])
    assert record.delete([third.key, 99]) == [third.key]
    jobs, removed, later = other.since(revision)
    assert (jobs, removed) == ([changed], [third.key])
    assert later == other.revision() > revision


def test_each_kind_of_change_is_news(record: Record, other: Record) -> None:
    seen = other.revision()

    def news() -> tuple[list[int], list[int]]:
        nonlocal seen
        jobs, removed, seen = other.since(seen)
        return [job.key for job in jobs], removed

    (job,) = record.add_jobs("s", "e", "w", False, [Input(1)])
    assert news() == ([job.key], [])
    record.bind_workspace("s", "e", "w", "/w")
    assert news() == ([job.key], [])
    record.reidentify(job.key)
    assert news() == ([job.key], [])
    record.lease("s", "e", "/w", "me", 9, 9, "submit")
    assert news() == ([], [])
    record.request_cancel([job.key])
    assert news() == ([job.key], [])
    record.release("me", unsent=True)
    assert news() == ([job.key], [])
    (found,) = record.adopt("s", "e", "/w", [(JobReport(JobId(1), JobStatus.FAILED), None)])
    assert news() == ([found.key], [])
    record.delete([job.key])
    assert news() == ([], [job.key])


def test_a_deleted_job_leaves_no_history_and_no_key(record: Record) -> None:
    job = one(record)
    record.delete([job.key])
    assert record.load() == []
    assert record.events(job.key) == ()
    assert one(record).key > job.key
