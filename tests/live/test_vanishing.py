"""Workspaces and job directories that somebody removes: what a fleet says, keeps and does then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from exauq_tui.errors import ExauqTuiError
from exauq_tui.hardware.status import JobStatus
from exauq_tui.jobs import Input
from exauq_tui.monitor.evidence import GONE
from exauq_tui.monitor.fleet import Fleet
from exauq_tui.monitor.snapshot import ServerState
from tests.contract.machines import alive, check_often, remove_tree
from tests.live.conftest import MakeSite
from tests.live.site import Site
from tests.live.sshd import Sshd
from tests.unit.fake_interfaces import TIMEOUT, reaches, row, stands, until

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("quick_retries")]

COMPLETED, RUNNING, SUBMITTED = JobStatus.COMPLETED, JobStatus.RUNNING, JobStatus.SUBMITTED

# Writes its input to the ledger and, at once where that is below 50, to its output.
SIMULATOR = """\
read -r line <"$1"
echo "$line" >>"${0%/*}/ledger"
until [ "$line" -lt 50 ] || [ -e "${0%/*}/go" ]; do sleep 0.05; done
echo "$line" >"$2"
"""


@pytest.fixture
def site(make_site: MakeSite, sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> Site:
    check_often(monkeypatch, 0.5)
    site = make_site(sshd, program="bash", simulator=SIMULATOR)
    site.profile = replace(site.profile, max_running=2)
    return site


def pid_of(fleet: Fleet, key: int) -> int:
    """The process that sees to the end of a job that runs."""
    return int((Path(row(fleet, key).directory) / "PID").read_text())


class Jobs:
    """On two slots: two jobs that ended, two that run and two that wait."""

    def __init__(self, fleet: Fleet) -> None:
        self.ended = fleet.submit("hpc1", [Input(1), Input(2)])
        for key, number in zip(self.ended, (1, 2), strict=True):
            reaches(fleet, key, COMPLETED)
            until(lambda key=key, number=number: row(fleet, key).output == number)  # type: ignore[misc]
        self.running = fleet.submit("hpc1", [Input(51), Input(52)])
        for key in self.running:
            reaches(fleet, key, RUNNING)
        self.waiting = fleet.submit("hpc1", [Input(3), Input(4)])
        for key in self.waiting:
            reaches(fleet, key, SUBMITTED)
        self.recorders = [pid_of(fleet, key) for key in self.running]

    @property
    def all(self) -> tuple[int, ...]:
        return (*self.ended, *self.running, *self.waiting)


def are_gone(fleet: Fleet, keys: Sequence[int]) -> bool:
    return {row(fleet, key).note for key in keys} == {GONE}


def check_kept(fleet: Fleet, jobs: Jobs, keys: Sequence[int]) -> None:
    """Check that rows tell what was last known, and what can and cannot be had any more."""
    for number, key in enumerate(jobs.all):
        if key not in keys:
            continue
        now = row(fleet, key)
        status = (COMPLETED, COMPLETED, RUNNING, RUNNING, SUBMITTED, SUBMITTED)[number]
        assert (now.status, now.inputs) == (status, ((1, 2, 51, 52, 3, 4)[number],))
        assert now.output == (now.inputs[0] if now.status is COMPLETED else None)
        with pytest.raises(ExauqTuiError, match=GONE):
            fleet.read_log(key, 0, 100).result(TIMEOUT)
    kept = [key for key in jobs.ended if key in keys]
    outputs = {key: row(fleet, key).output for key in kept}
    assert fleet.fetch_outputs(kept).result(TIMEOUT) == outputs
    assert fleet.events(keys[0])[-1].text == "Its directory is gone from the server"


@pytest.mark.parametrize("away", [False, True], ids=["connected", "away"])
def test_a_removed_workspace_is_told_and_made_anew_by_the_next_submission_only(
    site: Site, away: bool
) -> None:
    fleet = site.fleet()
    jobs = Jobs(fleet)
    if away:
        fleet.stop()
    remove_tree(site.workspace)
    if away:
        fleet = site.fleet()
    until(lambda: are_gone(fleet, jobs.all))  # without being asked to look
    check_kept(fleet, jobs, jobs.all)
    # What runs there cannot be reached any more, and that is what is said.
    assert fleet.cancel([jobs.running[0], jobs.waiting[0]]).left == ()
    for key in (jobs.running[0], jobs.waiting[0]):
        now = reaches(fleet, key, JobStatus.FAILED_CANCEL)
        assert now.note == GONE
        assert "whether something of it still runs cannot be found out" in now.error
    assert all(alive(pid) for pid in jobs.recorders)
    site.go()
    until(lambda: not any(alive(pid) for pid in jobs.recorders))
    fleet.look_now()
    stands(fleet, ServerState.UP)
    assert not site.workspace.exists()
    assert sorted(site.ledger()) == ["1", "2", "51", "52"]
    (new,) = fleet.submit("hpc1", [Input(5)])
    reaches(fleet, new, COMPLETED)
    again = fleet.resubmit([*jobs.running, *jobs.waiting])
    for key in again:
        reaches(fleet, key, COMPLETED)
    assert are_gone(fleet, jobs.all)
    assert Counter(site.ledger()) == Counter(["1", "2", *["51", "52"] * 2, "3", "4", "5"])
    assert {entry.name for entry in site.workspace.glob("[0-9]*")} == {
        row(fleet, key).job_id for key in (new, *again)
    }
    assert set(fleet.delete_jobs(jobs.all).result(TIMEOUT).values()) == {""}
    assert {each.key for each in fleet.rows()} == {new, *again}


def test_removed_job_directories_are_told_and_the_others_go_on(site: Site) -> None:
    fleet = site.fleet()
    jobs = Jobs(fleet)
    lost = (jobs.ended[0], jobs.running[0], jobs.waiting[0])
    for key in lost:
        remove_tree(Path(row(fleet, key).directory))
    # Of one that runs the server tells by itself, of the others at the next full look.
    until(lambda: row(fleet, jobs.running[0]).note == GONE)
    assert row(fleet, jobs.running[1]).note == ""
    fleet.look_now()
    until(lambda: are_gone(fleet, lost))
    check_kept(fleet, jobs, lost)
    assert fleet.cancel([jobs.running[0]]).asked == (jobs.running[0],)
    assert "cannot be found out" in reaches(fleet, jobs.running[0], JobStatus.FAILED_CANCEL).error
    assert alive(jobs.recorders[0])
    # The slot that it held is free: the other job that waited goes on.
    assert reaches(fleet, jobs.waiting[1], COMPLETED).note == ""
    site.go()
    reaches(fleet, jobs.running[1], COMPLETED)
    until(lambda: not any(alive(pid) for pid in jobs.recorders))
    fleet.stop()
    fleet = site.fleet()  # whoever connects mends queues
    (new,) = fleet.submit("hpc1", [Input(5)])
    reaches(fleet, new, COMPLETED)
    assert are_gone(fleet, lost[1:])
    assert Counter(site.ledger()) == Counter(["1", "2", "51", "52", "4", "5"])
    there = {row(fleet, key).job_id for key in (*jobs.all, new) if key not in lost}
    assert {entry.name for entry in site.workspace.glob("[0-9]*")} == there
