"""A server is added, used, changed and deleted in the dashboard, with a real sshd behind it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from exauq_tui.app.prompter import AppPrompter
from exauq_tui.app.screens.main import MainScreen
from exauq_tui.app.screens.prompts import HostKeyDialog
from exauq_tui.app.screens.servers import ServersScreen
from exauq_tui.config import Config, load
from exauq_tui.hardware.status import JobStatus
from exauq_tui.monitor.fleet import Fleet
from exauq_tui.monitor.record import Record
from exauq_tui.monitor.snapshot import ServerState
from tests.app.harness import Dashboard, until
from tests.app.profiles import fill
from tests.live.site import Site

pytestmark = pytest.mark.live


async def test_a_server_is_added_used_changed_deleted_and_added_again(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HostKeyDialog, "ARMED_AFTER", 0)
    config = tmp_path / "config" / "config.toml"
    profiles = config.parent / "profiles.d"
    file = profiles / "new.toml"
    prompter = AppPrompter()
    with Record(tmp_path / "jobs.sqlite3") as record:
        fleet = Fleet([], record, prompter, refresh=0.2, shows_all=True)
        app = Dashboard(fleet, Config(), prompter=prompter, clock=time.time, profiles_dir=profiles)

        def row() -> tuple[JobStatus, float | None, bool]:
            (job,) = fleet.rows()
            return job.status, job.output, job.current

        def write_in_form() -> None:
            fill(
                app,
                name="new",
                host=site.sshd.host,
                user=site.sshd.user,
                port=str(site.sshd.port),
                login="key_filename",
                program=site.profile.program,
                script_path=str(site.script),
                workspace_dir=str(site.workspace),
                max_running="0",
            )

        async with app.run_test(size=(120, 36), notifications=True) as pilot:
            await until(pilot, lambda: app.model.loaded)
            await pilot.press("w", "n")
            write_in_form()
            await pilot.pause()
            fill(app, login_file=str(site.sshd.keys.ed25519))
            await pilot.press("enter")
            # Nobody has seen this server's key before.
            await until(pilot, lambda: "SHA256:" in app.text(), 30)
            await pilot.press("o")
            await until(pilot, lambda: isinstance(app.screen, ServersScreen))
            await until(pilot, lambda: "● UP" in app.text(), 30)
            assert [each.name for each in load(config, {}).servers] == ["new"]

            await pilot.press("escape", "s", "3", "enter")
            await until(pilot, lambda: isinstance(app.screen, MainScreen))
            await until(
                pilot, lambda: fleet.rows() and row() == (JobStatus.COMPLETED, 6.0, True), 30
            )
            assert site.ledger() == ["3"]

            await pilot.press("w", "e")
            fill(app, level="7")
            await pilot.press("enter")
            await until(pilot, lambda: fleet.server("new").level == 7)
            await until(pilot, lambda: isinstance(app.screen, ServersScreen))
            assert fleet.server("new").state is ServerState.UP  # over the same connection
            await pilot.press("e")
            fill(app, max_attempts="4")
            await pilot.press("enter")
            await until(pilot, lambda: "SHA256:" in app.text(), 30)
            await pilot.press("o")
            await until(pilot, lambda: "● UP" in app.text(), 30)

            await pilot.press("D", *"new", "enter")
            await until(pilot, lambda: fleet.servers() == ())
            await until(pilot, lambda: "no server yet" in app.text())
            assert not file.exists()
            assert row() == (JobStatus.COMPLETED, 6.0, False)
            directories = [each for each in site.workspace.iterdir() if each.name.isdigit()]
            assert len(directories) == 1

            await pilot.press("n")
            write_in_form()
            await pilot.pause()
            fill(app, login_file=str(site.sshd.keys.ed25519))
            await pilot.press("enter")
            await until(pilot, lambda: "SHA256:" in app.text(), 30)
            await pilot.press("o")
            await until(pilot, lambda: "● UP" in app.text(), 30)
            assert row() == (JobStatus.COMPLETED, 6.0, True)
            assert site.ledger() == ["3"]
