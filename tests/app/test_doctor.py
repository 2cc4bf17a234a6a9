"""Examining a server from the dashboard."""

from __future__ import annotations

import os
import stat
from concurrent.futures import Future
from pathlib import Path

from exauq_tui.app.screens.doctor import DoctorScreen
from exauq_tui.app.screens.main import MainScreen
from exauq_tui.config import Config
from exauq_tui.hardware.diagnosis import Check, Finding, Result
from tests.app.fake_fleet import FakeFleet, server
from tests.app.harness import running, until
from tests.unit.fake_interfaces import PROFILE

FINDINGS = (
    Finding(Check.PROFILE, Result.OK, "[servers.hpc1] in ~/config.toml"),
    Finding(
        Check.SHELL,
        Result.WARNING,
        "/bin/bash printed 22 bytes where nobody asked",
        "Have ~/.bashrc print only in interactive shells.",
        heard="Welcome [/bold] \x1b[31m",
    ),
    Finding(Check.SCRIPT, Result.FAILED, "there is no file /home/alice/sim.py", "Copy it."),
    Finding(Check.PROGRAM, Result.NOT_CHECKED, "since this failed before: script"),
)


async def test_findings_appear_as_they_are_made_and_the_whole_is_counted() -> None:
    fleet = FakeFleet()
    fleet.findings = FINDINGS[:2]
    fleet.examining = Future()
    async with running(fleet) as (app, pilot):
        await pilot.press("d")
        await until(pilot, lambda: "printed 22 bytes" in app.text())
        assert fleet.called("diagnose") == [("hpc1",)]
        assert "being examined" in app.text()
        assert "Welcome [/bold]" in app.text()
        assert "no file" not in app.text()
        await pilot.press("e")
        assert any("still going on" in text for text in app.told)
        fleet.examining.set_result(FINDINGS)
        await until(pilot, lambda: "1 ok, 1 warning, 1 failed, 1 not checked" in app.text())
        assert "→ Copy it." in app.text()
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, MainScreen))


async def test_r_examines_again_and_forgets_what_was_found_before() -> None:
    fleet = FakeFleet()
    fleet.findings = FINDINGS
    async with running(fleet) as (app, pilot):
        await pilot.press("d")
        await until(pilot, lambda: "1 failed" in app.text())
        fleet.findings = FINDINGS[:1]
        await pilot.press("r")
        await until(pilot, lambda: "1 ok, 0 warning, 0 failed" in app.text())
        assert "sim.py" not in app.text()
        assert len(fleet.called("diagnose")) == 2
        assert fleet.called("look_now") == []


async def test_e_writes_a_report_for_this_account_alone() -> None:
    fleet = FakeFleet()
    fleet.findings = FINDINGS
    async with running(fleet, config=Config(servers=(PROFILE,))) as (app, pilot):
        await pilot.press("d")
        await until(pilot, lambda: "1 failed" in app.text())
        await pilot.press("e")
        await until(pilot, lambda: any("The report is in" in text for text in app.told))
        (report,) = Path(os.environ["EXAUQ_TUI_DATA"]).glob("doctor-hpc1-*.txt")
        assert stat.S_IMODE(report.stat().st_mode) == 0o600
        text = report.read_text()
        assert "there is no file /home/alice/sim.py" in text
        assert "Welcome" not in text
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, MainScreen))
        assert app.is_running


async def test_the_server_that_is_chosen_in_the_list_is_examined() -> None:
    fleet = FakeFleet([], [server(), server("lab")])
    fleet.findings = FINDINGS
    async with running(fleet) as (app, pilot):
        await pilot.press("tab", "j", "d")
        await until(pilot, lambda: isinstance(app.screen, DoctorScreen))
        await until(pilot, lambda: fleet.called("diagnose") == [("lab",)])
