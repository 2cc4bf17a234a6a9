"""What happens before the first picture, and what waits until after it."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from textual.css.stylesheet import Stylesheet
from textual.design import ColorSystem
from textual.dom import DOMNode
from textual.events import ScreenResume
from textual.pilot import Pilot

from exauq_tui.app.job_views import View
from exauq_tui.app.screens import OPENED_CSS
from exauq_tui.app.screens.main import MainScreen
from exauq_tui.app.screens.sort import SortMenu
from exauq_tui.app.theme import DARK
from exauq_tui.app.widgets.job_table import JobTable
from exauq_tui.errors import RecordError
from exauq_tui.hardware.status import JobStatus
from exauq_tui.monitor.snapshot import FirstRows
from tests.app.fake_fleet import FakeFleet, job
from tests.app.harness import Dashboard, running, type_ahead, until


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[Stylesheet]:
    """Of each time that all CSS was read again, the style sheet."""
    found: list[Stylesheet] = []
    reparse = Stylesheet.reparse

    def watched(self: Stylesheet) -> None:
        found.append(self)
        reparse(self)

    monkeypatch.setattr(Stylesheet, "reparse", watched)
    return found


async def test_the_css_is_read_once_for_the_first_picture(readings: list[Stylesheet]) -> None:
    async with running(FakeFleet([job(1)])) as (app, _):
        assert app.theme == "exauq-dark"
        assert app.has_class("-dark-mode")
        assert app.stylesheet.has_source(str(OPENED_CSS))
        assert readings == []


async def test_colours_are_mixed_once_for_the_first_picture(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mixed: list[str] = []
    generate = ColorSystem.generate

    def watched(self: ColorSystem) -> dict[str, str]:
        mixed.append(self.background.hex.lower() if self.background else "")
        return generate(self)

    monkeypatch.setattr(ColorSystem, "generate", watched)
    async with running(FakeFleet([job(1)])) as (app, _):
        assert mixed == [str(DARK.background)]
        assert app.theme_variables["background"].lower() == DARK.background


async def test_all_is_styled_when_the_main_screen_is_shown_for_the_first_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found: list[dict[DOMNode, dict[str, object]]] = []
    resume = MainScreen.on_screen_resume

    def styles(screen: MainScreen) -> dict[DOMNode, dict[str, object]]:
        return {
            each: dict(each.styles.get_rules()) for each in screen.walk_children(with_self=True)
        }

    def watched(self: MainScreen, event: ScreenResume) -> None:
        resume(self, event)
        if not found:
            assert not event.refresh_styles
            found.append(styles(self))
            self.update_node_styles(animate=False)
            found.append(styles(self))

    monkeypatch.setattr(MainScreen, "on_screen_resume", watched)
    async with running(FakeFleet([job(1)])) as (app, _):
        as_made, again = found
        assert app.main.table in as_made
        assert as_made == again


async def test_a_menu_looks_the_same_where_it_is_opened_before_its_css_was_read(
    readings: list[Stylesheet],
) -> None:
    async def open_menu(app: Dashboard) -> None:
        menu = SortMenu([("age", "age"), ("output", "output")], "age", "▼")
        await app.push_screen(menu)

    async with running(FakeFleet([job(1)])) as (app, pilot):
        await open_menu(app)
        await pilot.pause()
        usual = app.text()
        assert readings == []
    early = Dashboard(FakeFleet([job(1)]))
    early.starting._start_fleet = lambda: None  # type: ignore[method-assign]  # as if later
    async with early.run_test(size=(120, 36), notifications=True) as pilot:
        await until(pilot, lambda: early.model.loaded)
        assert not early.stylesheet.has_source(str(OPENED_CSS))
        await open_menu(early)
        await pilot.pause()
        assert early.text() == usual
        assert readings


def slow(count: int = 40) -> FakeFleet:
    """A fleet that knows its newest rows at once, and all of them only when it is let."""
    rows = [job(key, JobStatus.COMPLETED if key % 2 else JobStatus.FAILED) for key in range(count)]
    fleet = FakeFleet(rows)
    fleet.first = FirstRows(tuple(rows[:-21:-1]), 6)
    fleet.may_load.clear()
    return fleet


@asynccontextmanager
async def beginning(fleet: FakeFleet) -> AsyncIterator[tuple[Dashboard, Pilot[int]]]:
    """Run the dashboard until all that is still missing is what the fleet does not give yet."""
    app = Dashboard(fleet)
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        try:
            await until(pilot, lambda: fleet.called("load"))
            yield app, pilot
        finally:
            fleet.may_load.set()


async def test_the_first_rows_are_drawn_before_the_others_are_read() -> None:
    fleet = slow()
    async with beginning(fleet) as (app, pilot):
        lines = app.lines()
        assert "000039" in lines[1]
        assert "000020" in lines[20]
        assert not lines[21]
        assert not fleet.called("start")
        fleet.may_load.set()
        await until(pilot, lambda: fleet.called("start"))
        assert app.lines()[1:21] == lines[1:21]
        assert "000019" in app.lines()[21]


async def test_nothing_is_counted_before_all_jobs_are_there() -> None:
    fleet = slow()
    async with beginning(fleet) as (app, pilot):
        text = app.text()
        assert "reading all jobs …" in text
        assert "1 of …" in text
        assert re.search(r"1 all\W+2 active\W+3 failed\W+4 done", text)
        assert not re.search(r"\d+ jobs|[✓✗] \d|\d%", text)
        fleet.may_load.set()
        await until(pilot, lambda: fleet.called("start"))
        text = app.text()
        assert "40 jobs" in text
        assert "1 of 40" in text
        assert "1 all 40" in text
        assert "reading" not in text


async def test_cursor_and_marks_of_the_first_rows_are_kept() -> None:
    fleet = slow()
    async with beginning(fleet) as (app, pilot):
        await pilot.press("down", "down", "space")
        assert app.model.marks == {37}
        cursor, line = app.model.cursor, app.model.cursor_index
        fleet.may_load.set()
        await until(pilot, lambda: fleet.called("start"))
        assert (app.model.cursor, app.model.cursor_index) == (cursor, line)
        assert app.model.marks == {37}
        assert "1 marked" in app.text()


async def test_keys_that_mean_all_jobs_wait_for_them() -> None:
    fleet = slow()
    async with beginning(fleet) as (app, pilot):
        type_ahead(app, "3", "end", "slash", *"00002")
        await pilot.pause()
        assert [app.model.view, app.model.cursor, len(app.model)] == [View.ALL, 39, 20]
        fleet.may_load.set()
        await until(pilot, lambda: app.model.query.text == "00002")
        assert app.model.view is View.FAILED
        assert app.model.visible_keys() == [28, 26, 24, 22, 20, 2]
        await pilot.press("escape")
        await until(pilot, lambda: not app.model.query)
        assert len(app.model) == 20
        # It was at the end, job 0, and then on the last that the filter left.
        assert app.model.cursor == 2


async def test_a_click_that_would_sort_the_first_rows_alone_does_nothing() -> None:
    fleet = slow()
    async with beginning(fleet) as (app, pilot):
        before = app.lines()
        app.main.table.post_message(JobTable.HeadingClicked("output"))
        await pilot.pause()
        assert app.lines() == before
        fleet.may_load.set()
        await until(pilot, lambda: fleet.called("start"))
        app.main.table.post_message(JobTable.HeadingClicked("output"))
        await until(pilot, lambda: app.model.sort == "output")


async def test_what_changes_while_all_jobs_are_read_is_shown_afterwards() -> None:
    fleet = slow()
    async with beginning(fleet) as (app, pilot):
        fleet.may_load.set()
        fleet.change(job(39, JobStatus.CANCELLED), job(50, JobStatus.RUNNING))
        await until(pilot, lambda: app.model.loaded and app.model.counts[JobStatus.RUNNING] == 1)
        assert app.model.counts[JobStatus.CANCELLED] == 1
        assert app.model.total == 41


async def test_one_can_leave_while_jobs_are_read() -> None:
    fleet = slow()
    async with beginning(fleet) as (app, pilot):
        await pilot.press("q")
        await until(pilot, lambda: app._exit)
        assert fleet.stopped.is_set()
        assert not app.model.loaded
    assert app.return_code == 0


async def test_the_dashboard_ends_where_the_jobs_cannot_be_read() -> None:
    fleet = slow()
    fleet.errors["load"] = RecordError("the record of jobs is damaged")
    app = Dashboard(fleet)
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await until(pilot, lambda: app._exit)
    assert app.return_code == 1
    assert app.starting.failure is fleet.errors["load"]
