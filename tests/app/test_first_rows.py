"""The rows that the record gives first are those that the table shows first."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from pathlib import Path

import pytest

from exauq_tui.app.job_model import JobModel
from exauq_tui.app.job_views import SORTS
from exauq_tui.hardware.status import JobStatus
from exauq_tui.monitor import record_sql as sql
from exauq_tui.monitor.evidence import GONE
from exauq_tui.monitor.record import Record
from exauq_tui.monitor.record_first import FEW, TableOrder
from exauq_tui.monitor.stored_job import StoredJob

JOBS = FEW + 60
PAGE = 50
OUTPUTS = (None, 0.0, -0.0, 1e-3, 2.5, -7.25, 1e300, math.nan, math.inf, -math.inf)
INPUTS = (0, 1, -2, 0.25, 1e9, -3.5, 10**400, -(10**400))


def some_jobs(chance: random.Random) -> list[StoredJob]:
    """Jobs of which many are alike in something, lack something, or are tries of others."""

    def maybe(*values: float) -> float | None:
        return chance.choice((None, *values))

    jobs = []
    for key in range(1, JOBS + 1):
        job_id = f"2026111309{chance.randrange(10**7):07d}" if chance.random() < 0.9 else f"{key}"
        jobs.append(
            StoredJob(
                key=key,
                server=chance.choice(("hpc1", "lab", "zoo")),
                endpoint="alice@hpc1:22",
                workspace=f"/home/alice/{key % 3}",
                workspace_known=True,
                job_id=job_id,
                level=chance.randrange(3),
                batch=chance.choice(("", "a.csv", "B.csv", "ü.csv")),
                inputs=tuple(chance.choice(INPUTS) for _ in range(chance.randrange(3))),
                status=chance.choice(list(JobStatus)),
                output=chance.choice(OUTPUTS),
                exit_code=chance.choice((None, 0, 1, 137)),
                created=chance.choice((0.0, 10.0, 20.5, 30.0 + key)),
                started=maybe(40.0, 50.5, 41.0 + key),
                finished=maybe(60.25, 70.0, 61.0 + key),
                token=f"{key}",
                note=chance.choice(("", GONE, f"{GONE} since")),
            )
        )
    for key in chance.sample(range(100, JOBS), 80):
        first = chance.choice(jobs[:100])
        same = first.inputs if chance.random() < 0.8 else (*first.inputs, 1.0)
        jobs[key] = replace(jobs[key], try_of=first.job_id, try_number=2, inputs=same)
    return jobs


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[StoredJob]]:
    """A record, and what is in it."""
    path = tmp_path_factory.mktemp("data") / "jobs.sqlite3"
    made = some_jobs(random.Random(17))
    with Record(path) as record, record._file.writing() as connection:
        sql.insert(connection, made)
    return path, made


@pytest.mark.parametrize("folds", [True, False])
@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("sort", [*SORTS, "input:0", "input:1", "input:7"])
def test_the_first_jobs_are_those_of_the_whole_table(
    jobs: tuple[Path, list[StoredJob]], sort: str, descending: bool, folds: bool
) -> None:
    path, made = jobs
    model = JobModel()
    model.set_sort(sort, descending=descending)
    model.set_folds(folds)
    model.load(made, ())
    with Record(path) as record:
        first = record.first(TableOrder(sort, descending, folds), PAGE)
    assert first is not None
    assert [job.key for job in first.jobs] == model.keys_between(0, PAGE - 1)
    # NaN is not equal to itself, so that rows are compared as they are written.
    assert list(map(repr, first.jobs)) == [repr(model.row(job.key)) for job in first.jobs]
    assert first.id_digits == model.id_digits


def test_of_few_jobs_none_are_read_before_the_others(tmp_path: Path) -> None:
    with Record(tmp_path / "jobs.sqlite3") as record:
        assert record.first(TableOrder(), PAGE) is None
        with record._file.writing() as connection:
            sql.insert(connection, some_jobs(random.Random(4))[:FEW])
        assert record.first(TableOrder(), PAGE) is None


def test_an_order_that_there_is_not_is_refused(jobs: tuple[Path, list[StoredJob]]) -> None:
    with Record(jobs[0]) as record, pytest.raises(KeyError):
        record.first(TableOrder("input:one"), PAGE)
