"""A connection for looking only: whatever is half done in a workspace, it leaves as it is."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from exauq_tui.errors import HardwareInterfaceFailureError
from exauq_tui.hardware import JobId, JobStatus
from exauq_tui.hardware.diagnosis import Check
from tests.contract.machines import (
    PATIENCE,
    WRITES_A_NUMBER,
    Machine,
    alive,
    alter_program,
    check_often,
    every_process,
    job,
    run,
    wait_for_last_lines,
    wait_for_start,
    wait_until,
)

DEAF = "trap '' TERM; echo started; while :; do sleep 0.1; done\n"


def listing(directory: Path) -> dict[str, tuple[int, int, int, bytes]]:
    """Everything below a directory: kind and rights, who it is, when it changed, what it holds."""
    found = {}
    for path in [directory, *sorted(directory.rglob("*"))]:
        stat = path.lstat()
        held = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        found[str(path)] = (stat.st_mode, stat.st_ino, stat.st_mtime_ns, held)
    return found


def at_work(machine: Machine, what: bytes) -> list[tuple[int, bytes]]:
    """The processes of the program that are about something in the workspace, and their words."""
    mark = os.fsencode(machine.workspace)
    return [
        (pid, command)
        for pid, command, *_ in every_process()
        if b"\0%b\0" % what in command and mark in command
    ]


def kill_stopper(machine: Machine) -> None:
    wait_until(lambda: at_work(machine, b"stop"), "the stopper")
    for pid, _ in at_work(machine, b"stop"):
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not at_work(machine, b"stop"), "the stopper's end")


def leave_a_mess(machine: Machine) -> None:
    """Have a queue that stands, a job that ended unseen, one half cancelled, and leftovers."""
    there = machine.interface(machine.script(DEAF), max_running=2, cancel_grace=600.0)
    run(machine.interface(machine.script(WRITES_A_NUMBER, "short.sh"), max_running=2), 9)
    there.submit_jobs([job(1), job(2), job(3)])
    for number in (1, 2):
        wait_for_start(machine, number)
    there.request_cancels([JobId(2)])
    there.close()
    kill_stopper(machine)
    wait_for_last_lines(machine)
    recorder = int((machine.job_dir(1) / "START").read_text().split()[2])
    simulator = int((machine.job_dir(1) / "SIM").read_text().split()[0])
    for pid in (recorder, simulator):
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not alive(recorder) and not alive(simulator), "their ends")
    host = Path("/proc/sys/kernel/hostname").read_text().strip()
    for name in (f"new-1-0-7-{host}", f"trash-1-0-7-{host}", "accepted-7"):
        (machine.workspace / ".exauq-tui" / name).write_text("3\n")


def test_nothing_is_mended_cleared_away_or_made(
    here: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_a_mess(here)
    check_often(monkeypatch, 0.1)
    alter_program(monkeypatch, ("exauq_beat=20", "exauq_beat=5"))
    before = listing(here.root)
    looking = here.interface(here.root / "model.sh", look_only=True, max_running=None)
    told = threading.Event()
    looking.on_news(told.set)
    look = looking.look()
    assert {report.job_id: report.status for report in look.reports} == {
        JobId(1): JobStatus.FAILED,
        JobId(2): JobStatus.PENDING_CANCEL,
        JobId(3): JobStatus.SUBMITTED,
        JobId(9): JobStatus.COMPLETED,
    }
    assert told.wait(PATIENCE)  # it looked for what died five times meanwhile
    assert looking.look(look.cursor).reports == ()
    assert looking.get_job_output(JobId(9)) == 1.5
    assert looking.describe_workspace().jobs == 4
    assert looking.read_job_log(JobId(1), 0, 100).data == b"started\n"
    place = next(each for each in looking.examine() if each.check is Check.WORKSPACE)
    assert "newer" not in place.found
    verbs: list[Callable[[], object]] = [
        lambda: looking.submit_job(job(4)),
        lambda: looking.cancel_job(JobId(3)),
        lambda: looking.delete_remote_job_dir(JobId(9)),
        looking.delete_workspace,
    ]
    for verb in verbs:
        with pytest.raises(HardwareInterfaceFailureError, match="for looking only"):
            verb()
    looking.close()
    assert at_work(here, b"fill") == at_work(here, b"stop") == []
    assert listing(here.root) == before
    # One that may change something mends it all.
    here.interface(here.root / "model.sh", cancel_grace=0.1).look()
    wait_for_start(here, 3)
    wait_until((here.job_dir(2) / "STOPPED").exists, "the end of the cancelled job")
    assert (here.job_dir(1) / "FAILED").exists()


@pytest.mark.parametrize("workspace", [True, None], ids=["named", "to be made"])
def test_no_workspace_is_made(here: Machine, workspace: bool | None) -> None:
    looking = here.interface(
        here.script(WRITES_A_NUMBER), workspace=workspace, look_only=True, max_running=3
    )
    before = listing(here.root)
    assert looking.look().reports == ()
    with pytest.raises(HardwareInterfaceFailureError, match="for looking only"):
        looking.submit_job(job(1))
    looking.close()
    assert listing(here.root) == before


def test_a_cancel_that_another_left_undone_goes_on_with_the_grace_of_who_takes_it_up(
    here: Machine,
) -> None:
    there = here.interface(here.script(DEAF), cancel_grace=600.0)
    there.submit_job(job(1))
    wait_for_start(here, 1)
    there.request_cancels([JobId(1)])
    there.close()
    kill_stopper(here)
    here.interface(here.root / "model.sh", cancel_grace=77.0).look()
    graces: set[bytes] = set()

    def goes_on() -> bool:
        graces.update(command.split(b"\0")[-2] for _, command in at_work(here, b"stop"))
        return bool(graces)

    wait_until(goes_on, "another stopper")
    assert graces == {b"77000"}
