"""The help: what works here first, then what works elsewhere."""

from __future__ import annotations

import pytest

from exauq_tui.app.command_list import COMMANDS
from exauq_tui.app.screens.help import HelpScreen
from exauq_tui.config import Config
from tests.app.fake_fleet import FakeFleet, some_jobs
from tests.app.harness import Dashboard, running, until


def here_and_elsewhere(app: Dashboard) -> tuple[str, str]:
    """What the help says in its two parts."""
    assert isinstance(app.screen, HelpScreen)
    here, elsewhere = (
        "\n".join(str(each.render()) for each in app.screen.query(f"{part} Static"))
        for part in ("#help-here", "#help-elsewhere")
    )
    return here, elsewhere


@pytest.mark.parametrize(
    ("keys", "works", "does_not"),
    [
        ((), "One job down, up", "Follow the log's end, or stop"),
        (("l",), "Follow the log's end, or stop", "One job down, up"),
        (("P",), "Plot the jobs as they are now", "Examine the server again"),
        (("tab",), "Only this server's jobs, or all again", "One job down, up"),
    ],
)
async def test_what_works_where_it_was_asked_for_comes_first(
    keys: tuple[str, ...], works: str, does_not: str
) -> None:
    async with running(FakeFleet(some_jobs())) as (app, pilot):
        await pilot.press(*keys, "?")
        await until(pilot, lambda: app.screen.query("#help-elsewhere Static"))
        here, elsewhere = here_and_elsewhere(app)
        assert works in here
        assert works not in elsewhere
        assert does_not in elsewhere


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (120, 36), (250, 80)])
async def test_every_command_is_in_the_help_once_and_no_line_is_too_long(
    size: tuple[int, int],
) -> None:
    async with running(FakeFleet(some_jobs()), size) as (app, pilot):
        await pilot.press("?")
        await until(pilot, lambda: app.screen.query("#help-elsewhere Static"))
        lines = "\n".join(here_and_elsewhere(app)).split("\n")
        text = " ".join(" ".join(lines).split())
        for command in COMMANDS:
            assert (command.pair or command.tooltip.removesuffix(".")) in text
        width = app.screen.query_one("#help-here Static").size.width
        assert max(map(len, lines)) <= width


async def test_rebound_keys_are_shown() -> None:
    config = Config(keymap={"cancel": "ctrl+x", "log-wrap": "z"})
    async with running(FakeFleet(some_jobs()), config=config) as (app, pilot):
        await pilot.press("?")
        await until(pilot, lambda: app.screen.query("#help-elsewhere Static"))
        here, elsewhere = here_and_elsewhere(app)
        assert "ctrl+x" in here
        assert "  z " in elsewhere
