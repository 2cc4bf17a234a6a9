"""What is said of jobs whose end nobody witnessed, and of files that were damaged."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from exauq_tui.errors import HardwareInterfaceFailureError
from exauq_tui.hardware import JobId, JobStatus
from exauq_tui.hardware.interface import JobReport
from exauq_tui.hardware.script_jobs import ScriptJobs
from exauq_tui.hardware.server_program import server_program
from tests.contract.machines import (
    WAITS,
    AnyInterface,
    Machine,
    alive,
    alter_program,
    end_of,
    ends_of,
    every_process,
    job,
    run,
    snapshot_of,
    wait_for_last_lines,
    wait_for_start,
    wait_until,
)

EARLIER = "00000000-0000-0000-0000-000000000000"
"""The boot id of an earlier uptime."""


def report_of(there: ScriptJobs, number: int) -> JobReport:
    (report,) = [seen for seen in there.look().reports if seen.job_id == JobId(number)]
    return report


def recorder(machine: Machine, number: int) -> int:
    return int((machine.job_dir(number) / "PID").read_text())


def started(machine: Machine, *numbers: int, script: str = WAITS) -> AnyInterface:
    there = machine.interface(machine.script(script), cancel_grace=1.0)
    there.submit_jobs([job(number) for number in numbers])
    for number in numbers:
        wait_for_start(machine, number)
    return there


def rewrite_start(machine: Machine, number: int, **parts: str) -> None:
    """Change what is recorded of a job's recorder: host, boot, pid, ticks, started."""
    names = ("host", "boot", "pid", "ticks", "started")
    path = machine.job_dir(number) / "START"
    words = dict(zip(names, path.read_text().split(), strict=True))
    path.write_text(" ".join({**words, **parts}.values()) + "\n")


def test_a_recorder_that_was_killed_is_said_and_the_job_goes_on(machine: Machine) -> None:
    there = started(machine, 1)
    os.kill(recorder(machine, 1), signal.SIGKILL)
    wait_until(lambda: report_of(there, 1).note == "recorder gone", "that the recorder is missed")
    assert report_of(there, 1).status is JobStatus.RUNNING
    assert there.get_job_output(JobId(1)) is None
    machine.let_go(1)
    assert end_of(there, 1) is JobStatus.COMPLETED
    report = report_of(there, 1)
    assert report.note == "end not witnessed, output may be partial"
    assert report.exit_code is None
    assert there.get_job_output(JobId(1)) == 1.5


@pytest.mark.parametrize("with_output", [True, False])
def test_a_job_whose_processes_were_all_killed_ends_by_the_rule(
    machine: Machine, with_output: bool
) -> None:
    there = started(machine, 1)
    if with_output:
        (machine.job_dir(1) / "output.txt").write_text("2.5\n")
    os.killpg(recorder(machine, 1), signal.SIGKILL)
    expected = JobStatus.COMPLETED if with_output else JobStatus.FAILED
    assert end_of(there, 1) is expected
    assert there.get_job_output(JobId(1)) == (2.5 if with_output else None)
    again = machine.interface(machine.root / "model.sh")
    for one in (there, again):
        report = report_of(one, 1)
        assert report.status is expected
        assert report.note == "end not witnessed, output may be partial"
    assert (machine.job_dir(1) / expected.name).exists()


def test_a_job_of_an_earlier_uptime_ended_with_the_reboot(machine: Machine) -> None:
    there = started(machine, 1, 2)
    (machine.job_dir(2) / "output.txt").write_text("2.5\n")
    for number in (1, 2):
        rewrite_start(machine, number, boot=EARLIER)
    assert end_of(there, 1) is JobStatus.FAILED
    assert end_of(there, 2) is JobStatus.COMPLETED
    for number in (1, 2):
        assert report_of(there, number).note == (
            "end not witnessed (reboot), output may be partial"
        )


