"""Reading what the agent answers."""

from __future__ import annotations

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exauq_tui.errors import ConnectionLostError, SimulatorOutputParsingError
from exauq_tui.hardware.interface import JobReport
from exauq_tui.hardware.replies import STATES, parse_output, read_job_lines, read_results
from exauq_tui.hardware.status import JobStatus
from exauq_tui.jobs import JobId

BUSY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""Machines that run tests are busy."""

HEAD = "gen1 120 1700000000.25"
ONE = JobId(1)

TIMES = st.none() | st.floats(min_value=0, max_value=1e10).map(lambda number: round(number, 3))
WORDS = st.text("0123456789abcdef-+.", min_size=1).filter(lambda word: word != "-")


@st.composite
def job_reports(draw: st.DrawFn) -> JobReport:
    return JobReport(
        job_id=JobId(draw(st.text("0123456789", min_size=1, max_size=20))),
        status=draw(st.sampled_from(list(STATES.values()))),
        submitted=draw(TIMES),
        started=draw(TIMES),
        finished=draw(TIMES),
        exit_code=draw(st.none() | st.integers(0, 255)),
        output_text=draw(st.none() | WORDS),
        note=draw(st.text(st.characters(exclude_characters="\n\r"))).strip(),
        token=draw(st.text("0123456789abcdef", max_size=16)),
    )


def line_of(report: JobReport) -> str:
    letter = next(key for key, status in STATES.items() if status is report.status)
    words = [
        str(report.job_id),
        letter,
        *(
            "-" if value is None else f"{value:.3f}"
            for value in (report.submitted, report.started, report.finished)
        ),
        "-" if report.exit_code is None else str(report.exit_code),
        report.token or "-",
        report.output_text or "-",
        report.note,
    ]
    return " ".join(words)


@BUSY
@given(st.lists(job_reports(), unique_by=lambda report: report.job_id))
def test_reports_are_read_as_they_were_written(reports: list[JobReport]) -> None:
    lines = read_job_lines([HEAD, *map(line_of, reports)])
    assert (lines.generation, lines.offset, lines.server_time) == ("gen1", 120, 1700000000.25)
    assert lines.reports == tuple(reports)
    assert not lines.odd
    assert lines.foreign == {report.job_id for report in reports if not report.token}


@BUSY
@given(st.lists(st.text()))
def test_no_line_is_so_odd_that_the_others_are_lost(garbage: list[str]) -> None:
    good = "12345678901234567890 C 1 2 3 0 token 1.5 "
    lines = read_job_lines([HEAD, *garbage, good])
    assert JobId("12345678901234567890") in {report.job_id for report in lines.reports}


@pytest.mark.parametrize(
    "line",
    ["garbage", "1 Z 1 2 3 0 t - ", "x C 1 2 3 0 t - ", "1 C 1 2 3 0 t", "-1 C 1 2 3 0 t - "],
)
def test_a_line_that_cannot_be_read_is_told(line: str) -> None:
    lines = read_job_lines([HEAD, line])
    assert lines.reports == ()
    assert lines.odd
    assert lines.unreadable


@pytest.mark.parametrize("word", ["", "x", "1e5", "nan", "inf", "1_0", "-5", "１"])
def test_a_number_that_cannot_be_read_costs_only_itself(word: str) -> None:
    lines = read_job_lines([HEAD, f"1 C {word} 2 3.5 {word} token 1.5 "])
    assert lines.odd
    assert not lines.unreadable
    (report,) = lines.reports
    assert (report.submitted, report.started, report.finished) == (None, 2.0, 3.5)
    assert report.exit_code is None
    assert report.status is JobStatus.COMPLETED


def test_the_first_line_of_a_journal_and_empty_ones_are_no_jobs() -> None:
    lines = read_job_lines([HEAD, "exauq-journal 1 gen1", "", "1 R 1 2 - - token - "])
    assert [report.status for report in lines.reports] == [JobStatus.RUNNING]
    assert not lines.odd


def test_of_several_lines_about_a_job_the_last_one_counts() -> None:
    queued, running = "1 Q 1 - - - token - ", "1 R 1 2 - - token - "
    deleted = "1 D - - - - - - "
    lines = read_job_lines([HEAD, queued, running])
    assert [report.status for report in lines.reports] == [JobStatus.RUNNING]
    lines = read_job_lines([HEAD, queued, deleted])
    assert (lines.reports, lines.deleted) == ((), (ONE,))
    lines = read_job_lines([HEAD, deleted, queued])
    assert [report.status for report in lines.reports] == [JobStatus.SUBMITTED]
    assert lines.deleted == ()


@pytest.mark.parametrize("head", [[], [""], ["-"], ["gen1 x 5"], ["gen1 5"], ["gen1 5 6 7"]])
def test_an_answer_without_its_head_is_a_lost_connection(head: list[str]) -> None:
    with pytest.raises(ConnectionLostError, match="unreadable"):
        read_job_lines(head)


def test_results_keep_the_words_that_follow() -> None:
    assert read_results(["1 ok", "02 error No space left", "3 = 1.5\n 2"]) == {
        ONE: ("ok", ""),
        JobId("02"): ("error", "No space left"),
        JobId(3): ("=", "1.5\n 2"),
    }


@BUSY
@given(st.floats(allow_nan=False) | st.integers(-(10**20), 10**20))
def test_any_number_that_python_writes_is_read_exactly(number: float) -> None:
    assert parse_output(f" \t{number!r}\r\n", ONE) == float(number)


@BUSY
@given(st.text("0123456789.eE+-infa_ \n\t\r\v\f\x1c\xa0\u2003\u0661xX", max_size=12))
def test_a_text_is_one_number_where_python_says_so_and_it_is_plain(text: str) -> None:
    try:
        expected: float | None = float(text.strip(" \t\n\r\f\v"))
    except ValueError:
        expected = None
    if "_" in text or not text.isascii() or "\x1c" in text:
        expected = None
    if expected is None:
        with pytest.raises(SimulatorOutputParsingError, match="job 1 ") as caught:
            parse_output(text, ONE)
        assert str(caught.value).isascii()
        assert str(caught.value).isprintable()
    else:
        found = parse_output(text, ONE)
        assert found == expected or (math.isnan(found) and math.isnan(expected))


@BUSY
@given(st.text(min_size=1000))
def test_the_message_shows_only_the_start_of_a_long_text(text: str) -> None:
    with pytest.raises(SimulatorOutputParsingError) as caught:
        parse_output(f"x{text}", ONE)
    assert len(str(caught.value)) < 1000
