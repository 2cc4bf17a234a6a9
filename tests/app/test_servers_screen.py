"""The screen of servers: what it shows, and each verb from the key to fleet and file."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import Button

from exauq_tui.app.screens.dialogs import ConfirmDialog, TypeToConfirmDialog
from exauq_tui.app.screens.doctor import DoctorScreen
from exauq_tui.app.screens.main import MainScreen
from exauq_tui.app.screens.prompts import SecretDialog
from exauq_tui.app.screens.servers import ServersScreen
from exauq_tui.errors import InputError
from exauq_tui.hardware.status import JobStatus
from exauq_tui.monitor.snapshot import ServerState
from tests.app.fake_fleet import NOW, FakeFleet, job, server
from tests.app.harness import Dashboard, running, until
from tests.app.profiles import OWN, Files, two, write_files

LONG = "Bash 4.1 or newer is needed there, as /bin/bash: " + "and more of this. " * 12 + "The end."


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return write_files(tmp_path)


def row_of(app: Dashboard, name: str) -> str:
    """The line of a server in the table."""
    return next(line for line in app.text().splitlines() if f" {name} " in line and "●" in line)


@pytest.mark.parametrize("size", [(120, 36), (80, 24)])
async def test_every_server_has_a_line_with_its_numbers(
    files: Files, size: tuple[int, int]
) -> None:
    fleet = two()
    fleet.jobs = {
        1: job(1),
        2: job(2, JobStatus.SUBMITTED),
        3: job(3, JobStatus.PENDING_SUBMIT),
        4: job(4, JobStatus.COMPLETED, server="lab"),
    }
    async with running(fleet, size, **files.options()) as (app, pilot):
        await pilot.press("w", "g")
        await until(pilot, lambda: isinstance(app.screen, ServersScreen))
        words = row_of(app, "hpc1").split()
        assert words[words.index("UP") - 2 :][:4] == ["hpc1", "●", "UP", "alice@hpc1"]
        assert words[words.index("82ms") + 1 :][:3] == ["1", "2", "16"]  # run, wait, at most
        assert "0" in row_of(app, "lab").split()
        await until(
            pilot, lambda: "config.toml(onlyread)" in "".join(app.text().replace("│", "").split())
        )
        assert "x disconnect" in app.text()


async def test_a_long_message_is_there_in_full(files: Files) -> None:
    fleet = two()
    fleet.views["lab"] = server("lab", state=ServerState.FAULT, message=LONG, next_try=NOW + 5)
    async with running(fleet, (80, 24), **files.options()) as (app, pilot):
        assert "The end." not in app.text()
        await pilot.press("w", "j")
        await until(pilot, lambda: "The end." in app.text())
        assert "retry 5s" in app.text()


async def test_a_server_that_waits_for_another_says_for_which_in_the_list_and_on_the_screen() -> (
    None
):
    words = "waits for hpc1, which logs in to the same account"
    lab = server("lab", state=ServerState.CONNECTING, message=words)
    async with running(FakeFleet([], [server(), lab])) as (app, pilot):
        assert "waits for hpc1, which" in app.text()
        await pilot.press("w", "j")
        await until(pilot, lambda: words in app.text())


async def test_what_changes_is_shown_and_the_cursor_stays_on_its_server(files: Files) -> None:
    fleet = two()
    async with running(fleet, **files.options()) as (app, pilot):
        await pilot.press("w", "j")
        fleet.change(servers=[server("lab", state=ServerState.LOST, message="no route [red]")])
        await until(pilot, lambda: "no route [red]" in app.text())
        fleet._gone.append("hpc1")
        del fleet.views["hpc1"]
        fleet.change()
        await until(pilot, lambda: "1 server" in app.text())
        assert isinstance(app.screen, ServersScreen)
        assert app.screen.chosen_server() == "lab"


async def test_enter_goes_to_the_jobs_of_the_server(files: Files) -> None:
    fleet = two()
    fleet.jobs = {1: job(1), 2: job(2, server="lab")}
    async with running(fleet, **files.options()) as (app, pilot):
        await pilot.press("w", "j", "enter")
        await until(pilot, lambda: isinstance(app.screen, MainScreen))
        assert len(app.model) == 1
        assert app.model.cursor == 2
        assert app.main.table.has_focus
        # Again: it is still chosen there, and stays so.
        await pilot.press("w")
        await until(pilot, lambda: isinstance(app.screen, ServersScreen))
        assert app.screen.chosen_server() == "lab"  # type: ignore[attr-defined]  # just seen
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, MainScreen))
        assert app.model.server == "lab"


@pytest.mark.parametrize("key", ["escape", "q", "w"])
async def test_one_key_leads_back(files: Files, key: str) -> None:
    async with running(two(), (80, 24), **files.options()) as (app, pilot):
        await pilot.press("w")
        await until(pilot, lambda: isinstance(app.screen, ServersScreen))
        await pilot.press(key)
        await until(pilot, lambda: isinstance(app.screen, MainScreen))
        assert app.is_running


@pytest.mark.parametrize(
    ("key", "verb", "words"),
    [
        ("c", "connect", "lab is being connected to."),
        ("x", "disconnect", "lab is disconnected; its jobs go on."),
        ("r", "look_now", None),
    ],
)
async def test_a_key_acts_on_the_server_under_the_cursor(
    files: Files, key: str, verb: str, words: str | None
) -> None:
    fleet = two()
    async with running(fleet, **files.options()) as (app, pilot):
        await pilot.press("w", "j", key)
        await until(pilot, lambda: fleet.called(verb) == [("lab",)])
        await until(pilot, lambda: app.told == ([words] if words else []))


async def test_what_the_fleet_refuses_is_told(files: Files) -> None:
    fleet = two()
    fleet.errors["connect"] = InputError("there is no server [lab]")
    async with running(fleet, **files.options()) as (app, pilot):
        await pilot.press("w", "c")
        await until(pilot, lambda: app.told == ["there is no server [lab]"])


async def test_a_server_is_tested_and_the_way_back_leads_to_the_servers(files: Files) -> None:
    fleet = two()
    async with running(fleet, **files.options()) as (app, pilot):
        await pilot.press("w", "j", "t")
        await until(pilot, lambda: isinstance(app.screen, DoctorScreen))
        await until(pilot, lambda: fleet.called("diagnose") == [("lab",)])
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, ServersScreen))


@pytest.mark.parametrize("from_servers", [False, True])
async def test_the_palette_disconnects_the_server_that_is_meant(
    files: Files, from_servers: bool
) -> None:
    fleet = two()
    fleet.jobs = {1: job(1, server="lab")}
    async with running(fleet, **files.options()) as (app, pilot):
        await pilot.press(*(["w"] if from_servers else []), ":", *"disconnect server", "enter")
        await until(pilot, lambda: fleet.called("disconnect") == [("lab",)])
        assert isinstance(app.screen, ServersScreen) is from_servers


# Deleting profiles


async def test_a_profile_is_deleted_once_its_name_was_typed(files: Files) -> None:
    fleet = two()
    fleet.jobs = {
        1: job(1, server="lab"),
        2: job(2, JobStatus.PENDING_SUBMIT, server="lab"),
    }
    async with running(fleet, **files.options()) as (app, pilot):
        await pilot.press("w", "j", "D")
        await until(pilot, lambda: isinstance(app.screen, TypeToConfirmDialog))
        assert "1 job there has not ended." in app.text()
        assert "1 job not sent yet" in app.text()
        await pilot.press(*"la", "enter")
        assert app.screen.query_one("#yes", Button).disabled
        await pilot.press("b", "enter")
        await until(pilot, lambda: fleet.called("remove_server") == [("lab",)])
        await until(pilot, lambda: "1 server" in app.text())
        assert not files.own.exists()
        assert [each.name for each in app.config.servers] == ["hpc1"]
        assert [each.name for each in files.config().servers] == ["hpc1"]
        # The jobs are there, as last known.
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, MainScreen))
        assert len(app.model) == 2
        assert "Running?" in app.text()
        await pilot.press("enter")
        await until(pilot, lambda: "not configured" in app.text())


@pytest.mark.parametrize("keys", [["escape"], ["enter"], [*"lab", "escape"]])
async def test_without_the_name_nothing_is_deleted(files: Files, keys: list[str]) -> None:
    fleet = two()
    async with running(fleet, **files.options()) as (_, pilot):
        await pilot.press("w", "j", "D", *keys)
        await pilot.pause()
        assert fleet.called("remove_server") == []
        assert files.own.read_text() == OWN


async def test_a_profile_of_the_user_s_own_file_is_never_deleted(files: Files) -> None:
    fleet = two()
    text = files.main.read_text()
    async with running(fleet, **files.options()) as (app, pilot):
        await pilot.press("w", "D")
        await until(pilot, lambda: app.told)
        assert app.told == [f"hpc1 stands in {files.main}, which is only read: remove it there."]
        assert isinstance(app.screen, ServersScreen)
        assert files.main.read_text() == text


async def test_a_file_that_somebody_else_changed_is_not_deleted(files: Files) -> None:
    fleet = two()
    async with running(fleet, **files.options()) as (app, pilot):
        files.own.write_text(OWN.replace("model.py", "other.py"), encoding="utf-8")
        await pilot.press("w", "j", "D", *"lab", "enter")
        await until(pilot, lambda: app.told)
        assert "something else than is shown" in app.told[0]
        assert files.own.exists()
        assert fleet.called("remove_server") == []


async def test_no_server_at_all_is_said() -> None:
    async with running(FakeFleet([], [])) as (app, pilot):
        await pilot.press("w")
        await until(pilot, lambda: "no server" in app.text().lower())
        await pilot.press("c", "x", "r", "t", "D", "enter")
        await until(pilot, lambda: isinstance(app.screen, MainScreen))
        assert app.told == []


async def test_many_servers_scroll_with_the_cursor() -> None:
    views = [server(f"node{n:03}") for n in range(200)]
    async with running(FakeFleet([], views), (80, 24)) as (app, pilot):
        await pilot.press("w", "G")
        await until(pilot, lambda: "▸ node199" in app.text())
        await pilot.press("k", "k")
        assert "▸ node197" in app.text()
        await pilot.press("g")
        assert "▸ node000" in app.text()


async def test_odd_names_are_drawn_on_one_line_each() -> None:
    names = ["[red]x[/nope]", "größe 机器 " + "n" * 1000, "a\u202eb"]
    views = [replace(server(name), where="alice@[bold]h") for name in names]
    async with running(FakeFleet([], views)) as (app, pilot):
        await pilot.press("w", "j", "j")
        await until(pilot, lambda: "3 servers" in app.text())
        assert "[red]x[/nope]" in app.text()
        assert "\u202e" not in app.text()


@pytest.mark.parametrize("verb", ["disconnect", "delete"])
async def test_what_a_server_asks_that_is_not_wanted_any_more_is_withdrawn(
    files: Files, verb: str
) -> None:
    fleet = two()
    answers: dict[str, str | None] = {}
    async with running(fleet, **files.options()) as (app, pilot):
        await pilot.press("w", "j", *(["D", *"la"] if verb == "delete" else []))

        def ask(name: str) -> None:
            answers[name] = app.prompter.ask_secret(name, "Password: ")

        # A person is busy with a dialog, so both questions wait.
        if verb == "disconnect":
            await app.push_screen(ConfirmDialog("Busy", (), "Go on"))
        asking = [threading.Thread(target=ask, args=(name,)) for name in ("lab", "hpc1")]
        for each in asking:
            each.start()
        await until(pilot, lambda: len(app.prompter._waiting) == 2)
        if verb == "disconnect":
            app.server_verbs.disconnect("lab")
        else:
            await pilot.press("b", "enter")
        await until(pilot, lambda: answers == {"lab": None})
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog | SecretDialog))
        if verb == "disconnect":
            await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, SecretDialog))
        assert "Sign in to hpc1" in app.text()
        await pilot.press("escape")
        await until(pilot, lambda: answers == {"lab": None, "hpc1": None})


async def test_a_server_is_chosen_by_the_mouse_and_a_verb_by_the_footer(files: Files) -> None:
    fleet = two()
    async with running(fleet, **files.options()) as (app, pilot):
        await pilot.press("w")
        await until(pilot, lambda: isinstance(app.screen, ServersScreen))
        await pilot.click("#server-table", offset=(4, 2))
        assert app.screen.chosen_server() == "lab"  # type: ignore[attr-defined]  # just seen
        footer = app.text().splitlines()[-1]
        await pilot.click("Footer", offset=(footer.index("x disconnect") + 3, 0))
        await until(pilot, lambda: fleet.called("disconnect") == [("lab",)])
