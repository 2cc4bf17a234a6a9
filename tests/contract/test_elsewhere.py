"""A home directory that several machines share: what another one runs is never judged here."""

from __future__ import annotations

import os
import signal

import pytest

from exauq_tui.errors import HardwareInterfaceFailureError
from exauq_tui.hardware import JobId, JobStatus
from tests.contract.machines import (
    WAITS,
    AnyInterface,
    Machine,
    alive,
    end_of,
    job,
    snapshot_of,
    wait_for_start,
    wait_until,
)
from tests.contract.toolbox import Toolbox

ELSEWHERE = "login-2.elsewhere"


def move_elsewhere(machine: Machine, number: int) -> None:
    """Let a running job be one that runs on another machine: here are no processes of it."""
    start = machine.job_dir(number) / "START"
    _, boot, pid, ticks, began = start.read_text().split()
    os.killpg(int(pid), signal.SIGKILL)
    wait_until(lambda: not alive(int(pid)), "the end of its processes here")
    # Its numbers may well be those of processes here, and the kernels may be one.
    start.write_text(f"{ELSEWHERE} {boot} {os.getpid()} {ticks} {began}\n")


def limit(machine: Machine, most: int) -> None:
    (machine.workspace / ".exauq-tui" / "max_running").write_text(f"{most}\n")


def statuses(there: AnyInterface) -> dict[int, JobStatus]:
    return {int(str(seen.job_id)): seen.status for seen in there.look().reports}


@pytest.fixture
def there(machine: Machine) -> AnyInterface:
    """Job 1 runs elsewhere; two jobs may run at once."""
    made = machine.interface(machine.script(WAITS), cancel_grace=0.5)
    made.make_workspace()
    limit(machine, 2)
    made.submit_job(job(1))
    wait_for_start(machine, 1)
    move_elsewhere(machine, 1)
    return made


def test_a_job_that_runs_elsewhere_runs_until_its_own_machine_says_otherwise(
    machine: Machine, there: AnyInterface
) -> None:
    before = snapshot_of(machine.job_dir(1))
    again = machine.interface(machine.root / "model.sh")
    for one in (there, again, there):
        (report,) = one.look().reports
        assert (report.status, report.note) == (JobStatus.RUNNING, f"on {ELSEWHERE}")
    with pytest.raises(ValueError, match="has not ended"):
        there.delete_remote_job_dir(JobId(1))
    with pytest.raises(HardwareInterfaceFailureError, match=ELSEWHERE):
        there.cancel_job(JobId(1))
    assert there.describe_workspace().running == 1
    assert snapshot_of(machine.job_dir(1)) == before
    # Its machine writes the end.
    place = machine.job_dir(1)
    (place / "output.txt").write_text("2.5\n")
    (place / "END").write_text("C 1 2 3 0 token 2.5 \n")
    (place / "COMPLETED").touch()
    assert statuses(there) == {1: JobStatus.COMPLETED}
    assert there.get_job_output(JobId(1)) == 2.5


def test_a_job_that_runs_elsewhere_keeps_its_slot_and_is_not_begun_again(
    machine: Machine, there: AnyInterface
) -> None:
    there.submit_jobs([job(number) for number in (2, 3, 4)])
    wait_for_start(machine, 2)
    expected = {
        1: JobStatus.RUNNING,
        2: JobStatus.RUNNING,
        3: JobStatus.SUBMITTED,
        4: JobStatus.SUBMITTED,
    }
    # At each connect the slots are repaired, and what is in no queue is put into it.
    (machine.workspace / ".exauq-tui" / "queue").unlink()
    (machine.workspace / ".exauq-tui" / "queue-done").unlink()
    for _ in range(3):
        again = machine.interface(machine.root / "model.sh")
        assert statuses(again) == expected
    machine.let_go(2)
    wait_for_start(machine, 3)
    assert statuses(there)[4] is JobStatus.SUBMITTED
    assert not (machine.job_dir(4) / "START").exists()
    # Once it has ended, its slot is given to the next.
    (machine.job_dir(1) / "END").write_text("C 1 2 3 0 token - \n")
    (machine.job_dir(1) / "COMPLETED").touch()
    machine.interface(machine.root / "model.sh").connect()
    wait_for_start(machine, 4)
    for number in (3, 4):
        machine.let_go(number)
        assert end_of(there, number) is JobStatus.COMPLETED


def test_what_was_asked_to_stop_elsewhere_is_left_to_that_machine(
    machine: Machine, there: AnyInterface
) -> None:
    place = machine.job_dir(1)
    # A stopper of that machine, by a number that is nobody's here.
    (place / "STOPPING").write_text(f"{ELSEWHERE} another-boot 1 1\n")
    before = snapshot_of(place)
    for one in (there, machine.interface(machine.root / "model.sh")):
        (report,) = one.look().reports
        assert (report.status, report.note) == (JobStatus.PENDING_CANCEL, f"on {ELSEWHERE}")
    assert snapshot_of(place) == before
    # It says what came of it.
    (place / "STOPFAILED").write_text("still running: process 1\n1 1\n")
    assert statuses(there) == {1: JobStatus.FAILED_CANCEL}
    (place / "END").write_text("S 1 2 3 - token - \n")
    (place / "STOPPED").touch()
    assert statuses(there) == {1: JobStatus.CANCELLED}


def test_a_job_of_the_toolbox_whose_end_is_sought_elsewhere_is_not_said_to_have_ended(
    machine: Machine,
) -> None:
    toolbox = Toolbox(machine)
    place = toolbox.submit(1, "sleep 1000")
    there = machine.interface(machine.script(WAITS), cancel_grace=0.5)
    assert statuses(there) == {1: JobStatus.RUNNING}
    os.killpg(int((place / "PGID").read_text()), signal.SIGKILL)
    (place / "STOPPING").write_text(f"{ELSEWHERE} another-boot - -\n")
    before = snapshot_of(place)
    for one in (there, machine.interface(machine.root / "model.sh")):
        assert statuses(one) == {1: JobStatus.PENDING_CANCEL}
    assert snapshot_of(place) == before


def test_a_job_that_runs_here_is_stopped_from_here_although_it_was_asked_to_elsewhere(
    machine: Machine,
) -> None:
    there = machine.interface(machine.script(WAITS))
    there.submit_job(job(1))
    wait_for_start(machine, 1)
    (machine.job_dir(1) / "STOPPING").write_text(f"{ELSEWHERE} another-boot 1 1\n")
    (machine.job_dir(1) / "STOPFAILED").write_text("runs on this machine: cancel it from there\n")
    assert end_of(there, 1) is JobStatus.CANCELLED
