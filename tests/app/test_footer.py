"""The line of keys: those that the part with the focus understands; each can be clicked."""

from __future__ import annotations

import pytest

from exauq_tui.app.widgets.footer import Footer
from exauq_tui.app.widgets.log_view import LogView
from tests.app.fake_fleet import FakeFleet, job
from tests.app.harness import Dashboard, running, until


def footer(app: Dashboard) -> str:
    return app.screen.query_one(Footer).render().plain


async def test_the_keys_are_those_of_the_part_that_has_the_focus() -> None:
    async with running(FakeFleet([job(1)])) as (app, pilot):
        assert "s submit  c cancel" in footer(app)
        assert "space mark" in footer(app)
        await pilot.press("tab")
        assert app.focused is app.main.server_list
        assert footer(app).startswith(" ⏎ only this server  s submit")
        assert "space mark" not in footer(app)
        await pilot.press("tab")
        assert "space mark" not in footer(app)
        await pilot.press("]", "]")
        await until(pilot, lambda: isinstance(app.focused, LogView))
        assert footer(app).startswith(" f follow  w wrap  G end  / search  E pager  s submit")
        assert "w servers" not in footer(app)
        assert "/ filter" not in footer(app)
        await pilot.press("/")
        assert footer(app) == " ⏎ search   esc leave it"
        await pilot.press("escape", "escape")
        assert "space mark" in footer(app)


async def test_while_a_filter_is_typed_the_line_says_how_to_leave_it() -> None:
    async with running(FakeFleet([job(1)])) as (app, pilot):
        await pilot.press("/")
        assert footer(app) == " ⏎ to the jobs   esc no filter"
        await pilot.press("enter")
        assert "/ filter" in footer(app)


async def click(app: Dashboard, pilot: object, words: str) -> None:
    at = footer(app).index(words)
    await pilot.click("Footer", offset=(at + 1, 0))  # type: ignore[attr-defined]


async def test_what_only_one_part_understands_can_be_clicked() -> None:
    async with running(FakeFleet([job(1), job(2)])) as (app, pilot):
        await click(app, pilot, "space mark")
        await until(pilot, lambda: app.model.marks == {2})
        await pilot.press("tab")
        await click(app, pilot, "only this server")
        await until(pilot, lambda: app.model.server == "hpc1")


@pytest.mark.parametrize("keys", [("l",), ("enter", "]", "]")], ids=["screen", "tab"])
async def test_a_log_is_wrapped_by_a_click(keys: tuple[str, ...]) -> None:
    fleet = FakeFleet([job(1)])
    fleet.logs[1] = b"a line\n"
    async with running(fleet) as (app, pilot):
        await pilot.press(*keys)
        await until(pilot, lambda: isinstance(app.focused, LogView))
        view = app.focused
        assert isinstance(view, LogView)
        before = view.wrap
        await click(app, pilot, "w wrap")
        await until(pilot, lambda: view.wrap is not before)
        assert app.focused is view
