"""The rows, their order, the cursor and the marks."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exauq_tui.app.job_ids import JobIds
from exauq_tui.app.job_model import JobModel
from exauq_tui.app.job_views import SORTS, VIEW_STATUSES, View
from exauq_tui.hardware.status import JobStatus
from exauq_tui.monitor.snapshot import Changes, JobRow
from tests.app.fake_fleet import NOW, job, server, some_jobs


def model_of(*rows: JobRow) -> JobModel:
    model = JobModel()
    model.load(rows, (server(),))
    return model


def keys(model: JobModel) -> list[int]:
    return [model.key_at(index) for index in range(len(model))]


def test_the_newest_job_is_first() -> None:
    assert keys(model_of(job(1), job(2), job(3))) == [3, 2, 1]


def test_a_new_job_comes_in_above_and_the_cursor_stays_on_its_job() -> None:
    model = model_of(job(1), job(2))
    model.move_cursor(1)
    applied = model.apply(Changes(jobs=(job(3),)))
    assert keys(model) == [3, 2, 1]
    assert applied.moved
    assert applied.counts
    assert (model.cursor, model.cursor_index) == (1, 2)


def test_where_the_cursor_s_job_goes_the_next_one_takes_its_place() -> None:
    model = model_of(job(1), job(2), job(3))
    model.move_cursor(1)
    model.apply(Changes(removed=(2,)))
    assert (model.cursor, model.cursor_index) == (1, 1)
    model.apply(Changes(removed=(1, 3)))
    assert model.cursor is None


def test_the_same_row_again_changes_nothing() -> None:
    model = model_of(job(1), job(2))
    version = model.version
    applied = model.apply(Changes(jobs=(job(1),)))
    assert (applied.keys, applied.moved, applied.counts) == (frozenset(), False, False)
    assert model.version == version


def test_every_status_is_in_some_view_beside_all() -> None:
    others = [statuses for view, statuses in VIEW_STATUSES.items() if view is not View.ALL]
    assert frozenset().union(*others) == frozenset(JobStatus)


def test_a_job_leaves_a_view_that_it_no_longer_belongs_to() -> None:
    model = model_of(job(1), job(2))
    model.set_view(View.ACTIVE)
    model.apply(Changes(jobs=(job(2, JobStatus.FAILED),)))
    assert keys(model) == [1]
    assert model.view_count(View.FAILED) == 1


def test_words_match_id_status_server_and_batch() -> None:
    model = model_of(
        job(1, batch="sweep.csv"), job(2, JobStatus.FAILED), job(3, server="lab"), job(40)
    )
    for words, expected in [
        ("sweep", [1]), ("FAIL", [2]), ("lab", [3]), ("0000040", [40]), ("run hpc1", [40, 1]),
        ("nothing like it", []), ("", [40, 3, 2, 1]),
    ]:  # fmt: skip
        model.set_filter(words)
        assert keys(model) == expected


def test_marks_are_of_jobs_not_of_lines() -> None:
    model = model_of(job(1), job(2))
    model.toggle_mark(1)
    model.apply(Changes(jobs=(job(3), job(4))))
    assert model.visible_marks() == (1,)


def test_marks_hidden_by_a_filter_are_counted_apart_and_are_no_targets() -> None:
    model = model_of(job(1, JobStatus.FAILED), job(2), job(3))
    model.set_marks((1, 2), True)
    model.set_view(View.ACTIVE)
    assert model.targets() == (2,)
    assert model.hidden_marks() == 1
    model.set_view(View.ALL)
    assert model.hidden_marks() == 0


def test_the_mark_of_a_job_that_is_gone_is_gone() -> None:
    model = model_of(job(1), job(2))
    model.toggle_mark(1)
    model.apply(Changes(removed=(1,)))
    assert model.marks == set()
    assert model.targets() == (2,)


def test_ids_are_shortened_as_far_as_they_stay_apart() -> None:
    model = model_of(job(1, job_id="20261113000000001"), job(2, job_id="20261113000000002"))
    assert model.id_digits == 6
    model.apply(Changes(jobs=(job(3, job_id="20261112000000001"),)))
    assert model.id_digits == 10
    ids = [model.row(key).job_id[-model.id_digits :] for key in (1, 2, 3)]  # type: ignore[union-attr]
    assert len(set(ids)) == 3


@pytest.mark.parametrize("alike", ["11000001", "12000005", "13009000"])
def test_ids_stay_apart_from_the_first_and_from_many_that_came_later(alike: str) -> None:
    every = {key: f"10{key:06d}" for key in range(3)}
    ids = JobIds(every.get)
    ids.take_all(every)
    for first in range(3, 9003, 3000):
        for key in range(first, first + 3000):
            every[key] = f"10{key:06d}"
            ids.add(every[key], key)
    assert ids.digits == 6
    every[9999] = alike
    ids.add(alike, 9999)
    assert ids.digits == 7
    assert ids.keys(alike) == {9999}
    assert all(ids.keys(job_id) == {key} for key, job_id in every.items())


def test_one_id_on_two_servers_does_not_lengthen_ids() -> None:
    model = model_of(job(1, job_id="17"), job(2, job_id="17", server="lab"))
    assert model.id_digits == 6


def test_rows_that_were_loaded_are_no_news_when_they_are_told_again() -> None:
    rows = (job(1), job(2))
    model = model_of(*rows)
    other = replace(rows[1], note="seen")
    assert not model.without_known(Changes(jobs=rows))
    assert model.without_known(Changes(jobs=(rows[0], other), removed=(7,))) == Changes(
        jobs=(other,), removed=(7,)
    )
    assert model.without_known(Changes(jobs=(job(3),))).jobs == (job(3),)


def test_counts_are_by_status_and_by_server() -> None:
    model = model_of(job(1), job(2, server="lab"))
    model.apply(Changes(jobs=(job(2, JobStatus.COMPLETED, server="lab"),)))
    assert model.counts[JobStatus.RUNNING] == 1
    assert model.server_counts("lab") == {JobStatus.RUNNING: 0, JobStatus.COMPLETED: 1}
    assert model.server_counts("nowhere") == {}


@pytest.mark.parametrize("name", list(SORTS))
def test_every_order_takes_rows_of_every_status(name: str) -> None:
    model = model_of(*some_jobs())
    for descending in (True, False):
        model.set_sort(name, descending=descending)
        assert sorted(keys(model)) == sorted(row.key for row in some_jobs())


rows_strategy = st.builds(
    lambda key, status, created, where, output: replace(
        job(key, status, server=where, output=output),
        created=created,
        inputs=(key % 2, 0.5),
        # Every third job tries another again, some of which have the same inputs.
        try_of=job(key // 2).job_id if key % 3 == 0 else "",
        try_number=2 if key % 3 == 0 else 1,
    ),
    st.integers(1, 30),
    st.sampled_from(list(JobStatus)),
    st.sampled_from([NOW - 3600, NOW - 60, NOW - 30, 0.0]),
    st.sampled_from(["hpc1", "lab"]),
    st.none() | st.floats(),
)
batches = st.lists(
    st.tuples(st.lists(rows_strategy, max_size=8), st.lists(st.integers(1, 30), max_size=3)),
    max_size=12,
)
filters = st.sampled_from(["", "fail", "hpc1", "age<90s", "-x1:1", "output>0 try:1"])


def fresh_like(model: JobModel) -> JobModel:
    """A model that was made of the same rows at once."""
    fresh = JobModel(model._clock)
    fresh.folds = model.folds
    fresh.load(list(model.all_rows()), (server(),))
    fresh.set_view(model.view)
    fresh.set_sort(model.sort, descending=model.descending)
    fresh.set_filter(model.query.text)
    return fresh


def check(model: JobModel, cursor: int | None) -> None:
    """See whether a model that changed bit by bit is as one made afresh."""
    if cursor is not None and model.index_of(cursor) is not None:
        assert model.cursor == cursor
    fresh = fresh_like(model)
    assert keys(model) == keys(fresh) == model.visible_keys()
    assert +model._counts == +fresh._counts
    assert (model.counts, model.folded) == (fresh.counts, fresh.folded)
    parts = [Counter(model.server_counts(name)) for name in ("hpc1", "lab")]
    assert sum(parts, Counter()) == +Counter(model.counts)
    assert model.hidden_marks() == len([key for key in model.marks if model.index_of(key) is None])
    assert all(model.index_of(key) == at for at, key in enumerate(keys(model)))
    assert model.cursor is None or model.key_at(model.cursor_index) == model.cursor


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(list(View)),
    filters,
    st.sampled_from([*SORTS, "input:0", "input:7"]),
    st.booleans(),
    st.booleans(),
    batches,
)
def test_small_changes_lead_to_the_same_as_starting_afresh(
    view: View,
    words: str,
    sort: str,
    descending: bool,
    folds: bool,
    changes: list[tuple[list[JobRow], list[int]]],
) -> None:
    now = [NOW]
    model = JobModel(lambda: now[0])
    model.load([job(key) for key in range(100, 400)], (server(),))
    model.set_view(view)
    model.set_folds(folds)
    model.set_filter(words)
    model.set_sort(sort, descending=descending)
    model.set_marks([key for key in range(1, 10) if model.row(key)], True)
    for rows, removed in changes:
        cursor = model.cursor
        model.apply(Changes(tuple(rows), tuple(removed)))
        check(model, cursor)
        now[0] += 20
        model.tick()
        check(model, None)


@settings(max_examples=100, deadline=None)
@given(filters, filters, st.lists(rows_strategy, max_size=8), st.lists(rows_strategy, max_size=200))
def test_a_filter_that_is_looked_for_in_steps_finds_what_changed_meanwhile(
    before: str, after: str, few: list[JobRow], many: list[JobRow]
) -> None:
    model = JobModel(lambda: NOW)
    model.load([job(key) for key in range(100, 700)], (server(),))
    model.set_filter(before)
    model.begin_filter(after)
    shown = model.visible_keys()
    assert not model.go_on_filtering(lambda: True)
    assert (model.visible_keys(), model.query_text) == (shown, after)
    model.apply(Changes(tuple(few)))
    model.go_on_filtering(lambda: True)
    model.apply(Changes(tuple(many), (3, 4, 105)))
    assert model.query.text == before
    assert model.go_on_filtering()
    assert model.query.text == after
    check(model, None)


@pytest.mark.parametrize("change", ["view", "sort", "server"])
def test_a_filter_that_is_looked_for_holds_also_in_another_view(change: str) -> None:
    model = JobModel(lambda: NOW)
    model.load([job(key, list(JobStatus)[key % 9]) for key in range(1, 600)], (server(),))
    model.begin_filter("x3<3")
    model.go_on_filtering(lambda: True)
    if change == "view":
        model.set_view(View.FAILED)
    elif change == "sort":
        model.set_sort("output", descending=False)
    else:
        model.set_server("hpc1")
    assert model.go_on_filtering()
    check(model, None)


def test_what_has_no_value_comes_last_in_both_directions() -> None:
    rows = [
        job(1, JobStatus.COMPLETED, output=2.0), job(2), job(3, JobStatus.COMPLETED, output=1.0),
        job(4, JobStatus.COMPLETED, output=float("nan")),
        job(5, JobStatus.COMPLETED, output=float("-inf")),
    ]  # fmt: skip
    model = model_of(*rows)
    model.set_sort("output", descending=False)
    assert keys(model)[:3] == [5, 3, 1]
    model.set_sort("output", descending=True)
    assert keys(model)[:3] == [1, 3, 5]
    model.apply(Changes((job(6, JobStatus.COMPLETED, output=1.5),)))
    assert keys(model)[:4] == [1, 6, 3, 5]


def test_a_filter_follows_the_names_that_servers_give_their_inputs() -> None:
    model = model_of(job(1), job(2))
    model.set_filter("x2<0")
    model.apply(Changes(servers=(server(input_names=("a", "x2", "c")),)))
    assert keys(model) == [2, 1]
    model.apply(Changes(servers=(server(input_names=("x2", "a", "c")),)))
    assert keys(model) == []
    model.apply(Changes(servers=(server(input_names=("a",)),)))
    assert model.query.text == "x2<0"


# Tries


def tries() -> list[JobRow]:
    """Three tries of one job, the second of which failed as well, and another job."""
    first = job(1, JobStatus.FAILED, inputs=(1, 2))
    second = job(2, JobStatus.FAILED, inputs=(1, 2), try_of=first.job_id, try_number=2)
    third = job(3, JobStatus.RUNNING, inputs=(1, 2), try_of=second.job_id, try_number=3)
    return [first, second, third, job(4, JobStatus.FAILED)]


def test_the_tries_of_a_job_are_one_row_and_count_once() -> None:
    model = model_of(*tries())
    assert keys(model) == [4, 3]
    assert (model.total, model.folded, model.view_count(View.FAILED)) == (2, 2, 1)
    model.set_folds(False)
    assert keys(model) == [4, 3, 2, 1]
    assert (model.total, model.folded, model.view_count(View.FAILED)) == (4, 0, 3)


def test_a_server_has_as_many_jobs_as_are_counted_of_it_in_all() -> None:
    model = model_of(*tries(), job(5, JobStatus.FAILED, server="lab"))
    assert model.server_counts("hpc1") == {JobStatus.RUNNING: 1, JobStatus.FAILED: 1}
    assert model.server_counts("lab") == {JobStatus.FAILED: 1}
    model.set_folds(False)
    assert model.server_counts("hpc1") == {JobStatus.RUNNING: 1, JobStatus.FAILED: 3}


def test_a_folded_try_is_no_target() -> None:
    model = model_of(*tries()[::3])
    model.set_marks((1, 4), True)
    model.apply(Changes((tries()[1],)))
    assert model.targets() == (4,)
    assert model.hidden_marks() == 1


def test_a_try_that_may_still_run_is_not_folded() -> None:
    first, second, *_ = tries()
    model = model_of(replace(first, status=JobStatus.FAILED_CANCEL), second)
    assert keys(model) == [2, 1]
    model.apply(Changes((replace(first, status=JobStatus.CANCELLED),)))
    assert keys(model) == [2]


def test_where_the_last_try_was_deleted_the_one_before_is_shown() -> None:
    model = model_of(*tries())
    model.apply(Changes(removed=(3,)))
    assert keys(model) == [4, 2]


def test_a_job_of_another_program_with_the_same_id_is_not_taken_for_a_try() -> None:
    first, second, *_ = tries()
    namesake = job(9, JobStatus.COMPLETED, job_id=first.job_id, server="lab", inputs=(5, 6))
    model = model_of(first, second, namesake)
    assert keys(model) == [9, 2]
    model.apply(Changes(removed=(9,)))
    model.apply(Changes(removed=(2,)))
    assert keys(model) == [1]


def test_a_job_that_gets_another_id_is_known_by_that_alone() -> None:
    first, second = job(1, JobStatus.FAILED), job(2, JobStatus.FAILED)
    model = model_of(first, second)
    renamed = replace(first, job_id="20261113099999999")
    model.apply(Changes(jobs=(renamed,)))
    again = job(3, try_of=renamed.job_id, try_number=2, inputs=renamed.inputs)
    model.apply(Changes(jobs=(again,)))
    assert set(model.visible_keys()) == {2, 3}
    model.apply(Changes(removed=(3,)))
    assert set(model.visible_keys()) == {1, 2}
    model.apply(Changes(removed=(1,)))
    assert set(model.visible_keys()) == {2}
    assert model.counts[JobStatus.FAILED] == 1
