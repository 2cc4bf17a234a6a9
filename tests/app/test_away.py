"""Submitting and cancelling by keys while a server is away, from the key to the record."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from exauq_tui.app.screens.main import MainScreen
from exauq_tui.app.screens.prompts import HostKeyChangedDialog
from exauq_tui.hardware.status import JobStatus
from exauq_tui.jobs import Input
from exauq_tui.monitor import pacing, standing
from exauq_tui.monitor.record import Record
from exauq_tui.monitor.snapshot import ServerState
from tests.app.harness import Dashboard, until
from tests.unit.fake_interfaces import Lab, Server, reaches, stands
from tests.unit.test_away import AWAY, send_away


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def lab(tmp_path: Path, server: Server) -> Iterator[Lab]:
    lab = Lab(Record(tmp_path / "jobs.sqlite3"), server)
    yield lab
    lab.close()


def statuses(lab: Lab) -> dict[tuple[float, ...], JobStatus]:
    """What stands in the record, as another process reads it."""
    return {tuple(job.inputs): job.status for job in lab.record.load()}


@pytest.mark.parametrize(
    "state", [ServerState.OFFLINE, ServerState.STALE, *AWAY], ids=lambda state: state.value
)
async def test_what_is_asked_for_by_keys_is_recorded_in_every_state_and_done_once_it_is_back(
    lab: Lab, server: Server, state: ServerState, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nothing comes back by itself while the test looks at it.
    monkeypatch.setattr(pacing, "FIRST_PAUSE", 3600.0)
    monkeypatch.setattr(pacing, "LONGEST_PAUSE", 3600.0)
    fleet = lab.fleet(start=False)
    app = Dashboard(fleet, clock=time.time)
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await until(pilot, lambda: "● UP" in app.text())
        (runs,) = fleet.submit("hpc1", [Input(1)])
        job_id = reaches(fleet, runs, JobStatus.SUBMITTED).job_id
        monkeypatch.setattr(standing, "STALE_AFTER", 0.1)
        send_away(fleet, server, state)
        await until(pilot, lambda: state.value in app.text())
        if state is ServerState.HOST_KEY_CHANGED:
            await until(pilot, lambda: isinstance(app.screen, HostKeyChangedDialog))
            await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, MainScreen))

        await pilot.press("s", "4", "enter")
        await until(pilot, lambda: statuses(lab).get((4,)) is JobStatus.PENDING_SUBMIT)
        await until(pilot, lambda: app.model.total == 2)
        await until(pilot, lambda: isinstance(app.screen, MainScreen))
        assert "Pending submit" in app.lines()[1]
        await pilot.press("G", "c", "y")
        await until(pilot, lambda: statuses(lab)[1,] is JobStatus.PENDING_CANCEL)
        await until(pilot, lambda: "Pending cancel" in app.lines()[2])
        assert fleet.server("hpc1").state is state
        assert len(server.ledger) == 1
        assert not server.asked

        fleet.disconnect("hpc1")
        fleet.connect("hpc1")
        stands(fleet, ServerState.UP)
        await until(pilot, lambda: statuses(lab)[4,] is JobStatus.SUBMITTED)
        await until(pilot, lambda: server.asked == [(job_id,)])
        server.turn(job_id, JobStatus.CANCELLED)
        await until(pilot, lambda: statuses(lab)[1,] is JobStatus.CANCELLED)
        assert len(server.ledger) == len(set(server.ledger)) == 2
