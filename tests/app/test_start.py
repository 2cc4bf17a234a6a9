"""What happens before the first picture, and what waits until after it."""

import pytest
from textual.css.stylesheet import Stylesheet

from exauq_tui.app.screens import OPENED_CSS
from exauq_tui.app.screens.sort import SortMenu
from tests.app.fake_fleet import FakeFleet, job
from tests.app.harness import Dashboard, running, until


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
    early._start_fleet = lambda: None  # type: ignore[method-assign]  # as if it came later
    async with early.run_test(size=(120, 36), notifications=True) as pilot:
        await until(pilot, lambda: early.model.loaded)
        assert not early.stylesheet.has_source(str(OPENED_CSS))
        await open_menu(early)
        await pilot.pause()
        assert early.text() == usual
        assert readings
