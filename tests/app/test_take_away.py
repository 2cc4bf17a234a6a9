"""Copying and exporting, from the key to the clipboard or the file."""

from __future__ import annotations

import base64
import csv
import json
import stat
from pathlib import Path

import pytest
from textual.widgets import Input, OptionList

from exauq_tui.app.screens.copy import CopyMenu
from exauq_tui.app.screens.dialogs import ConfirmDialog
from exauq_tui.app.screens.export import ExportDialog
from exauq_tui.app.screens.main import MainScreen
from exauq_tui.config import Config, ServerProfile
from exauq_tui.hardware.status import JobStatus
from tests.app.fake_fleet import FakeFleet, job
from tests.app.harness import running, type_ahead, until

PROFILE = ServerProfile("hpc1", "unix", "python3", "m.py", user="alice", host="hpc1")
DEFAULT = "design-jobs-2026-11-13.csv"


def three() -> FakeFleet:
    """A failed job, a completed one and a running one, from the top: 3, 2, 1."""
    return FakeFleet([job(1), job(2, JobStatus.COMPLETED), job(3, JobStatus.FAILED)])


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let files without a directory be written to a place of the test's own."""
    place = tmp_path / "here"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


async def test_a_letter_copies_and_keeps_the_text_in_a_private_file(tmp_path: Path) -> None:
    async with running(three(), data_dir=tmp_path / "data") as (app, pilot):
        await pilot.press("j", "y", "o")
        await until(pilot, lambda: app.told)
        assert app.clipboard == "14.6312"
        assert isinstance(app.screen, MainScreen)
        kept = tmp_path / "data" / "copied.txt"
        assert kept.read_text() == "14.6312\n"
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert app.told == [
            f"Copied the output.\nIf nothing can be pasted: it is in {kept}",
        ]


