"""Adding and changing servers: from the keys to the file and the fleet."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from textual.widgets import Input, Label

from exauq_tui.app.screens.dialogs import ConfirmDialog
from exauq_tui.app.screens.server_form import ServerForm
from exauq_tui.app.screens.servers import ServersScreen
from exauq_tui.config import Config, ServerProfile, default_profile, load
from exauq_tui.errors import InputError
from tests.app.fake_fleet import FakeFleet, server
from tests.app.harness import Dashboard, running, until
from tests.app.profiles import BY_HAND, OWN, Files, fill, two, write_files

NEW = ("w", "n", *"hpc2", "tab", "tab", *"hpc2.example.org", "tab", *"bob")


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return write_files(tmp_path)


def why(app: Dashboard, field: str) -> str:
    """What is said to be wrong with a field."""
    label = app.screen.query_one(f"#why-{field}")
    return str(label.render()) if label.display else ""


def trouble(app: Dashboard) -> str:
    """What went wrong with saving."""
    return str(app.screen.query_one("#trouble").render())


def is_there(app: Dashboard, field: str) -> bool:
    """Whether a field is shown."""
    return app.screen.query_one(f"#line-{field}").display


async def test_a_key_draws_no_reason_anew_that_stays_as_it_is(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(two(), **files.options()) as (app, pilot):
        await pilot.press("w", "n", *"hp", "tab", "tab", "-")
        await until(pilot, lambda: "does not begin with a dash" in why(app, "host"))
        drawn: list[Label] = []
        update = Label.update

        def note(label: Label, *arguments: object, **options: object) -> None:
            drawn.append(label)
            update(label, *arguments, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(Label, "update", note)
        await pilot.press("tab", *"bob", "shift+tab", "backspace", "x")
        await until(pilot, lambda: not why(app, "host"))
        assert {label.id for label in drawn} == {"why-host"}


async def test_a_server_that_is_typed_is_written_added_and_shown(files: Files) -> None:
    fleet = two()
    async with running(fleet, **files.options()) as (app, pilot):
        await pilot.press(*NEW)
        fill(app, login="key_filename")
        await pilot.pause()
        fill(app, login_file="~/.ssh/id", program="python3", script_path="m.py", port="2222")
        fill(app, setup="module load x\n", input_names="x1, x2", max_running="4")
        await pilot.press("enter")
        await until(pilot, lambda: fleet.called("add_server"))
        await until(pilot, lambda: isinstance(app.screen, ServersScreen))
        path = files.directory / "hpc2.toml"
        expected = ServerProfile(
            "hpc2", "unix", "python3", "m.py", user="bob", host="hpc2.example.org", port=2222,
            key_filename=str(Path.home() / ".ssh/id"), setup="module load x\n",
            input_names=("x1", "x2"), max_running=4, source=path,
        )  # fmt: skip
        assert fleet.called("add_server") == [(expected,)]
        assert files.config().servers[1] == expected
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert files.main.read_text() == BY_HAND
        assert app.told == ["The profile hpc2 is saved."]
        await until(pilot, lambda: "▸ hpc2" in app.text())
        assert app.config.servers[-1] == expected
        # It can be submitted to at once.
        await pilot.press("escape", "s")
        await until(pilot, lambda: "hpc2" in app.text())


@pytest.mark.parametrize("size", [(120, 36), (80, 24)])
async def test_what_is_wrong_is_said_below_the_field_and_the_first_has_the_focus(
    files: Files, size: tuple[int, int]
) -> None:
    fleet = two()
    async with running(fleet, size, **files.options()) as (app, pilot):
        await pilot.press("w", "n", "enter")
        assert why(app, "name") == "is needed"
        assert app.focused is app.screen.query_one("#field-name")
        await pilot.press(*"lab")
        assert why(app, "name") == f"is the name of a server in {files.own} already"
        await pilot.press("2", "enter")
        assert why(app, "name") == ""
        assert why(app, "host") == "is needed"
        assert app.focused is app.screen.query_one("#field-host")
        assert "is needed" in app.text()
        fill(app, host="h", user="u", program="p", script_path="s", level="x")
        await pilot.pause()
        assert "a whole number" in why(app, "level")
        await pilot.press("enter")
        assert app.focused is app.screen.query_one("#field-level")
        await until(pilot, lambda: "must be a whole number" in app.text())
        assert fleet.called("add_server") == []
        assert list(files.directory.iterdir()) == [files.own]


async def test_nothing_is_called_wrong_before_it_was_typed(files: Files) -> None:
    async with running(two(), **files.options()) as (app, pilot):
        await pilot.press("w", "n", "tab", "tab", "-")
        assert "does not begin with a dash" in why(app, "host")
        assert why(app, "name") == why(app, "program") == ""


async def test_the_fields_follow_the_kind_and_the_way_to_log_in(files: Files) -> None:
    async with running(two(), **files.options()) as (app, pilot):
        await pilot.press("w", "n")
        assert is_there(app, "host")
        assert not is_there(app, "login_file")
        fill(app, login="ssh_config_path")
        await pilot.pause()
        assert is_there(app, "login_file")
        fill(app, kind="local")
        await pilot.pause()
        assert not any(
            is_there(app, name) for name in ("host", "user", "login", "login_file", "remember")
        )
        assert is_there(app, "program")


async def test_a_profile_made_here_is_changed_in_its_file(files: Files) -> None:
    fleet = two()
    async with running(fleet, **files.options()) as (app, pilot):
        await pilot.press("w", "j", "e")
        await until(pilot, lambda: isinstance(app.screen, ServerForm))
        assert app.screen.query_one("#field-name", Input).disabled
        assert app.focused is app.screen.query_one("#field-host")
        assert app.screen.query_one("#field-host", Input).value == "lab"
        fill(app, level="3", user="bob")
        await pilot.press("enter")
        await until(pilot, lambda: fleet.called("replace_server"))
        await until(pilot, lambda: isinstance(app.screen, ServersScreen))
        ((changed,),) = fleet.called("replace_server")
        assert (changed.level, changed.user, changed.script_path) == (3, "bob", "model.py")
        assert files.config().servers == app.config.servers
        assert app.config.servers[1] == changed
        await until(pilot, lambda: "bob@lab" in app.text())


async def test_an_edit_that_changes_nothing_leaves_the_connection_alone(files: Files) -> None:
    fleet = two()
    async with running(fleet, **files.options()) as (app, pilot):
        await pilot.press("w", "j", "e", "enter")
        await until(pilot, lambda: isinstance(app.screen, ServersScreen))
        assert fleet.called("replace_server") == []
        assert files.own.read_text() == OWN


async def test_a_profile_of_the_user_s_own_file_is_offered_as_a_copy(files: Files) -> None:
    fleet = two()
    async with running(fleet, **files.options()) as (app, pilot):
        await pilot.press("w", "e")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        assert "only read" in app.text()
        assert "config.toml" in app.text()
        await pilot.press("y")
        await until(pilot, lambda: isinstance(app.screen, ServerForm))
        form = app.screen
        assert form.query_one("#field-name", Input).value == ""
        assert form.query_one("#field-script_path", Input).value == "~/simulators/ishigami.py"
        await pilot.press(*"hpc1b", "enter")
        await until(pilot, lambda: fleet.called("add_server"))
        ((added,),) = fleet.called("add_server")
        assert (added.name, added.host, added.max_running) == ("hpc1b", "hpc1", 16)
        assert files.main.read_text() == BY_HAND


async def test_what_the_fleet_or_the_disk_refuses_stays_in_the_form(files: Files) -> None:
    fleet = two()
    fleet.errors["add_server"] = InputError("there is a server 'hpc2' already [red]")
    async with running(fleet, **files.options()) as (app, pilot):
        await pilot.press(*NEW)
        fill(app, program="python3", script_path="m.py")
        await pilot.press("enter")
        await until(pilot, lambda: "already [red]" in trouble(app))
        assert isinstance(app.screen, ServerForm)
        assert not (files.directory / "hpc2.toml").exists()
        del fleet.errors["add_server"]
        files.own.unlink()
        files.directory.rmdir()
        files.directory.write_text("a file where a directory should be")
        await pilot.press("enter")
        await until(pilot, lambda: "cannot be written" in trouble(app))
        assert app.screen.query_one("#field-host", Input).value == "hpc2.example.org"
        assert [view.name for view in fleet.servers()] == ["hpc1", "lab"]


async def test_a_file_that_was_changed_meanwhile_is_kept(files: Files) -> None:
    fleet = two()
    async with running(fleet, **files.options()) as (app, pilot):
        await pilot.press("w", "j", "e")
        await until(pilot, lambda: isinstance(app.screen, ServerForm))
        other = OWN.replace("model.py", "other.py")
        files.own.write_text(other)
        fill(app, level="3")
        await pilot.press("enter")
        await until(pilot, lambda: "something else than is shown" in trouble(app))
        assert files.own.read_text() == other
        assert fleet.called("replace_server") == []


async def test_what_was_typed_is_not_thrown_away_at_the_first_escape(files: Files) -> None:
    async with running(two(), **files.options()) as (app, pilot):
        await pilot.press("w", "n", "x", "escape")
        assert isinstance(app.screen, ServerForm)
        await until(pilot, lambda: "Esc again closes" in app.text())
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, ServersScreen))
        await pilot.press("n", "escape")
        await until(pilot, lambda: isinstance(app.screen, ServersScreen))


async def test_the_built_in_server_becomes_a_file_of_its_own(tmp_path: Path) -> None:
    profile = default_profile({})
    view = server("local", kind="local", where="this machine")
    fleet = FakeFleet([], [view])
    directory = tmp_path / "profiles.d"
    config = Config(servers=(profile,))
    async with running(fleet, config=config, profiles_dir=directory) as (app, pilot):
        await pilot.press("w", "e")
        await until(pilot, lambda: isinstance(app.screen, ServerForm))
        fill(app, level="2")
        await pilot.press("enter")
        await until(pilot, lambda: fleet.called("replace_server"))
        (tmp_path / "config.toml").touch()
        (loaded,) = load(tmp_path / "config.toml", {}).servers
        assert (loaded.name, loaded.level) == ("local", 2)


async def test_where_nothing_is_kept_no_server_is_added() -> None:
    async with running(two()) as (app, pilot):
        await pilot.press("w", "n")
        await until(pilot, lambda: app.told)
        assert "nothing is kept" in app.told[0]
        assert isinstance(app.screen, ServersScreen)


@pytest.mark.parametrize("name", ["größe 机器", "../../x", "[red]x[/nope]", "a.b 'c'"])
async def test_odd_names_are_written_and_read_back(files: Files, name: str) -> None:
    fleet = two()
    async with running(fleet, **files.options()) as (app, pilot):
        await pilot.press("w", "n")
        fill(app, name=name, kind="local", program="p", script_path="s")
        await pilot.pause()
        app.screen.set_focus(app.screen.query_one("#field-name"))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ServersScreen))
        assert [each.name for each in files.config().servers] == ["hpc1", name, "lab"]
        await until(pilot, lambda: name in app.text())


async def test_a_megabyte_pasted_into_the_name_is_refused_in_words(files: Files) -> None:
    async with running(two(), **files.options()) as (app, pilot):
        await pilot.press("w", "n")
        fill(app, name="n" * 1_000_000)
        await until(pilot, lambda: "longer than 64" in why(app, "name"))
