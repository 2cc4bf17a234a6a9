"""The rows, their order, the cursor and the marks."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exauq_tui.app.job_model import JobModel
from exauq_tui.app.job_views import SORTS, VIEW_STATUSES, View
from exauq_tui.hardware.status import JobStatus
from exauq_tui.monitor.snapshot import Changes, JobRow
from tests.app.fake_fleet import job, server, some_jobs


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


def test_one_id_on_two_servers_does_not_lengthen_ids() -> None:
    model = model_of(job(1, job_id="17"), job(2, job_id="17", server="lab"))
    assert model.id_digits == 6


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
        job(key, status, server=where, output=output), created=created
    ),
    st.integers(1, 30),
    st.sampled_from(list(JobStatus)),
    st.sampled_from([1.0, 2.0, 3.0]),
    st.sampled_from(["hpc1", "lab"]),
    st.none() | st.floats(allow_nan=False, allow_infinity=False),
)
batches = st.lists(
    st.tuples(st.lists(rows_strategy, max_size=8), st.lists(st.integers(1, 30), max_size=3)),
    max_size=12,
)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(list(View)),
    st.sampled_from(["", "fail", "hpc1"]),
    st.sampled_from(list(SORTS)),
    st.booleans(),
    batches,
)
def test_small_changes_lead_to_the_same_as_starting_afresh(
    view: View,
    words: str,
    sort: str,
    descending: bool,
    changes: list[tuple[list[JobRow], list[int]]],
) -> None:
    model = JobModel()
    model.load([job(key) for key in range(100, 400)], (server(),))
    model.set_view(view)
    model.set_filter(words)
    model.set_sort(sort, descending=descending)
    model.set_marks(range(1, 10), True)
    for rows, removed in changes:
        cursor = model.cursor
        model.apply(Changes(tuple(rows), tuple(removed)))
        if cursor is not None and model.index_of(cursor) is not None:
            assert model.cursor == cursor
        fresh = JobModel()
        fresh.load(list(model.all_rows()), (server(),))
        fresh.set_view(view)
        fresh.set_filter(words)
        fresh.set_sort(sort, descending=descending)
        assert keys(model) == keys(fresh)
        assert +model._counts == +fresh._counts
        assert all(model.index_of(key) == at for at, key in enumerate(keys(model)))
        assert model.cursor is None or model.key_at(model.cursor_index) == model.cursor