async def test_the_terminal_is_asked_by_osc_52(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(three()) as (app, pilot):
        written: list[str] = []
        assert app._driver is not None
        monkeypatch.setattr(app._driver, "write", written.append)
        await pilot.press("y", "i")
        await until(pilot, lambda: app.told)
        coded = base64.b64encode(b"20261113090000003").decode()
        assert f"\x1b]52;c;{coded}\x07" in written


async def test_keys_typed_ahead_reach_the_menu() -> None:
    async with running(three()) as (app, pilot):
        type_ahead(app, "j", "y", "i")
        await until(pilot, lambda: app.told)
        assert app.clipboard == "20261113090000002"


async def test_marked_jobs_are_copied_a_line_each() -> None:
    async with running(three()) as (app, pilot):
        await pilot.press("a", "y")
        assert "Copy of 3 jobs" in app.text()
        await pilot.press("i")
        await until(pilot, lambda: app.told)
        assert app.clipboard.split() == [f"2026111309000000{key}" for key in (3, 2, 1)]
        assert app.told == ["Copied the ids of 3 jobs."]


async def test_the_menu_is_gone_through_by_arrows_and_by_mouse() -> None:
    async with running(three(), config=Config(servers=(PROFILE,))) as (app, pilot):
        await pilot.press("y", "j", "enter")
        await until(pilot, lambda: app.told)
        assert app.clipboard == "0.28,-1.5,3"
        await pilot.press("y")
        await pilot.click(OptionList, offset=(6, 4))
        await until(pilot, lambda: len(app.told) == 2)
        assert app.clipboard.startswith("ssh -t alice@hpc1 'cd ")


async def test_what_there_is_not_cannot_be_copied_and_esc_copies_nothing() -> None:
    async with running(three()) as (app, pilot):
        await pilot.press("y", "o")
        assert isinstance(app.screen, CopyMenu)
        assert "not there, or not fetched yet" in app.text()
        await pilot.press("escape")
        assert isinstance(app.screen, MainScreen)
        assert (app.clipboard, app.told) == ("", [])


async def test_more_than_terminals_take_is_said_to_be_that(tmp_path: Path) -> None:
    fleet = FakeFleet([job(key) for key in range(1, 2000)])
    async with running(fleet, data_dir=tmp_path) as (app, pilot):
        await pilot.press("a", "y", "d")
        await until(pilot, lambda: app.told)
        assert app.told[0].endswith("It is more than many terminals take.")
        assert len((tmp_path / "copied.txt").read_text().split()) == 1999


async def test_a_file_that_cannot_be_kept_does_not_keep_from_copying(tmp_path: Path) -> None:
    (tmp_path / "copied.txt").mkdir()
    async with running(three(), data_dir=tmp_path) as (app, pilot):
        await pilot.press("y", "i")
        await until(pilot, lambda: app.told)
        assert app.told == ["Copied the id."]


async def test_without_a_job_there_is_nothing_to_take_away() -> None:
    async with running(FakeFleet()) as (app, pilot):
        await pilot.press("y", "e")
        assert app.told == ["There is no job here.", "There is no job to export."]


async def test_text_marked_with_the_mouse_in_the_details_is_copied_by_ctrl_c() -> None:
    async with running(three()) as (app, pilot):
        details = app.main.detail._texts["details"]
        await pilot.mouse_down(details, offset=(2, 0))
        await pilot.hover(details, offset=(7, 0))
        await pilot.mouse_up(details, offset=(7, 0))
        await pilot.press("ctrl+c")
        assert app.clipboard == "Failed"


@pytest.mark.parametrize(
    ("keys", "copied"),
    [(("l",), "line 1\nline 2\nli"), (("l", "w"), "line 1\nline 2\nli")],
)
async def test_text_marked_with_the_mouse_in_a_log_is_copied_by_ctrl_c(
    keys: tuple[str, ...], copied: str
) -> None:
    fleet = three()
    fleet.logs[3] = b"line 0\nline 1\n\x1b[31mline 2\x1b[0m\nline 3\n"
    async with running(fleet) as (app, pilot):
        await pilot.press(*keys)
        await until(pilot, lambda: "line 3" in app.text())
        log = app.screen.query_one("#log")
        await pilot.mouse_down(log, offset=(0, 1))
        await pilot.hover(log, offset=(1, 3))
        await pilot.mouse_up(log, offset=(1, 3))
        await pilot.press("ctrl+c")
        assert app.clipboard == copied


# Exporting


async def test_all_that_is_shown_is_written_under_the_name_that_is_offered(here: Path) -> None:
    async with running(three()) as (app, pilot):
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, ExportDialog))
        assert "Export 3 jobs" in app.text()
        await pilot.press("enter")
        await until(pilot, lambda: app.told)
        assert app.told == [f"3 jobs written to {here / DEFAULT}"]
        with (here / DEFAULT).open(newline="") as stream:
            lines = list(csv.DictReader(stream))
        assert [line["id"][-1] for line in lines] == ["3", "2", "1"]
        assert [line["status"] for line in lines] == ["Failed", "Completed", "Running"]


async def test_marked_jobs_are_written_as_json_where_the_name_ends_so(here: Path) -> None:
    async with running(three()) as (app, pilot):
        await pilot.press("space", "space", "e")
        await until(pilot, lambda: isinstance(app.screen, ExportDialog))
        assert "Export 2 marked jobs" in app.text()
        app.screen.query_one("#file", Input).value = "some.json"
        await pilot.press("enter")
        await until(pilot, lambda: app.told)
        assert [each["x1"] for each in json.loads((here / "some.json").read_text())] == [0.28, 0.27]


async def test_tab_completes_the_path_of_the_file(here: Path) -> None:
    (here / "results of may").mkdir()
    async with running(three()) as (app, pilot):
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, ExportDialog))
        field = app.screen.query_one("#file", Input)
        await pilot.press("ctrl+u", *"res", "tab")
        await until(pilot, lambda: field.value == "results of may/")
        assert app.focused is field
        await pilot.press(*"a.csv", "tab")
        assert app.focused is not field
        await pilot.press("shift+tab", "enter")
        await until(pilot, lambda: app.told)
        assert (here / "results of may" / "a.csv").exists()


