"""Job directories and workspaces that somebody removes, whole or by half, while jobs run."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from exauq_tui.hardware import JobId, JobStatus
from exauq_tui.hardware.interface import Look
from tests.contract.machines import (
    AnyInterface,
    Machine,
    alive,
    check_often,
    end_of,
    job,
    remove_tree,
    run,
    wait_for_start,
    wait_until,
)

RUNS_TILL_TOLD = (
    'echo "$1" >>"$0.ledger"; echo started; '
    'until [ -e "${0%/*}/go" ]; do sleep 0.05; done; echo 1.5 >"$2"\n'
)
"""A simulator that runs until the file "go" is beside it, whatever becomes of its directory."""


def ledger(machine: Machine) -> list[str]:
    """The ids of the jobs that the simulator ran, in the order of their starts."""
    path = machine.root / "model.sh.ledger"
    lines = path.read_text().splitlines() if path.exists() else []
    return [Path(line).parent.name for line in lines]


def recorder(machine: Machine, number: int) -> int:
    return int((machine.job_dir(number) / "PID").read_text())


def started(machine: Machine, *numbers: int, **options: int) -> AnyInterface:
    there = machine.interface(machine.script(RUNS_TILL_TOLD), **options)  # type: ignore[arg-type]
    assert set(there.submit_jobs([job(number) for number in numbers]).values()) == {None}
    wait_for_start(machine, numbers[0])
    return there


class Follower:
    """Follows what one interface tells."""

    def __init__(self, there: AnyInterface) -> None:
        self.there = there
        there.on_news(lambda: None)
        self.look = there.look()

    def next(self) -> Look:
        self.look = self.there.look(self.look.cursor)
        return self.look


def test_a_running_job_whose_directory_was_removed_is_told_without_a_full_look(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_often(monkeypatch, 0.5)
    there = started(machine, 1, 2)
    wait_for_start(machine, 2)
    follower = Follower(there)
    remove_tree(machine.job_dir(1))
    wait_until(lambda: follower.next().deleted, "the word that it is gone")
    assert follower.look.deleted == (JobId(1),)
    assert not follower.look.complete
    assert there.get_job_status(JobId(1)) is JobStatus.PENDING_SUBMIT
    assert there.get_job_output(JobId(1)) is None
    assert there.get_job_status(JobId(2)) is JobStatus.RUNNING


def test_a_recorder_makes_nothing_anew_in_a_job_directory_that_was_removed(
    machine: Machine,
) -> None:
    there = started(machine, 1)
    pid = recorder(machine, 1)
    remove_tree(machine.job_dir(1))
    (machine.root / "go").touch()
    wait_until(lambda: not alive(pid), "the recorder's end")
    assert not machine.job_dir(1).exists()
    assert there.look().reports == ()
    run(there, 2)
    assert there.get_job_output(JobId(2)) == 1.5


def test_nothing_makes_a_removed_workspace_anew_but_a_submission(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_often(monkeypatch, 0.2)
    there = started(machine, 1, 2, max_running=1)
    follower = Follower(there)
    pid = recorder(machine, 1)
    remove_tree(machine.workspace)
    wait_until(lambda: follower.next().complete, "a full look")
    assert follower.look.reports == ()
    (machine.root / "go").touch()
    wait_until(lambda: not alive(pid), "the recorder's end")
    for ask in (
        lambda: there.get_job_statuses([JobId(1), JobId(2)]),
        lambda: there.cancel_jobs([JobId(1), JobId(2)]),
        lambda: machine.interface(machine.root / "model.sh").look(),
    ):
        ask()
        assert not machine.workspace.exists()
    run(there, 3)
    assert there.get_job_output(JobId(3)) == 1.5
    assert {str(report.job_id) for report in there.look().reports} == {"3"}
    assert ledger(machine) == ["1", "3"]


def test_a_job_whose_directory_is_removed_while_it_is_cancelled_is_ended(machine: Machine) -> None:
    script = machine.script("trap '' TERM; echo started; while :; do sleep 0.1; done")
    there = machine.interface(script, cancel_grace=1.5)
    there.submit_job(job(1))
    wait_for_start(machine, 1)
    simulator = int((machine.job_dir(1) / "SIM").read_text().split()[0])
    there.request_cancels([JobId(1)])
    stopping = machine.job_dir(1) / "STOPPING"
    wait_until(lambda: stopping.read_text().split()[2:3] not in ([], ["-"]), "the stopper")
    remove_tree(machine.job_dir(1))
    wait_until(lambda: not alive(simulator), "the simulator's end")
    assert not machine.job_dir(1).exists()


def remove(machine: Machine, number: int, *but: str) -> None:
    """Remove a job's files except some: as far as somebody's `rm -r` has come."""
    for path in machine.job_dir(number).iterdir():
        if path.name not in but:
            path.unlink()


@pytest.mark.parametrize(
    "left",
    [
        ("token", "runner.sh", "exauq_manager.sh"),
        ("token", "runner.sh", "exauq_manager.sh", "input.csv", "PID"),
    ],
    ids=["without its input", "with its pid"],
)
def test_what_is_left_of_a_job_that_is_being_removed_is_not_started_again(
    machine: Machine, left: tuple[str, ...]
) -> None:
    there = started(machine, 1)
    (machine.root / "go").touch()
    assert end_of(there, 1) is JobStatus.COMPLETED
    there.close()
    remove(machine, 1, *left)
    again = machine.interface(machine.root / "model.sh")  # whoever connects mends queues
    run(again, 2)
    again.close()
    # Whatever would start it has had its time: it comes before the second one.
    assert ledger(machine) == ["1", "2"]
    assert {path.name for path in machine.job_dir(1).iterdir()} == set(left)


def test_nothing_is_written_into_what_is_left_of_a_job_that_is_being_removed(
    machine: Machine,
) -> None:
    there = started(machine, 1)
    pid = recorder(machine, 1)
    os.killpg(pid, signal.SIGKILL)
    wait_until(lambda: not alive(pid), "the recorder's end")
    remove(machine, 1, "START", "exauq_manager.sh", "PID")
    (report,) = there.look().reports
    assert report.status is JobStatus.FAILED
    assert report.note.startswith("end not witnessed")
    assert {path.name for path in machine.job_dir(1).iterdir()} == {
        "START",
        "exauq_manager.sh",
        "PID",
    }
