"""A dashboard that changes nothing: refused in one place, whatever asks for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from exauq_tui.app.command_list import COMMANDS
from exauq_tui.app.screens.log import LogScreen
from exauq_tui.app.screens.main import MainScreen
from exauq_tui.app.screens.servers import ServersScreen
from exauq_tui.config import AppSettings, Config
from exauq_tui.hardware.status import JobStatus
from exauq_tui.monitor.verbs import READ_ONLY
from tests.app.fake_fleet import FakeFleet, job
from tests.app.harness import running, until
from tests.app.profiles import OWN, write_files

CHANGING = [command for command in COMMANDS if command.changes]
CHANGING_VERBS = {
    "submit", "submit_to_level", "resubmit", "cancel", "delete_jobs", "delete_workspace",
    "describe_workspace", "add_server", "replace_server", "remove_server",
}  # fmt: skip
LOOKING = Config(app=AppSettings(read_only=True))


def three() -> FakeFleet:
    return FakeFleet([job(1), job(2, JobStatus.COMPLETED), job(3, JobStatus.PENDING_SUBMIT)])


def test_what_changes_something_is_known() -> None:
    assert {command.id for command in CHANGING} == {
        "submit", "cancel", "resubmit", "delete-jobs", "delete-workspace",
        "server-add", "server-edit", "server-delete",
    }  # fmt: skip


@pytest.mark.parametrize("command", CHANGING, ids=lambda command: command.id)
async def test_a_key_that_changes_something_is_refused_in_one_sentence(
    tmp_path: Path, command: object
) -> None:
    fleet = three()
    files = write_files(tmp_path)
    options = {**files.options(), "config": Config(LOOKING.servers, LOOKING.app)}
    async with running(fleet, **options) as (app, pilot):
        (key, *_) = command.keys  # type: ignore[attr-defined]  # parametrised
        on_servers = command.scope == "servers-screen"  # type: ignore[attr-defined]  # likewise
        await pilot.press(*(["w"] if on_servers else ["j", "space"]), key)
        await until(pilot, lambda: app.told)
        assert app.told == [READ_ONLY]
        assert isinstance(app.screen, ServersScreen if on_servers else MainScreen)
        assert not {call[0] for call in fleet.calls} & CHANGING_VERBS
        assert files.own.read_text() == OWN


async def test_it_says_so_and_offers_none_of_it() -> None:
    async with running(three(), config=LOOKING) as (app, pilot):
        assert "READ-ONLY" in app.text().splitlines()[0]
        footer = app.text().splitlines()[-1]
        assert "submit" not in footer
        assert "cancel" not in footer
        assert "log" in footer
        await pilot.press("w")
        await until(pilot, lambda: "Servers  READ-ONLY" in app.text())
        footer = app.text().splitlines()[-1]
        assert "disconnect" in footer
        assert not any(word in footer for word in ("add", "edit", "delete"))
        offered = [each.title for each in app.get_system_commands(app.screen)]
        assert not any(title.startswith(("Submit", "Cancel", "Delete", "Add")) for title in offered)
        assert any(title.startswith("Disconnect") for title in offered)


async def test_an_empty_table_invites_to_nothing_that_is_refused() -> None:
    async with running(FakeFleet(), config=LOOKING) as (app, _):
        assert "No jobs yet" in app.text()
        assert "submits" not in app.text()


async def test_what_only_reads_works() -> None:
    fleet = three()
    fleet.logs[2] = b"all is well\n"
    async with running(fleet, config=LOOKING) as (app, pilot):
        await pilot.press("j", "o")
        await until(pilot, lambda: fleet.called("fetch_outputs"))
        await pilot.press("l")
        await until(pilot, lambda: isinstance(app.screen, LogScreen))
        await until(pilot, lambda: "all is well" in app.text())


async def test_it_is_left_without_a_question_whatever_waits_to_be_sent() -> None:
    fleet = three()
    async with running(fleet, config=LOOKING) as (app, pilot):
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)
        assert fleet.stopped.is_set()