async def test_what_is_typed_goes_on_with_the_name_that_is_offered(here: Path) -> None:
    async with running(three()) as (app, pilot):
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, ExportDialog))
        await pilot.press(*["backspace"] * 3, *"json", "enter")
        await until(pilot, lambda: app.told)
        assert (here / DEFAULT).with_suffix(".json").exists()


async def test_marks_that_are_hidden_are_left_out_and_counted() -> None:
    async with running(three()) as (app, pilot):
        await pilot.press("a", "3", "e")
        await until(pilot, lambda: isinstance(app.screen, ExportDialog))
        assert "Export 1 marked job" in app.text()
        assert "2 marked but hidden by view or filter: left out." in app.text()


async def test_a_filter_narrows_what_is_written(here: Path) -> None:
    async with running(three()) as (app, pilot):
        await pilot.press("4", "e")
        await until(pilot, lambda: isinstance(app.screen, ExportDialog))
        assert "Export 1 shown job" in app.text()


async def test_a_file_that_is_there_is_replaced_only_by_y(here: Path) -> None:
    (here / "mine.csv").write_text("mine")
    async with running(three()) as (app, pilot):
        for key in ("enter", "y"):
            await pilot.press("e")
            await until(pilot, lambda: isinstance(app.screen, ExportDialog))
            app.screen.query_one("#file", Input).value = "mine.csv"
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
            assert (here / "mine.csv").read_text() == "mine"
            await pilot.press(key)
        await until(pilot, lambda: app.told)
        assert (here / "mine.csv").read_text().startswith("id,server,")


async def test_another_name_is_offered_where_the_first_is_taken(here: Path) -> None:
    (here / DEFAULT).touch()
    async with running(three()) as (app, pilot):
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, ExportDialog))
        assert app.screen.query_one("#file", Input).value == "design-jobs-2026-11-13-2.csv"


async def test_a_name_without_a_known_ending_is_refused_as_it_is_typed(here: Path) -> None:
    async with running(three()) as (app, pilot):
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, ExportDialog))
        app.screen.query_one("#file", Input).value = "jobs.xlsx"
        await until(pilot, lambda: "has to end in .csv or .json" in app.text())
        await pilot.press("enter")
        assert isinstance(app.screen, ExportDialog)
        assert list(here.iterdir()) == []


async def test_a_file_that_cannot_be_written_is_told(here: Path) -> None:
    async with running(three()) as (app, pilot):
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, ExportDialog))
        app.screen.query_one("#file", Input).value = "no/such/[red]jobs.csv"
        await pilot.press("enter")
        await until(pilot, lambda: app.told)
        assert app.told == ["no/such/[red]jobs.csv cannot be written: No such file or directory"]


async def test_a_dialog_writes_the_jobs_that_it_was_opened_for(here: Path) -> None:
    fleet = three()
    async with running(fleet) as (app, pilot):
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, ExportDialog))
        fleet.change(job(4), removed=(1,))
        await until(pilot, lambda: app.model.row(4) is not None)
        await pilot.press("enter")
        await until(pilot, lambda: app.told)
        text = (here / DEFAULT).read_text()
        assert [f"000000{key}" in text for key in (1, 2, 3, 4)] == [True, True, True, False]


async def test_several_fetched_outputs_can_be_exported_it_is_said() -> None:
    fleet = FakeFleet([job(1, JobStatus.COMPLETED), job(2, JobStatus.COMPLETED)])
    async with running(fleet) as (app, pilot):
        await pilot.press("a", "o")
        await until(pilot, lambda: app.told)
        assert app.told == ["2 outputs read; e exports them"]