def test_queued_jobs_go_on_at_the_first_connect_after_a_reboot(machine: Machine) -> None:
    there = machine.interface(machine.script(WAITS), cancel_grace=1.0)
    there.make_workspace()
    own = machine.workspace / ".exauq-tui"
    (own / "max_running").write_text("2\n")
    there.submit_jobs([job(number) for number in range(1, 6)])
    for number in (1, 2):
        wait_for_start(machine, number)
        os.killpg(recorder(machine, number), signal.SIGKILL)
        rewrite_start(machine, number, boot=EARLIER)
    there.close()
    again = machine.interface(machine.root / "model.sh")
    for number in (3, 4):
        wait_for_start(machine, number)
    notes = {int(str(seen.job_id)): (seen.status, seen.note) for seen in again.look().reports}
    lost = (JobStatus.FAILED, "end not witnessed (reboot), output may be partial")
    assert notes == {
        1: lost,
        2: lost,
        3: (JobStatus.RUNNING, ""),
        4: (JobStatus.RUNNING, ""),
        5: (JobStatus.SUBMITTED, ""),
    }
    for number in (3, 4, 5):
        machine.let_go(number)
    ends = ends_of(again, [3, 4, 5])
    assert set(ends.values()) == {JobStatus.COMPLETED}


def test_a_job_that_was_given_a_slot_before_a_reboot_and_did_not_begin_begins_after_it(
    here: Machine,
) -> None:
    there = here.interface(here.script(WAITS))
    there.make_workspace()
    own = here.workspace / ".exauq-tui"
    (own / "max_running").write_text("1\n")
    there.submit_job(job(1))
    wait_for_start(here, 1)
    os.killpg(recorder(here, 1), signal.SIGKILL)
    for name in ("START", "SIM", "PID", "PGID", "JOBID", "model.sh.out"):
        (here.job_dir(1) / name).unlink(missing_ok=True)
    assert (own / "slots").read_text().split() == ["1"]
    there.close()
    again = here.interface(here.root / "model.sh")
    wait_for_start(here, 1)
    here.let_go(1)
    assert end_of(again, 1) is JobStatus.COMPLETED


def test_a_job_that_was_being_cancelled_at_a_reboot_was_cancelled(machine: Machine) -> None:
    there = started(machine, 1)
    os.killpg(recorder(machine, 1), signal.SIGKILL)
    rewrite_start(machine, 1, boot=EARLIER)
    # By a stopper whose number is another process's now.
    (machine.job_dir(1) / "STOPPING").write_text(
        f"{os.uname().nodename} {EARLIER} {os.getpid()} 1\n"
    )
    assert end_of(there, 1) is JobStatus.CANCELLED


def test_another_process_with_the_number_of_a_survivor_keeps_no_job_from_its_end(
    machine: Machine,
) -> None:
    there = started(machine, 1)
    place = machine.job_dir(1)
    (place / "STOPPING").write_text("a stopper that gave up\n")
    simulator, ticks = (place / "SIM").read_text().split()
    words = f"still running: process {simulator}"
    (place / "STOPFAILED").write_text(f"{words}\n{simulator} {ticks}\n")
    assert report_of(there, 1).status is JobStatus.FAILED_CANCEL
    assert report_of(there, 1).note == words
    # It has ended since, and its number is ours.
    os.killpg(recorder(machine, 1), signal.SIGKILL)
    (place / "STOPFAILED").write_text(f"{words}\n{os.getpid()} {ticks}\n")
    assert end_of(there, 1) is JobStatus.CANCELLED


