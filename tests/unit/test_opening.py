"""Opening the record ahead, in a thread."""

from __future__ import annotations

from pathlib import Path

import pytest

from exauq_tui.errors import RecordError
from exauq_tui.jobs import Input
from exauq_tui.monitor.opening import open_ahead
from exauq_tui.monitor.record import Record
from exauq_tui.monitor.record_adding import Order
from exauq_tui.monitor.record_first import FEW, TableOrder


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "jobs.sqlite3"
    with Record(path) as record:
        inputs = [Input(number) for number in range(FEW + 1)]
        record.add_orders([Order("hpc1", "alice@hpc1", "/ws", True, inputs, 1, "", ())])
    return path


def test_the_record_comes_with_the_first_jobs_of_the_table(path: Path) -> None:
    record, first = open_ahead(path, TableOrder(), 36).result(60)
    with record:
        assert first is not None
        assert [job.inputs for job in first.jobs] == [(FEW - at,) for at in range(36)]


def test_a_file_that_is_no_record_is_told(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite3"
    path.write_text("no database, but long enough to be taken for one " * 100)
    with pytest.raises(RecordError):
        open_ahead(path, TableOrder(), 36).result(60)


def test_an_error_that_nobody_foresaw_keeps_nobody_waiting(path: Path) -> None:
    with pytest.raises(KeyError, match="colour"):
        open_ahead(path, TableOrder(sort="colour"), 36).result(60)
