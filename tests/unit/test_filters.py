"""The language of filters: what it says, what it means, and what it answers to mistakes."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exauq_tui.errors import FilterError
from exauq_tui.hardware.status import JobStatus
from exauq_tui.monitor.evidence import GONE
from exauq_tui.monitor.filter_text import Term, parse, write
from exauq_tui.monitor.filters import Vocabulary, is_unfinished, seconds_of, understand, vocabulary
from exauq_tui.monitor.snapshot import JobRow
from tests.app.fake_fleet import NOW, job, server

NAMES = vocabulary((server("hpc1"), server("hpc10"), server("lab", input_names=("t", "x1"))))

ROWS = [
    job(1, JobStatus.COMPLETED, batch="sweep 1.csv"),
    job(2, JobStatus.FAILED, try_number=2, exit_code=137),
    job(3, JobStatus.RUNNING, server="hpc10", level=3, batch="Sobol", started=NOW - 700),
    job(4, JobStatus.FAILED_SUBMIT, server="lab", inputs=(9, 0.5), batch=""),
    job(5, JobStatus.COMPLETED, output=math.nan, started=NOW - 3000, finished=NOW - 2000),
    job(6, JobStatus.PENDING_SUBMIT, created=0.0),
]


def selected(text: str, rows: list[JobRow] | None = None, now: float = NOW) -> list[int]:
    query = understand(text, NAMES)
    return [row.key for row in rows or ROWS if query.matches(row, now)]


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("", [1, 2, 3, 4, 5, 6]),
        ("SWEEP", [1]),
        ("sobol,sweep", [1, 3]),
        ("…000002", [2]),
        ('"sweep 1"', [1]),
        ('"sweep 1', [1]),
        ("sweep lab", []),
        ("-sweep -hpc", [4]),
        ("status:failed", [2]),
        ("status:fail", [2, 4]),
        ("status:failed-submit,RUNNING", [3, 4]),
        ("status : failed , running", [2, 3]),
        ("status!=completed", [2, 3, 4, 6]),
        ("-status:completed", [2, 3, 4, 6]),
        ("server:hpc1", [1, 2, 5, 6]),
        ("server:hpc", [1, 2, 3, 5, 6]),
        ("server=LAB,hpc10", [3, 4]),
        ("batch:s", [1, 2, 3, 5, 6]),
        ('batch:""', [4]),
        ('-batch:"",sweep', [2, 3, 5, 6]),
        ("id:000004", [4]),
        ("level:3", [3]),
        ("level<=2", [1, 2, 4, 5, 6]),
        ("level!=1", [3]),
        ("try>1", [2]),
        ("exit:137", [2]),
        ("output>14.7", [1]),
        ("output<inf", [1]),
        ("-output<inf", [2, 3, 4, 5, 6]),
        ("x1>0.26", [2, 3, 4, 5, 6]),
        ("X2 >= -1.5", [1, 2, 3, 4, 5, 6]),
        ("x1=0.5,.26", [1, 4]),
        ("x1!=0.5,.26", [2, 3, 5, 6]),
        ("t<10", [4]),
        ("x3==2", [2]),
        ("age<58m", []),
        ("age>=59m20s", [1, 2, 3, 4]),
        ("ran>10m", [3, 5]),
        ("ran>=1000s", [5]),
        ("ran>11m40", [5]),
        ("ran<1h", [1, 2, 3, 5]),
    ],
)
def test_what_is_written_is_what_is_found(text: str, keys: list[int]) -> None:
    assert selected(text) == keys


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("stat:failed", 'There is no "stat" to compare; did you mean status:?'),
        ("putput>3", 'There is no "putput" to compare; did you mean output>?'),
        ("colour:red", r'There is no "colour".*x1, x2, x3.*words go in quotes, "colour:red"'),
        ("x9<1", 'There is no "x9": there are .*x1, x2, x3, t; words go in quotes, "x9<1"'),
        ("status:faled", 'There is no status "faled"; did you mean failed?'),
        ("status:q", 'There is no status "q"; there are completed, failed, .*failed-cancel'),
        ("status<failed", '"status" has no order: write status:failed or -status:failed'),
        ("server:hcp1", 'There is no server "hcp1"; did you mean hpc1?'),
        ("server:zzz", 'There is no server "zzz"; there are hpc1, hpc10, lab'),
        ("output>many", '"many" is not a number: write for example output>0.5'),
        ("level:one", '"one" is not a number: write for example level:0.5'),
        ("age<2", '"2" is not a span of time: write age<2h, or s, m, d for h'),
        ("ran>soon", '"soon" is not a span of time: write ran>2h'),
        ("age=2h", "Time goes on: write age<2h or age>2h"),
        ("status:", 'After "status:" comes a value'),
        ("-", 'After "-" comes what is not wanted'),
        (">3", 'Before ">" comes what is compared'),
        (",", "Beside a comma come the alternatives"),
    ],
)
def test_a_mistake_is_answered_with_what_to_write(text: str, sentence: str) -> None:
    pattern = sentence if ".*" in sentence else re.escape(sentence)
    with pytest.raises(FilterError, match=pattern):
        understand(text, NAMES)


def test_an_input_that_is_named_like_something_else_goes_in_quotes() -> None:
    names = vocabulary((server(input_names=("age", "a<b", "my input")),))
    row = job(1, inputs=(7, 8, 9))
    for text in ('"age"=7', '"a<b">7', '"my input" > 8'):
        assert understand(text, names).matches(row, NOW), text
    assert not understand('-"age"=7', names).matches(row, NOW)


def test_inputs_without_names_are_found_by_position_however_many_there_are() -> None:
    names = vocabulary((server(input_names=()),), ("gone",))
    assert understand("x2=5 server:gone", names).matches(job(1, inputs=(4, 5), server="gone"), NOW)
    assert not understand("x12>0", names).matches(job(1), NOW)


def test_a_job_that_is_gone_from_its_server_does_not_run_on_for_ever() -> None:
    running = job(1, JobStatus.RUNNING, started=NOW - 700)
    assert selected("ran>10m", [running]) == [1]
    assert selected("ran>10m", [replace(running, note=GONE)]) == []


def test_spans_of_time_are_read_as_they_are_shown() -> None:
    assert seconds_of("90s") == 90
    assert seconds_of("4m12") == 252
    assert seconds_of("2h05") == 7500
    assert seconds_of("1d12h") == 129600
    assert seconds_of("1.5h") == 5400


@pytest.mark.parametrize(
    ("text", "unfinished"),
    [("", False), ("x", True), ("fail X1", True), ("x1 ", False), ("x1>0", False), ("-ag", True),
     ("sweep", False), ('"x1', True)],
)  # fmt: skip
def test_a_word_may_become_a_term(text: str, unfinished: bool) -> None:
    assert is_unfinished(text, NAMES) is unfinished


# Properties

texts = st.text(max_size=6) | st.text(alphabet='ab-,:<>=!" \t\u2026x1', max_size=8)
simple_names = st.from_regex(r"[A-Za-z_][\w.]{0,8}", fullmatch=True)
operators = st.sampled_from((":", "<", "<=", ">", ">=", "=", "!="))
words = st.builds(
    lambda values, negated: Term("", "", tuple(values), negated),
    st.lists(texts, min_size=1, max_size=3),
    st.booleans(),
)
comparisons = st.builds(
    lambda name, quoted, operator, values, negated: Term(
        name, operator, tuple(values), negated, quoted
    ),
    simple_names,
    st.booleans(),
    operators,
    st.lists(texts, min_size=1, max_size=3),
    st.booleans(),
)
quoted = st.builds(lambda term, name: replace(term, name=name, quoted=True), comparisons, texts)


@settings(max_examples=300, deadline=None)
@given(st.lists(words | comparisons | quoted.filter(lambda term: bool(term.name)), max_size=4))
def test_terms_that_are_written_are_read_back(terms: list[Term]) -> None:
    assert parse(write(terms)) == tuple(terms)


keys = st.sampled_from(("status", "server", "age", "ran", "output", "x1", "level", "Q", "id"))
pieces = (
    texts | keys | operators | st.sampled_from(("failed", "2h", "0.5", "-", ",", " ", '"', "nan"))
)


@settings(max_examples=500, deadline=None)
@given(st.lists(pieces, max_size=8).map("".join) | st.text(max_size=30))
def test_any_text_is_understood_or_answered_in_words(text: str) -> None:
    try:
        query = understand(text, NAMES)
    except FilterError:
        return
    for row in ROWS:
        assert query.matches(row, NOW) in (True, False)


rows = st.builds(
    lambda key, status, where, batch, output, age, ran, level: job(
        key,
        status,
        server=where,
        batch=batch,
        output=output,
        created=NOW - age,
        started=None if ran is None else NOW - age,
        finished=None if ran is None or status is JobStatus.RUNNING else NOW - age + ran,
        level=level,
    ),
    st.integers(1, 5),
    st.sampled_from(list(JobStatus)),
    st.sampled_from(["hpc1", "hpc10", "gone"]),
    st.sampled_from(["", "a.csv", "B b"]),
    st.none() | st.sampled_from([0.0, 1.0, -2.5, math.inf, math.nan]),
    st.integers(1, 30).map(lambda minutes: minutes * 60),
    st.none() | st.integers(0, 20).map(lambda minutes: minutes * 60),
    st.integers(1, 3),
)

NUMBER: dict[str, Callable[[JobRow], float | None]] = {
    "output": lambda row: row.output,
    "level": lambda row: row.level,
    "x1": lambda row: row.inputs[0],
    "x3": lambda row: row.inputs[2],
}


def naive_number(value: float | None, operator: str, numbers: tuple[str, ...]) -> bool:
    """What a comparison means, spelled out."""
    if value is None or math.isnan(value):
        return False
    wanted = [float(number) for number in numbers]
    if operator == "!=":
        return value not in wanted
    return any(
        {"<": value < x, "<=": value <= x, ">": value > x, ">=": value >= x}.get(
            operator, value == x
        )
        for x in wanted
    )


def naive(term: Term, row: JobRow, now: float) -> bool:
    """What a term means, spelled out."""
    if not term.name:
        everything = [row.job_id, row.status.value, row.server, row.batch]
        found = any(w.lower() in text.lower() for w in term.values for text in everything)
    elif term.name == "status":
        found = row.status.value.lower() in term.values
    elif term.name == "batch":
        found = any(v.lower() in row.batch.lower() if v else not row.batch for v in term.values)
    elif term.name in NUMBER:
        found = naive_number(NUMBER[term.name](row), term.operator, term.values)
    else:
        seconds: float | None = now - row.created
        if term.name == "ran":
            seconds = None
            if row.started is not None and row.finished is not None:
                seconds = row.finished - row.started
            elif row.started is not None and row.status in (
                JobStatus.RUNNING, JobStatus.PENDING_CANCEL, JobStatus.FAILED_CANCEL,
            ):  # fmt: skip
                seconds = now - row.started
        minutes = tuple(value.removesuffix("m") for value in term.values)
        found = naive_number(None if seconds is None else seconds / 60, term.operator, minutes)
    return found is not term.negated


def _terms(name: str, operator: Any, values: Any) -> st.SearchStrategy[Term]:
    return st.builds(
        lambda op, chosen, negated: Term(name, op, tuple(chosen), negated),
        operator,
        st.lists(values, min_size=1, max_size=2),
        st.booleans(),
    )


orders = st.sampled_from(("<", "<=", ">", ">="))
minutes = st.integers(0, 30).map("{}m".format)
numbers = st.sampled_from(("0", "1", "-2.5", "0.27", "3", "inf"))
meaningful = st.one_of(
    _terms("", st.just(""), st.sampled_from(("fail", "HPC1", "a.", "gone", "b B", "00003"))),
    _terms("status", st.just(":"), st.sampled_from([s.value.lower() for s in JobStatus])),
    _terms("batch", st.just(":"), st.sampled_from(("", "a", "b B"))),
    _terms("age", orders, minutes),
    _terms("ran", orders, minutes),
    *(_terms(name, operators, numbers) for name in NUMBER),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(meaningful, max_size=3), rows, st.integers(0, 40))
def test_a_filter_means_what_its_terms_mean_one_by_one(
    terms: list[Term], row: JobRow, later: int
) -> None:
    now = NOW + later * 60.0
    query = understand(write(terms), NAMES)
    assert query.matches(row, now) == all(naive(term, row, now) for term in terms)


@settings(max_examples=300, deadline=None)
@given(st.lists(meaningful, min_size=1, max_size=3), rows)
def test_it_is_known_beforehand_when_time_changes_what_is_selected(
    terms: list[Term], row: JobRow
) -> None:
    query = understand(write(terms), NAMES)
    now, until = NOW, NOW + 3600.0
    before = query.matches(row, now)
    while (change := query.next_change(row, now)) is not None and change < until:
        assert query.matches(row, (now + change) / 2) is before
        before, now = query.matches(row, change), change
    assert query.matches(row, until) is before


def test_a_filter_without_time_in_it_needs_no_looking_after() -> None:
    assert understand("fail x1>0", Vocabulary()).next_change(job(1), NOW) is None