def test_a_recorder_that_slept_before_it_signed_contradicts_nobody(here: Machine) -> None:
    ledger = here.root / "ledger"
    there = here.interface(here.script(f'echo ran >>{ledger}; echo 1 >"$2"'))
    run(there, 1)
    assert ledger.read_text() == "ran\n"
    # As the machine's sleep leaves it: claimed long ago, taken for dead, then it wakes up.
    for name in ("COMPLETED", "END", "EXIT", "START", "SIM", "output.txt"):
        (here.job_dir(1) / name).unlink()
    (here.job_dir(1) / "END").touch()
    subprocess.run(["/bin/bash", "-p", here.job_dir(1) / "runner.sh"], check=True)
    assert ledger.read_text() == "ran\n"
    # And the other way round: it signs while somebody takes it for dead.
    (here.job_dir(1) / "END").unlink()
    start = here.job_dir(1) / "START"
    signature = start.read_text()
    start.write_text("")
    os.utime(start, (time.time() - 300, time.time() - 300))
    (here.job_dir(1) / "STARTING").unlink()
    judge = f"""{server_program()}
    exec 2>/dev/null
    find() {{ echo "$1"; echo "$host $boot $$ $ticks_of_us 1700000000" >"$1"; }}
    exauq_identify; exauq_stat $$; ticks_of_us=$proc_ticks
    cd "$1"; exauq_judge 1 "$1" 1; echo "$state"; ls
    """
    done = subprocess.run(
        ["/bin/bash", "-p", "-c", judge, "bash", here.workspace],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split()[0] == "R"
    assert signature != start.read_text()
    assert not (here.job_dir(1) / "END").exists()


def test_another_process_with_the_number_of_a_recorder_fools_nobody(machine: Machine) -> None:
    there = started(machine, 1)
    os.killpg(recorder(machine, 1), signal.SIGKILL)
    rewrite_start(machine, 1, pid=str(os.getpid()))
    (machine.job_dir(1) / "SIM").write_text(f"{os.getpid()} 12345\n")
    assert end_of(there, 1) is JobStatus.FAILED
    there.cancel_job(JobId(1))
    assert report_of(there, 1).status is JobStatus.FAILED


def test_cancelling_never_touches_another_process_with_a_recorded_number(
    machine: Machine,
) -> None:
    there = started(machine, 1)
    rewrite_start(machine, 1, pid=str(os.getpid()))  # ours, with the ticks of the recorder
    (machine.job_dir(1) / "STOPPING").touch()
    assert end_of(there, 1) is JobStatus.CANCELLED  # and we are still here


def test_a_job_that_was_claimed_but_never_started_ends_when_that_is_long_ago(
    machine: Machine,
) -> None:
    there = machine.interface()
    run(there, 1)
    for name in ("COMPLETED", "END", "EXIT", "STARTING", "output.txt"):
        (machine.job_dir(1) / name).unlink()
    start = machine.job_dir(1) / "START"
    start.write_text("")
    assert report_of(there, 1).status is JobStatus.RUNNING
    os.utime(start, (time.time() - 300, time.time() - 300))
    report = report_of(there, 1)
    assert (report.status, report.note) == (JobStatus.FAILED, "never started")


def test_the_slot_of_a_recorder_that_was_killed_before_it_signed_is_free_at_the_next_look(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    signs = "{ claimed=yes; "
    alter_program(monkeypatch, (signs, f"{signs}[[ $id != 1 ]] || kill -KILL $$; "))
    there = machine.interface(machine.script(WAITS))
    there.make_workspace()
    (machine.workspace / ".exauq-tui" / "max_running").write_text("1\n")
    there.submit_jobs([job(1), job(2)])
    start = machine.job_dir(1) / "START"
    mark = os.fsencode(machine.job_dir(1))
    wait_until(
        lambda: start.exists() and not any(mark in each[1] for each in every_process()),
        "the end of the recorder",
    )
    assert start.read_text() == ""
    report = report_of(there, 1)
    assert (report.status, report.note) == (JobStatus.FAILED, "never started")
    wait_for_start(machine, 2)
    machine.let_go(2)
    assert end_of(there, 2) is JobStatus.COMPLETED


def test_who_was_killed_while_cancelling_a_queued_job_had_it_cancelled(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = '{ won=yes; } >"$id/START"\n'
    alter_program(monkeypatch, (now, f"{now}rm ~/strike && kill -KILL $$\n"))
    there = machine.interface(machine.script(WAITS))
    there.make_workspace()
    (machine.workspace / ".exauq-tui" / "max_running").write_text("1\n")
    there.submit_jobs([job(1), job(2)])
    wait_for_start(machine, 1)
    strike = machine.home / "strike"
    strike.touch()
    there.cancel_job(JobId(2))
    assert not strike.exists()
    report = report_of(there, 2)
    assert (report.status, report.note) == (JobStatus.CANCELLED, "never started")
    machine.let_go(1)
    assert end_of(there, 1) is JobStatus.COMPLETED


HERE = os.uname().nodename
BOOT = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
ALIVE = Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[19]
"""When this process started, by the kernel's clock."""

GONE = f"{HERE} {BOOT} {os.getpid()} 1 start\n"
STARTERS = {
    "one that is dead": (GONE, JobStatus.FAILED),
    "one of an earlier uptime": (GONE.replace(BOOT, EARLIER), JobStatus.FAILED),
    "one that is dead and one that was to cancel": (
        GONE + GONE.replace("start", "cancel"),
        JobStatus.CANCELLED,
    ),
    "one that lives": (GONE + GONE.replace(" 1 ", f" {ALIVE} "), JobStatus.RUNNING),
    "one of another machine": (GONE + GONE.replace(HERE, "other"), JobStatus.RUNNING),
    "one that was cut off": (GONE + GONE[:-2], JobStatus.RUNNING),
    "one after another that was cut off": (GONE[:-9] + GONE, JobStatus.RUNNING),
    "nobody": ("", JobStatus.RUNNING),
}


@pytest.mark.parametrize(("starters", "status"), STARTERS.values(), ids=STARTERS)
def test_a_start_that_nobody_signed_is_judged_by_who_may_have_made_it(
    here: Machine, starters: str, status: JobStatus
) -> None:
    there = here.interface()
    run(there, 1)
    for name in ("COMPLETED", "END", "EXIT", "output.txt"):
        (here.job_dir(1) / name).unlink()
    (here.job_dir(1) / "START").write_text("")
    (here.job_dir(1) / "STARTING").write_text(starters)
    assert report_of(there, 1).status is status


DAMAGE = {
    "END": [
        "",
        "garbage",
        "C",
        "C x y z w note",
        "\0\0\0\0",
        "C 1 2\n3 4",
        "Q 1 2 3 - x",
        "é" * 99,
        "C 1700000000 1700000000 1700000001 0 abc 1",  # cut off by a full disk
    ],
    "START": ["garbage", "\0\0", "a b c d e f g", "$(touch /tmp/x) `b` ; | [ ]"],
    "token": ["", "a b c d", "\n\n", "\0", "x[$(exit)] -1"],
    "EXIT": ["", "x", "-1", "1 2"],
    "PID": ["", "-1", "x"],
}


@pytest.mark.parametrize(
    ("name", "text"), [(name, text) for name, texts in DAMAGE.items() for text in texts]
)
def test_a_damaged_file_of_one_job_costs_no_other_job_s_answer(
    here: Machine, name: str, text: str
) -> None:
    there = here.interface()
    run(there, 1, 2)
    (here.job_dir(1) / name).write_text(text)
    for one in (there, here.interface()):
        reports = {report.job_id: report for report in one.look().reports}
        assert set(reports) == {JobId(1), JobId(2)}
        assert reports[JobId(1)].status is JobStatus.COMPLETED
        assert reports[JobId(2)].finished is not None
        assert one.get_job_outputs([JobId(1), JobId(2)]) == {JobId(1): 1.5, JobId(2): 1.5}


@pytest.mark.parametrize("format_", ["2", "10", "99999999999999999999999", "new", "a[$(exit)]"])
def test_a_workspace_of_a_newer_format_is_read_and_never_written(
    here: Machine, format_: str
) -> None:
    there = started(here, 1, 2)
    run(here.interface(), 3)
    os.killpg(recorder(here, 1), signal.SIGKILL)
    there.close()
    journal = here.workspace / ".exauq-tui" / "journal"
    wait_until(lambda: "\n3 C " in journal.read_text(), "the last that is written")
    # Whoever connects has the slots looked through, which may still be going on.
    wait_for_last_lines(here)
    (here.workspace / ".exauq-tui" / "format").write_text(f"{format_}\n")
    for program in (here.workspace / ".exauq-tui").glob("program-*"):
        program.unlink()
    before = snapshot_of(here.workspace)
    again = here.interface(here.root / "model.sh")
    reports = {report.job_id: report for report in again.look().reports}
    assert reports[JobId(1)].status is JobStatus.FAILED
    assert reports[JobId(1)].note == "end not witnessed, output may be partial"
    assert reports[JobId(2)].status is JobStatus.RUNNING
    assert again.get_job_output(JobId(3)) == 1.5
    assert again.describe_workspace().jobs == 3
    verbs: list[Callable[[], object]] = [
        lambda: again.submit_job(job(4)),
        lambda: again.cancel_job(JobId(2)),
        lambda: again.delete_remote_job_dir(JobId(3)),
        again.delete_workspace,
    ]
    for verb in verbs:
        with pytest.raises(HardwareInterfaceFailureError, match="newer exauq-tui"):
            verb()
    again.close()
    assert snapshot_of(here.workspace) == before


def test_jobs_of_another_account_are_shown_and_left_alone(here: Machine) -> None:
    if os.geteuid() != 0:
        pytest.skip("giving a job to another account NEEDS ROOT: left out")
    there = started(here, 1, 2)
    run(here.interface(), 3)
    os.killpg(recorder(here, 1), signal.SIGKILL)
    wait_until(lambda: not alive(recorder(here, 1)), "its end")
    wait_for_last_lines(here)
    queued = here.job_dir(4)
    queued.mkdir()
    for name, text in (
        ("token", "abc 1700000000\n"),
        ("input.csv", "1\n"),
        ("runner.sh", (here.job_dir(3) / "runner.sh").read_text()),
        ("exauq_manager.sh", (here.job_dir(3) / "exauq_manager.sh").read_text()),
    ):
        (queued / name).write_text(text)
    for number in (1, 2, 3, 4):
        os.chown(here.job_dir(number), 65534, 65534)
    before = {number: snapshot_of(here.job_dir(number)) for number in (1, 2, 3, 4)}
    there.close()
    again = here.interface(here.root / "model.sh")
    statuses = [report.status for report in again.look().reports]
    assert statuses == [
        JobStatus.FAILED,
        JobStatus.RUNNING,
        JobStatus.COMPLETED,
        JobStatus.SUBMITTED,
    ]
    ids = [JobId(number) for number in (1, 2, 3, 4)]
    for results in (again.cancel_jobs(ids), again.delete_remote_job_dirs(ids)):
        assert all("another account" in str(error) for error in results.values()), results
    run(here.interface(), 5)
    assert {number: snapshot_of(here.job_dir(number)) for number in (1, 2, 3, 4)} == before


def test_a_recorder_survives_the_signals_that_are_meant_for_its_job(machine: Machine) -> None:
    there = started(machine, 1, script="trap 'echo 3 >\"$2\"; exit 5' TERM\n" + WAITS)
    os.killpg(recorder(machine, 1), signal.SIGTERM)
    assert end_of(there, 1) is JobStatus.COMPLETED
    report = report_of(there, 1)
    assert (report.exit_code, report.note) == (5, "")


def test_an_environment_with_another_name_of_this_machine_changes_no_verdict(
    here: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOSTNAME", "as-some-start-up-file-has-it")
    there = started(here, 1)
    there.close()
    monkeypatch.setenv("HOSTNAME", "as another one has it")
    again = here.interface(here.root / "model.sh", cancel_grace=1.0)
    assert report_of(again, 1).note == ""
    again.cancel_job(JobId(1))
    assert again.get_job_status(JobId(1)) is JobStatus.CANCELLED
