"""What a server's report means for a job, for every status and every report."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exauq_tui.hardware.interface import JobReport
from exauq_tui.hardware.status import TERMINAL_STATUSES, JobStatus
from exauq_tui.jobs import JobId
from exauq_tui.monitor.evidence import (
    GONE,
    update_for_missing,
    update_from_cancel,
    update_from_report,
)
from exauq_tui.monitor.stored_job import UNSET, JobUpdate, StoredJob

NOW = 1000.0
PENDING_SUBMIT = JobStatus.PENDING_SUBMIT
SUBMITTED = JobStatus.SUBMITTED
RUNNING = JobStatus.RUNNING
COMPLETED = JobStatus.COMPLETED
FAILED = JobStatus.FAILED
CANCELLED = JobStatus.CANCELLED
PENDING_CANCEL = JobStatus.PENDING_CANCEL
FAILED_CANCEL = JobStatus.FAILED_CANCEL
FAILED_SUBMIT = JobStatus.FAILED_SUBMIT

REPORTABLE = [SUBMITTED, RUNNING, PENDING_CANCEL, FAILED_CANCEL, COMPLETED, FAILED, CANCELLED]
ON_SERVER = [SUBMITTED, RUNNING, COMPLETED, FAILED, PENDING_CANCEL, FAILED_CANCEL, CANCELLED]
NEVER_SEEN = [PENDING_SUBMIT, FAILED_SUBMIT, PENDING_CANCEL, CANCELLED]


def job(status: JobStatus, *, seen: bool, **changes: object) -> StoredJob:
    base = StoredJob(
        key=7,
        server="hpc1",
        endpoint="alice@hpc1",
        workspace="/w",
        workspace_known=True,
        job_id="20261231235959000",
        level=1,
        batch="",
        inputs=(1, 2.5),
        status=status,
        token="mine",
        submitted=900.0 if seen else None,
        last_seen=950.0 if seen else None,
        sends=1,
    )
    return replace(base, **changes)  # type: ignore[arg-type]  # fields by name


def report(status: JobStatus, **changes: object) -> JobReport:
    base = JobReport(JobId("20261231235959000"), status, submitted=900.0, token="mine")
    return replace(base, **changes)  # type: ignore[arg-type]  # fields by name


def after(before: StoredJob, update: JobUpdate | None) -> StoredJob:
    """The job as the record would have it."""
    if update is None or not update.counts_for(before):
        return before
    return replace(before, **update.changes_of(before))


# (the job, what the server says) -> the status that follows
TABLE = {
    (SUBMITTED, SUBMITTED): SUBMITTED,
    (SUBMITTED, RUNNING): RUNNING,
    (SUBMITTED, PENDING_CANCEL): PENDING_CANCEL,  # somebody else wants its end
    (SUBMITTED, FAILED_CANCEL): FAILED_CANCEL,
    (RUNNING, SUBMITTED): RUNNING,  # a journal read twice
    (RUNNING, RUNNING): RUNNING,
    (RUNNING, PENDING_CANCEL): PENDING_CANCEL,
    (RUNNING, FAILED_CANCEL): FAILED_CANCEL,
    (PENDING_CANCEL, SUBMITTED): PENDING_CANCEL,  # the wish is still open
    (PENDING_CANCEL, RUNNING): PENDING_CANCEL,
    (PENDING_CANCEL, PENDING_CANCEL): PENDING_CANCEL,
    (PENDING_CANCEL, FAILED_CANCEL): FAILED_CANCEL,
    (FAILED_CANCEL, SUBMITTED): FAILED_CANCEL,
    (FAILED_CANCEL, RUNNING): FAILED_CANCEL,
    (FAILED_CANCEL, PENDING_CANCEL): PENDING_CANCEL,
    (FAILED_CANCEL, FAILED_CANCEL): FAILED_CANCEL,
    # What ended stays so until the server tells of another end.
    **{
        (ended, active): ended
        for ended in (COMPLETED, FAILED, CANCELLED)
        for active in (SUBMITTED, RUNNING, PENDING_CANCEL, FAILED_CANCEL)
    },
    **{(before, end): end for before in ON_SERVER for end in (COMPLETED, FAILED, CANCELLED)},
}


@pytest.mark.parametrize("before", ON_SERVER)
@pytest.mark.parametrize("said", REPORTABLE)
def test_each_report_on_a_job_that_the_server_has_leads_to_one_status(
    before: JobStatus, said: JobStatus
) -> None:
    known = job(before, seen=True)
    assert after(known, update_from_report(known, report(said), NOW)).status is TABLE[before, said]


NEVER_SEEN_TABLE = {
    **{(before, said): said for before in (PENDING_SUBMIT, FAILED_SUBMIT) for said in REPORTABLE},
    **{(PENDING_CANCEL, said): TABLE[PENDING_CANCEL, said] for said in REPORTABLE},
    **{(CANCELLED, said): said for said in REPORTABLE},
    # It arrived after it was called off here: it is called off there.
    (CANCELLED, SUBMITTED): PENDING_CANCEL,
    (CANCELLED, RUNNING): PENDING_CANCEL,
}


@pytest.mark.parametrize("before", NEVER_SEEN)
@pytest.mark.parametrize("said", REPORTABLE)
def test_each_report_on_a_job_of_which_no_reply_came_leads_to_one_status(
    before: JobStatus, said: JobStatus
) -> None:
    known = job(before, seen=False)
    update = update_from_report(known, report(said), NOW)
    assert update is not None
    assert update.last_seen == NOW
    assert after(known, update).status is NEVER_SEEN_TABLE[before, said]


@pytest.mark.parametrize("before", ON_SERVER)
@pytest.mark.parametrize("said", REPORTABLE)
def test_the_same_report_twice_changes_nothing_the_second_time(
    before: JobStatus, said: JobStatus
) -> None:
    known = job(before, seen=True)
    once = after(known, update_from_report(known, report(said), NOW))
    assert update_from_report(once, report(said), NOW + 1) is None


def test_a_journal_read_twice_leaves_a_job_where_it_came_to() -> None:
    known = job(SUBMITTED, seen=True)
    journal = [report(SUBMITTED), report(RUNNING, started=905.0)]
    journal.append(report(COMPLETED, started=905.0, finished=910.0, output_text="4\n", exit_code=0))
    for line in [*journal, *journal]:
        known = after(known, update_from_report(known, line, NOW))
        if line is journal[-1]:
            assert (known.status, known.output, known.finished) == (COMPLETED, 4.0, 910.0)
    known = after(known, update_from_report(known, journal[1], NOW))
    assert known.status is COMPLETED


@pytest.mark.parametrize("before", [COMPLETED, FAILED, CANCELLED])
@pytest.mark.parametrize("said", [COMPLETED, FAILED])
@pytest.mark.parametrize("token", ["mine", ""])
def test_an_end_that_was_witnessed_is_not_overwritten_by_one_that_was_not(
    before: JobStatus, said: JobStatus, token: str
) -> None:
    # What is seen of a directory that somebody is just deleting: its record of the end went first.
    known = job(before, seen=True, exit_code=0, finished=910.0)
    ruin = report(said, note="end not witnessed, output may be partial", token=token)
    assert update_from_report(known, ruin, NOW) is None
    assert update_from_report(replace(known, note=GONE), ruin, NOW) is None


def test_an_end_that_nobody_witnessed_can_be_told_again() -> None:
    known = job(RUNNING, seen=True)
    first = report(FAILED, note="end not witnessed, output may be partial")
    known = after(known, update_from_report(known, first, NOW))
    again = report(COMPLETED, note="end not witnessed (reboot), output may be partial")
    assert after(known, update_from_report(known, again, NOW)).status is COMPLETED


def test_a_job_whose_cancel_failed_keeps_the_words_while_it_runs_on() -> None:
    known = job(FAILED_CANCEL, seen=True, error="2 processes survive: 17, 18")
    assert update_from_report(known, report(RUNNING), NOW) is None
    known = after(known, update_from_report(known, report(FAILED_CANCEL, note="17 lives"), NOW))
    assert (known.error, known.note) == ("17 lives", "")
    known = after(known, update_from_report(known, report(CANCELLED), NOW))
    assert (known.status, known.error) == (CANCELLED, "")


def test_a_job_of_the_toolbox_that_was_cancelled_and_runs_again_is_not_cancelled_again() -> None:
    # It tells no time of submission and has no token.
    known = job(CANCELLED, seen=True, submitted=None, token="")
    again = report(RUNNING, submitted=None, token="")
    assert after(known, update_from_report(known, again, NOW)).status is CANCELLED


@pytest.mark.parametrize("before", ON_SERVER)
@pytest.mark.parametrize("said", REPORTABLE)
def test_another_token_on_a_known_job_is_a_new_run_under_its_id(
    before: JobStatus, said: JobStatus
) -> None:
    known = job(before, seen=True, output=3.0, exit_code=0, error="old", note=GONE)
    now = after(known, update_from_report(known, report(said, token="theirs"), NOW))
    assert (now.status, now.token) == (said, "theirs")
    assert (now.output, now.exit_code, now.error, now.note) == (None, None, "", "")


def test_a_new_run_elsewhere_brings_its_output() -> None:
    known = job(COMPLETED, seen=True, output=3.0)
    said = report(COMPLETED, token="theirs", output_text="5.5")
    assert after(known, update_from_report(known, said, NOW)).output == 5.5


@pytest.mark.parametrize("before", NEVER_SEEN)
@pytest.mark.parametrize("said", REPORTABLE)
@pytest.mark.parametrize("token", ["theirs", ""])
def test_a_strangers_job_of_the_same_id_is_never_taken_for_one_that_was_not_seen(
    before: JobStatus, said: JobStatus, token: str
) -> None:
    known = job(before, seen=False)
    now = after(known, update_from_report(known, report(said, token=token), NOW))
    # Above all, no cancel goes to the stranger's job.
    assert now.status is (CANCELLED if before is PENDING_CANCEL else before)
    assert now.last_seen is None


# Outputs


def test_outputs_are_read_from_reports() -> None:
    known = job(RUNNING, seen=True)
    done = after(
        known, update_from_report(known, report(COMPLETED, output_text=" -2.5e3\r\n"), NOW)
    )
    assert (done.output, done.output_error, done.output_text) == (-2500.0, "", " -2.5e3\r\n")


@pytest.mark.parametrize("text", ["", "1 2", "[red]", "1_0", "\x1b[31m1"])
def test_an_output_that_is_no_number_is_told_in_words(text: str) -> None:
    known = job(RUNNING, seen=True)
    done = after(known, update_from_report(known, report(COMPLETED, output_text=text), NOW))
    assert done.status is COMPLETED
    assert done.output is None
    assert known.job_id in done.output_error
    assert "\x1b" not in done.output_error


def test_nan_is_an_output_and_no_news_the_second_time() -> None:
    known = job(RUNNING, seen=True)
    said = report(COMPLETED, output_text="nan")
    done = after(known, update_from_report(known, said, NOW))
    assert done.output is not None
    assert math.isnan(done.output)
    assert update_from_report(done, said, NOW + 1) is None


@pytest.mark.parametrize(
    ("text", "is_news"), [("0.30\n", False), ("nan", True), ("0.3000001", True), ("", True)]
)
def test_a_number_that_is_kept_without_its_text_is_news_only_where_it_is_another(
    text: str, is_news: bool
) -> None:
    known = job(RUNNING, seen=True)
    done = after(known, update_from_report(known, report(COMPLETED, output_text="0.3\n"), NOW))
    update = update_from_report(
        replace(done, output_text=None), report(COMPLETED, output_text=text), NOW + 1
    )
    assert (update is not None) == is_news
    if update is not None:
        assert (update.output_text, update.output_read) == (text, NOW + 1)


def test_an_output_is_taken_only_of_a_completed_job() -> None:
    known = job(RUNNING, seen=True)
    assert (
        after(known, update_from_report(known, report(FAILED, output_text="3"), NOW)).output is None
    )


# Missing, and back


@pytest.mark.parametrize("before", ON_SERVER)
def test_a_job_that_is_missing_keeps_its_status_and_is_marked_gone(before: JobStatus) -> None:
    known = job(before, seen=True)
    gone = after(known, update_for_missing(known, NOW))
    assert (gone.status, gone.note) == (before, GONE)
    assert update_for_missing(gone, NOW) is None


def test_a_job_that_is_missing_keeps_what_was_known_of_its_end() -> None:
    note = "end not witnessed, output may be partial"
    known = job(COMPLETED, seen=True, note=note)
    gone = after(known, update_for_missing(known, NOW))
    assert gone.note == f"{GONE}; {note}"
    assert update_for_missing(gone, NOW) is None
    back = after(gone, update_from_report(gone, report(COMPLETED, note=note), NOW))
    assert back.note == note


@pytest.mark.parametrize("before", NEVER_SEEN)
def test_a_job_that_was_never_seen_cannot_be_missing(before: JobStatus) -> None:
    assert update_for_missing(job(before, seen=False), NOW) is None


def test_a_job_without_a_time_of_submission_can_be_missing() -> None:
    known = job(RUNNING, seen=True, submitted=None, token="")
    assert after(known, update_for_missing(known, NOW)).note == GONE


def test_a_job_that_was_seen_after_the_question_is_not_missing() -> None:
    assert update_for_missing(job(SUBMITTED, seen=True, last_seen=NOW + 0.1), NOW) is None


@pytest.mark.parametrize("before", [SUBMITTED, RUNNING, COMPLETED, PENDING_CANCEL])
def test_a_job_that_was_gone_and_is_back_loses_the_mark(before: JobStatus) -> None:
    known = job(before, seen=True, note=GONE)
    update = update_from_report(known, report(before), NOW)
    assert update is not None
    assert update.event == "Found on the server again"
    back = after(known, update)
    assert (back.status, back.note) == (before, "")


# Answers to a request to cancel


@pytest.mark.parametrize("answer", [COMPLETED, FAILED, CANCELLED])
def test_the_answer_to_a_cancel_is_what_the_job_came_to(answer: JobStatus) -> None:
    known = job(PENDING_CANCEL, seen=True)
    assert after(known, update_from_cancel(known, answer, NOW)).status is answer


@pytest.mark.parametrize("answer", [SUBMITTED, RUNNING, PENDING_CANCEL, FAILED_CANCEL])
@pytest.mark.parametrize("seen", [True, False])
def test_a_job_that_is_being_stopped_stays_pending_cancel(answer: JobStatus, seen: bool) -> None:
    known = job(PENDING_CANCEL, seen=seen)
    now = after(known, update_from_cancel(known, answer, NOW))
    assert now.status is PENDING_CANCEL
    assert now.last_seen is not None


def test_no_such_job_means_cancelled_only_where_it_never_arrived() -> None:
    known = job(PENDING_CANCEL, seen=False)
    assert after(known, update_from_cancel(known, PENDING_SUBMIT, NOW)).status is CANCELLED
    known = job(PENDING_CANCEL, seen=True)
    now = after(known, update_from_cancel(known, PENDING_SUBMIT, NOW))
    assert (now.status, now.note) == (FAILED_CANCEL, GONE)
    assert "gone from the server" in now.error


@pytest.mark.parametrize("answer", list(JobStatus))
def test_a_late_answer_to_a_cancel_never_overwrites_newer_evidence(answer: JobStatus) -> None:
    asked = job(PENDING_CANCEL, seen=True)
    update = update_from_cancel(asked, answer, NOW)
    newer = replace(asked, status=COMPLETED)
    assert after(newer, update).status is COMPLETED


# Over all histories

SAID = st.one_of(
    st.sampled_from(REPORTABLE).map(report),
    st.sampled_from(REPORTABLE).map(lambda status: report(status, token="theirs")),
    st.sampled_from(REPORTABLE).map(lambda status: report(status, token="", note="odd")),
    st.just(None),  # a look that did not have the job
)


@given(st.sampled_from(list(JobStatus)), st.booleans(), st.lists(SAID, max_size=12))
def test_a_job_ends_only_by_a_report_of_its_end(
    status: JobStatus, seen: bool, history: list[JobReport | None]
) -> None:
    known = job(status, seen=seen or status in (SUBMITTED, RUNNING, COMPLETED, FAILED))
    for said in history:
        update = (
            update_for_missing(known, NOW) if said is None else update_from_report(known, said, NOW)
        )
        now = after(known, update)
        if now.status is not known.status and now.status in TERMINAL_STATUSES:
            assert said is not None
            assert said.status is now.status or (
                # another's job stands in its place: it never arrived, and never will
                now.status is CANCELLED and known.last_seen is None and said.token != known.token
            )
        if said is None:
            assert now.status is known.status
        if now.status is PENDING_SUBMIT:
            assert known.status is PENDING_SUBMIT
        if update is not None and update.status is not UNSET:
            assert update.expected is None or known.status in update.expected
        known = now
