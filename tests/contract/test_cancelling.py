"""Cancelling: what it ends, what it leaves alone, and what it says of the rest."""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import pytest

from exauq_tui.config import ServerProfile
from exauq_tui.errors import HardwareInterfaceFailureError
from exauq_tui.hardware import JobId, JobStatus, LocalScriptInterface
from exauq_tui.hardware.script_ending import CANCEL_GRACE
from exauq_tui.hardware.script_jobs import ScriptJobs
from exauq_tui.monitor.interfaces import Surroundings, make_interface
from tests.contract.machines import (
    WAITS,
    Machine,
    alive,
    end_of,
    every_process,
    job,
    run,
    wait_for_start,
    wait_until,
)

NOTES = 'note() { echo "$1" >>"${0%/*}/pids"; }; '
LASTS = "echo started; while :; do sleep 0.1; done\n"
TREES = {
    "one process": "note $$\n" + LASTS,
    "children": "for i in 1 2 3; do sleep 1000 & note $!; done\n" + LASTS,
    "grandchildren": "(sleep 1000 & note $!; (sleep 1000 & note $!; wait) & wait) &\n" + LASTS,
    "orphans": "(sleep 1000 & note $!)\n" + LASTS,
    "deaf to TERM": "note $$; trap '' TERM HUP INT\n" + LASTS,
    "deaf children": "bash -c 'trap \"\" TERM; while :; do sleep 0.1; done' & note $!\n" + LASTS,
    "nohup": "nohup sleep 1000 >/dev/null & note $!\n" + LASTS,
    "a session of its own": "setsid sleep 1000 & note $!\n" + LASTS,
    "a daemon": '(setsid bash -c \'echo $$ >>"$0"; exec sleep 1000\' "${0%/*}/pids" &)\n' + LASTS,
    "no environment": "env -i /bin/sleep 1000 & note $!\n" + LASTS,
    "a session and no environment": "setsid env -i /bin/sleep 1000 & note $!\n" + LASTS,
    "stopped": "sleep 1000 & note $!; kill -STOP $!\n" + LASTS,
    "forks when told to end": "trap 'setsid sleep 1000 & note $!; exit' TERM\n" + LASTS,
    "process groups of its own": (
        "set -m; sleep 1000 & note $!; (bash -c 'set -m; sleep 1000 & echo $! >>\"$0\"; wait' "
        '"${0%/*}/pids" &)\n' + LASTS
    ),
    "hundreds": "trap '' TERM; for i in {1..100}; do sleep 1000 & note $!; done\n" + LASTS,
    "goes on forking": (
        "trap '' TERM; while :; do sleep 1000 & note $!; [[ $((++n)) -gt 20 ]] && break; "
        "sleep 0.02; done\n" + LASTS
    ),
}


def noted(machine: Machine) -> list[int]:
    with suppress(FileNotFoundError):
        return [int(word) for word in (machine.root / "pids").read_text().split()]
    return []


@pytest.mark.parametrize("tree", TREES.values(), ids=TREES)
def test_cancelling_leaves_nothing_of_the_job_alive(machine: Machine, tree: str) -> None:
    there = machine.interface(machine.script(NOTES + tree), cancel_grace=1.0)
    there.submit_job(job(1))
    wait_for_start(machine, 1)
    there.cancel_job(JobId(1))
    assert there.get_job_status(JobId(1)) is JobStatus.CANCELLED
    if "TERM\n" not in tree:
        assert noted(machine) != []
    assert [pid for pid in noted(machine) if alive(pid)] == []
    assert there.get_job_output(JobId(1)) is None


