"""Columns of the table: which there are, in what order, and sorting by them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.pilot import Pilot

from exauq_tui.app.job_views import SORTS
from exauq_tui.app.preferences import FILE_NAME, Preferences, PreferencesFile
from exauq_tui.app.screens.choose_columns import ColumnChooser
from exauq_tui.app.screens.sort import SortMenu
from exauq_tui.app.widgets.columns import GAP, GUTTER, as_chosen, every_column
from exauq_tui.hardware.status import JobStatus
from tests.app.fake_fleet import FakeFleet, job, some_jobs
from tests.app.harness import Dashboard, running, until

EVERY = every_column(("x1", "x2"), id_digits=6, servers=("hpc1",))
NAMES = [column.name for column in EVERY]


def heading(app: Dashboard) -> list[str]:
    return app.lines()[0].split()


def top(app: Dashboard) -> int:
    return app.model.key_at(0)


def kept(directory: Path) -> Preferences:
    preferences, problem = PreferencesFile(directory).read()
    assert not problem
    return preferences


async def saved(app: Dashboard, pilot: Pilot[Any], directory: Path, expected: Preferences) -> None:
    await until(pilot, lambda: (directory / FILE_NAME).exists() and kept(directory) == expected)


# Sorting


async def test_the_heading_tells_by_what_the_table_is_sorted_and_which_way() -> None:
    async with running(FakeFleet(some_jobs())) as (app, pilot):
        assert heading(app)[-1] == "AGE▲"
        await pilot.press("I")
        assert heading(app)[-1] == "AGE▼"
        assert top(app) == 1


async def test_a_click_on_a_heading_sorts_by_it_and_the_next_inverts() -> None:
    async with running(FakeFleet(some_jobs())) as (app, pilot):
        at = app.lines()[0].index("OUTPUT")
        await pilot.click("#jobs", offset=(at, 0))
        await until(pilot, lambda: "OUTPUT▲" in app.lines()[0])
        outputs = [row.output for key in app.model.visible_keys() if (row := app.model.row(key))]
        known = [output for output in outputs if output is not None]
        assert known == sorted(known)
        assert outputs[: len(known)] == known
        await pilot.click("#jobs", offset=(at, 0))
        await until(pilot, lambda: "OUTPUT▼" in app.lines()[0])
        row = app.model.row(top(app))
        assert row is not None
        assert row.output == known[-1]


async def test_angle_brackets_move_the_sorted_column() -> None:
    async with running(FakeFleet(some_jobs())) as (app, pilot):
        await pilot.press("<")
        assert app.model.sort == "output"
        await pilot.press("<", "<", "<")
        assert (app.model.sort, heading(app)[2]) == ("input:0", "x1▲")
        await pilot.press(">", ">", ">", ">", ">")
        assert app.model.sort == "status"


async def test_a_menu_sorts_by_any_column_also_one_that_is_not_shown() -> None:
    async with running(FakeFleet(some_jobs())) as (app, pilot):
        await pilot.press("S")
        await until(pilot, lambda: isinstance(app.screen, SortMenu))
        assert "Age  ▲" in app.text()
        assert "Input x3" in app.text()
        await pilot.press("j", "enter")
        await until(pilot, lambda: app.screen is app.main)
        assert app.model.sort == "server"
        await pilot.press("S")
        await until(pilot, lambda: isinstance(app.screen, SortMenu))
        await pilot.press("c")
        await until(pilot, lambda: app.model.sort == "batch")
        assert "sort BATCH" in app.text()


async def test_a_job_finds_its_place_while_the_table_is_sorted_by_its_output() -> None:
    fleet = FakeFleet([job(key, JobStatus.COMPLETED, output=float(key)) for key in range(1, 9)])
    async with running(fleet) as (app, pilot):
        app.main._sort_by("output")
        await pilot.press("G")
        assert app.model.cursor == 8
        fleet.change(job(8, JobStatus.COMPLETED, output=0.5))
        await until(pilot, lambda: top(app) == 8)
        assert app.model.cursor == 8


def test_every_column_can_be_sorted_by() -> None:
    assert {name for name in NAMES if not name.startswith("input:")} == set(SORTS)


# Choosing columns


async def test_columns_are_shown_hidden_and_moved(tmp_path: Path) -> None:
    async with running(FakeFleet(some_jobs()), data_dir=tmp_path) as (app, pilot):
        before = heading(app)
        await pilot.press("C")
        await until(pilot, lambda: isinstance(app.screen, ColumnChooser))
        await pilot.press("j", "J")
        await until(pilot, lambda: heading(app)[:3] == ["STATUS", "x1", "ID"])
        await pilot.press("k", "space")
        await until(pilot, lambda: heading(app)[:2] == ["STATUS", "ID"])
        await pilot.press("escape")
        names = ("status", "id", "input:1", "input:2", "output", "age")
        assert app.main.table.preferred == names
        await saved(app, pilot, tmp_path, Preferences(columns=names))
        await pilot.press("C")
        await until(pilot, lambda: isinstance(app.screen, ColumnChooser))
        await pilot.press("r")
        await until(pilot, lambda: heading(app) == before)
        await saved(app, pilot, tmp_path, Preferences())


async def test_the_last_column_stays() -> None:
    async with running(FakeFleet(some_jobs())) as (app, pilot):
        app.main.table.preferred = ("output",)
        await pilot.press("C")
        await until(pilot, lambda: isinstance(app.screen, ColumnChooser))
        await pilot.press("space")
        assert app.main.table.preferred == ("output",)


async def test_columns_that_do_not_fit_are_told() -> None:
    async with running(FakeFleet(some_jobs()), size=(80, 24)) as (app, pilot):
        app.main.table.preferred = tuple(NAMES)
        app.main.table.sync()
        await pilot.pause()
        assert app.lines()[0].endswith("›")
        assert "STATUS" in app.lines()[0]
        left_out = int(app.lines()[0].split()[-2].removeprefix("+"))
        assert len(heading(app)) - 2 + left_out == len(NAMES)


@given(st.integers(20, 250), st.lists(st.sampled_from(NAMES), unique=True, min_size=1))
def test_what_is_chosen_fits_from_the_left_and_the_rest_is_counted(
    width: int, names: list[str]
) -> None:
    layout = as_chosen(width, EVERY, [*names, "input:9"])
    shown = [column.name for column in layout.columns]
    assert shown == names[: len(shown)]
    assert len(shown) + layout.left_out == len(names)
    assert len(shown) == 1 or GUTTER + sum(c.width + GAP for c in layout.columns) - GAP < width


async def test_every_column_has_something_to_show() -> None:
    rows = [
        job(1, JobStatus.FAILED, batch="[red]b", try_number=12),
        job(2, JobStatus.PENDING_SUBMIT, inputs=()),
    ]
    async with running(FakeFleet(rows), size=(250, 40)) as (app, pilot):
        app.main.table.preferred = tuple(NAMES)
        app.main.table.sync()
        await pilot.pause()
        cells = app.lines()[2].split()
        assert cells[:4] == ["✗", "Failed", "00001#+", "[red]b"]
        assert cells[-5:] == ["1", "12", "1", "09:00:12", "09:04:24"]


# What is kept


async def test_order_columns_and_folding_are_as_they_were_left(tmp_path: Path) -> None:
    left = Preferences(("id", "age"), "input:1", descending=True, folds=False)
    assert PreferencesFile(tmp_path).write(left) == ""
    async with running(FakeFleet(some_jobs()), data_dir=tmp_path) as (app, pilot):
        assert heading(app) == ["ID", "AGE"]
        assert (app.model.sort, app.model.descending, app.model.folds) == ("input:1", True, False)
        await pilot.press("t", "I")
        await saved(app, pilot, tmp_path, Preferences(("id", "age"), "input:1", False, True))


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe", b"columns = [", b'columns = "id"', b'columns = ["nose"]', b"sort = 3",
     b'sort = "input:-1"', b'folds = "yes"', b"x" * 70_000],
)  # fmt: skip
async def test_a_damaged_file_is_told_and_the_table_is_as_at_the_beginning(
    content: bytes, tmp_path: Path
) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    async with running(FakeFleet([job(1)]), data_dir=tmp_path) as (app, _):
        (told,) = app.told
        assert f"{FILE_NAME} cannot be used (" in told
        assert heading(app)[:2] == ["STATUS", "ID"]


async def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file in its place")
    async with running(FakeFleet([job(1)]), data_dir=tmp_path / "data") as (app, pilot):
        assert app.told == []  # nothing was kept there, so there is nothing to tell of yet
        await pilot.press("I")
        await until(pilot, lambda: any("cannot be written" in told for told in app.told))


names = st.lists(st.sampled_from([*NAMES, "input:4711"]), unique=True).map(tuple)


@given(st.builds(Preferences, names, st.sampled_from(NAMES), st.booleans(), st.booleans()))
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, chosen: Preferences
) -> None:
    directory = tmp_path_factory.mktemp("kept")
    file = PreferencesFile(directory)
    assert file.write(Preferences()) == ""
    assert file.write(chosen) == ""
    assert kept(directory) == chosen
    assert [path.name for path in directory.iterdir()] == [FILE_NAME]
