"""Processes that are dead and that nobody collects, as in a container without an init."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from exauq_tui.hardware import JobId, JobStatus
from tests.contract.machines import (
    WAITS,
    AnyInterface,
    Machine,
    alive,
    alter_program,
    end_of,
    job,
    wait_for_start,
    wait_until,
)

# A process to which the children of dead ones are given, and which never asks how they ended.
NEGLECTS = """
import ctypes, subprocess, sys
PR_SET_CHILD_SUBREAPER = 36
assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, start_new_session=True)
print("started", flush=True)
sys.stdin.read()
"""


@contextmanager
def neglected(*command: str | Path) -> Iterator[None]:
    """Run a command of whose processes none is collected until the end."""
    parent = subprocess.Popen(
        [sys.executable, "-c", NEGLECTS, *map(str, command)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"started\n"
        yield
    finally:
        parent.communicate(timeout=30)


@contextmanager
def neglected_job(machine: Machine, script: str = WAITS) -> Iterator[AnyInterface]:
    """Run job 1 so that its recorder and its simulator stay zombies when they die."""
    there = machine.interface(machine.script(script), cancel_grace=0.5)
    there.make_workspace()
    own = machine.workspace / ".exauq-tui"
    # It waits behind one that runs on another machine, until it is begun by hand.
    place = machine.job_dir(9)
    place.mkdir()
    for name, text in (
        ("token", "token 1\n"),
        ("START", "another-host boot 1 1 1\n"),
        ("exauq_manager.sh", "#!/bin/bash\n"),
    ):
        (place / name).write_text(text)
    (own / "max_running").write_text("1\n")
    (own / "slots").write_text("9\n")
    there.submit_job(job(1))
    with neglected("/bin/bash", "-p", machine.job_dir(1) / "runner.sh"):
        wait_for_start(machine, 1)
        pid_in(machine, "SIM", 0)  # its recorder has told whom it started
        yield there


def bring_to(state: str, pid: int, by: signal.Signals) -> None:
    """Send a signal to a process and see it come to a state, such as "Z"."""
    os.kill(pid, by)
    wait_until(lambda: state_of(pid) == state, f"state {state} of process {pid}")


def state_of(pid: int) -> str:
    stat = Path(f"/proc/{pid}/stat").read_text()
    return stat[stat.rindex(")") + 2]


def die(pid: int) -> None:
    bring_to("Z", pid, signal.SIGKILL)


def pid_in(machine: Machine, name: str, place: int) -> int:
    path = machine.job_dir(1) / name
    wait_until(lambda: path.exists() and path.read_text(), name)
    return int(path.read_text().split()[place])


@pytest.mark.parametrize("with_output", [True, False])
def test_a_job_of_which_only_zombies_are_left_ends_by_the_rule(
    machine: Machine, with_output: bool
) -> None:
    with neglected_job(machine) as there:
        if with_output:
            (machine.job_dir(1) / "output.txt").write_text("2.5\n")
        die(pid_in(machine, "START", 2))
        (report,) = [seen for seen in there.look().reports if seen.job_id == JobId(1)]
        assert (report.status, report.note) == (JobStatus.RUNNING, "recorder gone")
        die(pid_in(machine, "SIM", 0))
        expected = JobStatus.COMPLETED if with_output else JobStatus.FAILED
        assert end_of(there, 1) is expected
        (report,) = [seen for seen in there.look().reports if seen.job_id == JobId(1)]
        assert report.note == "end not witnessed, output may be partial"


def test_a_zombie_simulator_whose_recorder_lives_is_a_job_that_is_being_recorded(
    machine: Machine,
) -> None:
    with neglected_job(machine) as there:
        recorder = pid_in(machine, "START", 2)
        bring_to("T", recorder, signal.SIGSTOP)
        die(pid_in(machine, "SIM", 0))
        assert there.get_job_status(JobId(1)) is JobStatus.RUNNING
        os.kill(recorder, signal.SIGCONT)
        assert end_of(there, 1) is JobStatus.FAILED
        (report,) = [seen for seen in there.look().reports if seen.job_id == JobId(1)]
        assert (report.exit_code, report.note) == (137, "")


def test_cancelling_ends_what_a_zombie_recorder_left(machine: Machine) -> None:
    # Without the mark in its environment: it is known by the session alone.
    with neglected_job(machine, "echo started; exec env -i sleep 1000") as there:
        simulator = pid_in(machine, "SIM", 0)
        die(pid_in(machine, "START", 2))
        there.cancel_job(JobId(1))
        assert there.get_job_status(JobId(1)) is JobStatus.CANCELLED
        assert state_of(simulator) == "Z"


def test_a_deaf_job_of_which_zombies_are_left_has_ended_once_it_was_killed(
    machine: Machine,
) -> None:
    with neglected_job(
        machine, "trap '' TERM; echo started; while :; do sleep 0.01; done"
    ) as there:
        recorder, simulator = pid_in(machine, "START", 2), pid_in(machine, "SIM", 0)
        there.cancel_job(JobId(1))
        assert there.get_job_status(JobId(1)) is JobStatus.CANCELLED
        assert state_of(recorder) == "Z"
        # Which its recorder may have collected with its last breath.
        assert not alive(simulator)
        assert not (machine.job_dir(1) / "STOPFAILED").exists()


def test_nobody_waits_for_zombies_to_be_collected(
    here: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if it took long to find a job's processes: waiting for them may take as long.
    alter_program(monkeypatch, ("patience=$((4 * (milliseconds - $1)))", "patience=1000000"))
    with neglected_job(here) as there:
        there.close()
        there = here.interface(here.root / "model.sh", cancel_grace=20.0)
        begun = time.monotonic()
        there.cancel_job(JobId(1))
        assert time.monotonic() - begun < 15
        assert there.get_job_status(JobId(1)) is JobStatus.CANCELLED


def test_a_survivor_that_is_a_zombie_by_now_keeps_no_job_from_its_end(machine: Machine) -> None:
    with neglected_job(machine) as there:
        simulator, ticks = (machine.job_dir(1) / "SIM").read_text().split()
        place = machine.job_dir(1)
        (place / "STOPPING").write_text("a stopper that gave up\n")
        (place / "STOPFAILED").write_text(
            f"still running: process {simulator}\n{simulator} {ticks}\n"
        )
        assert there.get_job_status(JobId(1)) is JobStatus.FAILED_CANCEL
        die(pid_in(machine, "START", 2))
        assert there.get_job_status(JobId(1)) is JobStatus.FAILED_CANCEL
        die(int(simulator))
        assert end_of(there, 1) is JobStatus.CANCELLED