def test_while_many_jobs_are_being_cancelled_few_of_them_are_asked_about(
    here: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Every third one heeds no TERM, so that some end long before the others.
    text = 'if [ $((${1%%.*} % 3)) -eq 0 ]; then trap "" TERM; fi\n' + LASTS
    there = here.interface(here.script(f"read -r line <$1; set -- $line\n{text}"), cancel_grace=1.0)
    numbers = range(1, 31)
    there.submit_jobs([job(number, float(number)) for number in numbers])
    for number in numbers:
        wait_for_start(here, number)
    asked = []
    real = type(there)._ask

    def ask(self: object, verb: str, fields: Sequence[str] = (), *rest: object) -> object:
        if verb == "jobs":
            asked.append(len(fields) - 1)
        return real(self, verb, fields, *rest)  # type: ignore[arg-type]  # passed on

    with monkeypatch.context() as patch:
        patch.setattr(type(there), "_ask", ask)
        answers = there.cancel_jobs([JobId(number) for number in numbers])
    assert answers == dict.fromkeys(map(JobId, numbers))
    statuses = there.get_job_statuses(list(answers))
    assert set(statuses.values()) == {JobStatus.CANCELLED}
    assert len(asked) > 2
    assert max(asked) <= 20


def test_a_job_can_put_its_things_in_order_before_it_is_killed(machine: Machine) -> None:
    text = "trap 'echo tidied; echo 7 >\"$2\"; exit 0' TERM\n" + LASTS
    there = machine.interface(machine.script(text), cancel_grace=20.0)
    there.submit_job(job(1))
    wait_for_start(machine, 1)
    begun = time.monotonic()
    there.cancel_job(JobId(1))
    assert time.monotonic() - begun < 15
    # It ended with an output, but not before it was cancelled.
    assert there.get_job_status(JobId(1)) is JobStatus.CANCELLED
    assert there.get_job_output(JobId(1)) is None
    assert b"tidied" in there.read_job_log(JobId(1), 0, 1000).data
    (report,) = there.look().reports
    assert report.exit_code == 0
    assert report.finished is not None


def test_without_a_grace_a_job_is_killed_at_once(machine: Machine) -> None:
    text = "trap 'sleep 1; echo tidied; exit 0' TERM; " + LASTS
    there = machine.interface(machine.script(text), cancel_grace=0.0)
    there.submit_job(job(1))
    wait_for_start(machine, 1)
    there.cancel_job(JobId(1))
    assert there.get_job_status(JobId(1)) is JobStatus.CANCELLED
    assert b"tidied" not in there.read_job_log(JobId(1), 0, 1000).data


def test_a_profile_says_how_long_its_jobs_have_to_end_by_themselves(here: Machine) -> None:
    script = here.script("trap 'sleep 1; echo tidied; exit 0' TERM; " + LASTS)
    around = Surroundings(str(here.workspace), lambda _: None, lambda _: False, None)
    for number, seconds in ((1, 30.0), (2, 0.0)):
        profile = ServerProfile("here", "local", "/bin/bash", str(script), cancel_grace=seconds)
        there = make_interface(profile, around)
        assert isinstance(there, LocalScriptInterface)
        with there:
            there.connect()
            there.submit_job(job(number))
            wait_for_start(here, number)
            there.cancel_job(JobId(number))
            log = there.read_job_log(JobId(number), 0, 1000).data
            assert (b"tidied" in log) is (seconds > 0)


@pytest.mark.parametrize("kind", ["unix", "local"])
def test_a_profile_has_the_grace_of_the_interfaces_unless_it_says_another(kind: str) -> None:
    profile = ServerProfile("there", kind, "bash", "model.sh", user="a", host="h")
    for each, grace in ((profile, CANCEL_GRACE), (replace(profile, cancel_grace=0.5), 0.5)):
        interface = make_interface(each, Surroundings(None, lambda _: None, lambda _: False, None))
        assert isinstance(interface, ScriptJobs)
        assert interface._grace == grace


@pytest.mark.parametrize("grace", [-1.0, math.inf, math.nan])
def test_a_grace_that_is_no_time_is_a_value_error(here: Machine, grace: float) -> None:
    with pytest.raises(ValueError, match="give seconds, 0 or more"):
        here.interface(cancel_grace=grace, connect=False)


def test_a_job_that_does_not_run_is_left_as_it_is(machine: Machine) -> None:
    there = machine.interface(machine.script('case $2 in */1/*) echo 1 >"$2" ;; esac'))
    run(there, 1, 2)
    for number, status in ((1, JobStatus.COMPLETED), (2, JobStatus.FAILED)):
        there.cancel_job(JobId(number))
        assert there.get_job_status(JobId(number)) is status
    there.cancel_job(JobId(3))
    assert there.get_job_status(JobId(3)) is JobStatus.PENDING_SUBMIT
    assert there.get_job_output(JobId(1)) == 1.0
    assert there.request_cancels([JobId(1), JobId(2), JobId(3)]) == {
        JobId(1): JobStatus.COMPLETED,
        JobId(2): JobStatus.FAILED,
        JobId(3): JobStatus.PENDING_SUBMIT,
    }
    assert not (machine.job_dir(1) / "STOPPING").exists()


def test_a_cancelled_job_is_cancelled_again_without_error(machine: Machine) -> None:
    there = machine.interface(machine.script(WAITS), cancel_grace=1.0)
    there.submit_job(job(1))
    there.cancel_job(JobId(1))
    there.cancel_job(JobId(1))
    assert there.get_job_status(JobId(1)) is JobStatus.CANCELLED


def test_a_job_is_cancelled_the_moment_it_was_submitted(machine: Machine) -> None:
    there = machine.interface(machine.script(NOTES + "note $$; " + LASTS), cancel_grace=1.0)
    numbers = range(1, 13)
    for number in numbers:
        there.submit_job(job(number))
        there.cancel_job(JobId(number))
    statuses = there.get_job_statuses([JobId(number) for number in numbers])
    assert set(statuses.values()) == {JobStatus.CANCELLED}
    assert [pid for pid in noted(machine) if alive(pid)] == []


def test_many_jobs_cost_one_grace_and_others_are_left_alone(machine: Machine) -> None:
    script = machine.script(
        "case $2 in */99/*) " + WAITS.strip() + " ;; *) trap '' TERM; " + LASTS.strip() + " ;; esac"
    )
    there = machine.interface(script, cancel_grace=2.0)
    numbers = list(range(1, 9))
    there.submit_jobs([job(number) for number in [*numbers, 99]])
    for number in [*numbers, 99]:
        wait_for_start(machine, number)
    begun = time.monotonic()
    ids = [JobId(number) for number in numbers]
    assert there.cancel_jobs(ids) == dict.fromkeys(ids)
    assert time.monotonic() - begun < 2.0 * len(numbers)
    assert set(there.get_job_statuses(ids).values()) == {JobStatus.CANCELLED}
    assert there.get_job_status(JobId(99)) is JobStatus.RUNNING
    machine.let_go(99)
    assert end_of(there, 99) is JobStatus.COMPLETED


def test_a_request_to_cancel_returns_at_once_and_looks_tell_the_rest(machine: Machine) -> None:
    there = machine.interface(machine.script("trap '' TERM; " + LASTS), cancel_grace=2.0)
    there.submit_job(job(1))
    wait_for_start(machine, 1)
    cursor = there.look().cursor
    assert there.request_cancels([JobId(1)]) == {JobId(1): JobStatus.PENDING_CANCEL}
    assert there.get_job_status(JobId(1)) is JobStatus.PENDING_CANCEL
    with pytest.raises(ValueError, match="has not ended"):
        there.delete_remote_job_dir(JobId(1))
    with pytest.raises(ValueError, match="Pending cancel"):
        there.submit_job(job(1), resubmit=True)
    seen: list[JobStatus] = []

    def cancelled() -> bool:
        nonlocal cursor
        look = there.look(cursor)
        cursor = look.cursor
        seen.extend(report.status for report in look.reports)
        return seen[-1:] == [JobStatus.CANCELLED]

    wait_until(cancelled, "the end of the job")
    assert seen[0] is JobStatus.PENDING_CANCEL


def test_two_objects_cancel_one_job_together(machine: Machine) -> None:
    script = machine.script("trap '' TERM; " + LASTS)
    first = machine.interface(script, cancel_grace=1.0)
    second = machine.interface(script, cancel_grace=1.0)
    first.submit_job(job(1))
    wait_for_start(machine, 1)
    first.request_cancels([JobId(1)])
    second.cancel_job(JobId(1))
    assert first.get_job_status(JobId(1)) is JobStatus.CANCELLED


def test_a_job_that_ends_while_it_is_cancelled_has_one_end(machine: Machine) -> None:
    there = machine.interface(machine.script(WAITS), cancel_grace=1.0)
    numbers = range(1, 11)
    there.submit_jobs([job(number) for number in numbers])
    for number in numbers:
        wait_for_start(machine, number)
    for number in numbers:
        machine.let_go(number)
        there.cancel_job(JobId(number))
    for number in numbers:
        status = end_of(there, number)
        assert status in (JobStatus.CANCELLED, JobStatus.COMPLETED)
        flags = {
            flag
            for flag in ("STOPPED", "COMPLETED", "FAILED")
            if (machine.job_dir(number) / flag).exists()
        }
        assert flags == {"STOPPED" if status is JobStatus.CANCELLED else "COMPLETED"}
        assert there.get_job_output(JobId(number)) == (
            1.5 if status is JobStatus.COMPLETED else None
        )


def queue_without_starting(
    here: Machine, monkeypatch: pytest.MonkeyPatch, *numbers: int, script: str = WAITS
) -> None:
    """Submit jobs to a machine on which nothing can be started for the moment."""
    shims = here.root / "shims"
    shims.mkdir()
    (shims / "setsid").write_text("#!/bin/sh\nexit 0\n")
    (shims / "setsid").chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{shims}:{os.environ['PATH']}")
        there = here.interface(here.script(script))
        assert set(there.submit_jobs([job(number) for number in numbers]).values()) == {None}
        there.close()


def test_a_queued_job_is_submitted_and_starts_at_the_next_connection(
    here: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue_without_starting(here, monkeypatch, 1, 2)
    assert not (here.job_dir(1) / "START").exists()
    there = here.interface(here.root / "model.sh")
    for number in (1, 2):
        wait_for_start(here, number)
        here.let_go(number)
        assert end_of(there, number) is JobStatus.COMPLETED


def test_a_queued_job_that_is_cancelled_never_starts(
    here: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue_without_starting(here, monkeypatch, 1, script=NOTES + "note $$")
    shims = here.root / "shims"
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{shims}:{os.environ['PATH']}")
        there = here.interface(here.root / "model.sh")
        assert there.get_job_status(JobId(1)) is JobStatus.SUBMITTED
        with pytest.raises(ValueError, match="has not ended"):
            there.delete_remote_job_dir(JobId(1))
        there.cancel_job(JobId(1))
        assert there.get_job_status(JobId(1)) is JobStatus.CANCELLED
        there.close()
    again = here.interface(here.root / "model.sh")
    run(again, 2)  # whatever would start the first one has had its time
    assert again.get_job_status(JobId(1)) is JobStatus.CANCELLED
    assert len(noted(here)) == 1
    (report,) = [report for report in again.look().reports if report.job_id == JobId(1)]
    assert report.note == "never started"


def stoppers(machine: Machine) -> list[int]:
    mark = os.fsencode(machine.workspace)
    return [
        pid for pid, command, *_ in every_process() if b"\0stop\0" in command and mark in command
    ]


def test_a_cancel_whose_stopper_was_killed_is_finished_by_the_next_looks(
    machine: Machine,
) -> None:
    there = machine.interface(
        machine.script(NOTES + "note $$; trap '' TERM; " + LASTS), cancel_grace=600.0
    )
    there.submit_job(job(1))
    wait_for_start(machine, 1)
    there.request_cancels([JobId(1)])
    wait_until(lambda: stoppers(machine), "the stopper")
    there.close()
    for pid in stoppers(machine):
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not stoppers(machine), "the stopper's end")
    another = machine.interface(machine.root / "model.sh", cancel_grace=1.0)
    assert end_of(another, 1) is JobStatus.CANCELLED
    assert [pid for pid in noted(machine) if alive(pid)] == []


@pytest.mark.parametrize("written", ["", "S - 1700000000 - - \n"])
def test_a_stopper_that_died_while_it_recorded_the_end_is_made_up_for(
    machine: Machine, written: str
) -> None:
    there = machine.interface(machine.script(WAITS), cancel_grace=1.0)
    there.submit_job(job(1))
    wait_for_start(machine, 1)
    there.cancel_job(JobId(1))
    (machine.job_dir(1) / "STOPPED").unlink()
    (machine.job_dir(1) / "END").write_text(written)
    assert end_of(there, 1) is JobStatus.CANCELLED
    assert (machine.job_dir(1) / "STOPPED").exists()


def test_a_job_of_another_machine_is_not_judged_and_not_cancelled_from_here(
    machine: Machine,
) -> None:
    there = machine.interface(machine.script(WAITS), cancel_grace=1.0)
    there.submit_job(job(1))
    wait_for_start(machine, 1)
    start = machine.job_dir(1) / "START"
    host, rest = start.read_text().split(" ", 1)
    start.write_text(f"login-2.elsewhere {rest}")
    (report,) = there.look().reports
    assert (report.status, report.note) == (JobStatus.RUNNING, "on login-2.elsewhere")
    begun = time.monotonic()
    with pytest.raises(HardwareInterfaceFailureError, match=r"login-2\.elsewhere"):
        there.cancel_job(JobId(1))
    assert time.monotonic() - begun < 10
    # Its recorder there must not take the job's end for that of a cancelled one.
    assert not (machine.job_dir(1) / "STOPPING").exists()
    assert there.get_job_status(JobId(1)) is JobStatus.RUNNING
    start.write_text(f"{host} {rest}")
    machine.let_go(1)
    assert end_of(there, 1) is JobStatus.COMPLETED


# Each process lives for a moment, and is the parent of the next; in the end they give up.
CHAIN = (
    'if [[ -n ${3-} ]]; then [[ $3 -lt 20000 ]] && bash "$0" - - $(($3 + 1)) & exit; fi\n'
    "trap '' TERM\n"
    'bash "$0" - - 1 &\n' + LASTS
)


@pytest.mark.parametrize("main", ["lasts", "ends"])
def test_processes_too_short_lived_to_be_seen_are_ended_too(machine: Machine, main: str) -> None:
    text = CHAIN if main == "lasts" else CHAIN.replace("trap '' TERM\n", "")
    there = machine.interface(machine.script(text), cancel_grace=1.0)
    there.submit_job(job(1))
    wait_for_start(machine, 1)
    group = int((machine.job_dir(1) / "PGID").read_text())
    try:
        there.cancel_job(JobId(1))
        assert there.get_job_status(JobId(1)) is JobStatus.CANCELLED
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGSTOP)  # so that what there may be can be seen
        assert [pid for pid, *_, session in every_process() if session == group] == []
    finally:
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)


def test_who_ends_a_job_that_was_deleted_meanwhile_says_nothing_of_it(here: Machine) -> None:
    # As where another client had asked too, was quicker, and deleted it.
    there = here.interface(here.script("trap '' TERM; " + LASTS), cancel_grace=600.0)
    there.submit_job(job(1))
    wait_for_start(here, 1)
    there.request_cancels([JobId(1)])
    stopping = here.job_dir(1) / "STOPPING"
    wait_until(
        lambda: stopping.read_text().split()[2:3] not in ([], ["-"]), "somebody who stops it"
    )
    stopper = int(stopping.read_text().split()[2])
    recorder = int((here.job_dir(1) / "START").read_text().split()[2])
    here.job_dir(1).rename(here.root / "deleted")
    os.killpg(recorder, signal.SIGKILL)
    wait_until(lambda: not alive(stopper), "the end of who stops it")
    journal = (here.workspace / ".exauq-tui" / "journal").read_text()
    assert "\n1 T " in journal
    assert "\n1 S " not in journal
    assert not here.job_dir(1).exists()
