"""Living beside EXAUQ-Toolbox: its jobs here, and ours as its client sees them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from exauq_tui.hardware import Input, JobId, JobStatus
from exauq_tui.hardware.script_jobs import ScriptJobs
from tests.contract.machines import (
    WAITS,
    AnyInterface,
    Machine,
    end_of,
    job,
    run,
    wait_for_start,
    wait_until,
)
from tests.contract.toolbox import Toolbox

FILES_OF_OURS = ("token", "START", "SIM", "END", "EXIT")


@pytest.fixture
def toolbox(machine: Machine) -> Toolbox:
    return Toolbox(machine)


def reports(there: ScriptJobs) -> dict[str, tuple[JobStatus, str]]:
    return {str(seen.job_id): (seen.status, seen.note) for seen in there.look().reports}


def ended_processes(machine: Machine, number: int) -> bool:
    pid = (machine.job_dir(number) / "PID").read_text()
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True
    return stat[stat.rindex(")") + 2] == "Z"


def test_its_jobs_appear_with_status_input_output_and_log(
    machine: Machine, toolbox: Toolbox
) -> None:
    toolbox.submit(1, 'echo one; echo 2.5 >"$2"')
    toolbox.submit(2, "echo two; exit 3")
    toolbox.submit(3, "echo three; sleep 1000", 0.25)
    toolbox.submit(4, 'echo four; echo nonsense >"$2"')
    stopped = toolbox.submit(5, "exit", start=False)
    (stopped / "PID").write_text("1")
    (stopped / "STOPPED").touch()
    failed = toolbox.submit(6, "exit", start=False)
    (failed / "PID").write_text("1")
    (failed / "FAILED").touch()
    toolbox.submit(7, "exit", start=False)
    for number in (1, 2, 4):
        wait_until(lambda number=number: ended_processes(machine, number), "its end")  # type: ignore[misc]  # bound early
    there = machine.interface()
    assert reports(there) == {
        "1": (JobStatus.COMPLETED, ""),
        "2": (JobStatus.FAILED, "end not witnessed"),
        "3": (JobStatus.RUNNING, ""),
        "4": (JobStatus.COMPLETED, ""),
        "5": (JobStatus.CANCELLED, ""),
        "6": (JobStatus.FAILED, ""),
        "7": (JobStatus.SUBMITTED, "not started by its EXAUQ-Toolbox"),
    }
    assert there.get_job_output(JobId(1)) == 2.5
    assert there.get_job_output(JobId(2)) is None
    assert "nonsense" in str(there.get_job_outputs([JobId(4)])[JobId(4)])
    assert there.get_job_inputs([JobId(1), JobId(3)]) == {
        JobId(1): Input(1.5, -2.0),
        JobId(3): Input(0.25),
    }
    for number, word in ((1, b"one\n"), (2, b"two\n"), (3, b"three\n")):
        assert there.read_job_log(JobId(number), 0, 100).data == word
    with pytest.raises(ValueError, match="already submitted"):
        there.submit_job(job(1))


def test_a_job_of_it_that_is_starting_this_moment_has_not_failed(
    machine: Machine, toolbox: Toolbox
) -> None:
    place = toolbox.submit(1, "exit", start=False)
    (place / "PID").touch()
    there = machine.interface()
    assert reports(there)["1"][0] is JobStatus.SUBMITTED
    # What `nohup /bin/bash .../runner.sh` is before it has become that Bash.
    runner = str(place / "runner.sh")
    with subprocess.Popen(["sleep", "1000"]) as other:
        (place / "PID").write_text(str(other.pid))
        assert reports(there)["1"] == (JobStatus.FAILED, "end not witnessed")
        other.kill()
    waits = ["/bin/bash", "-c", "read -r _", "/bin/bash", runner]
    with subprocess.Popen(waits, stdin=subprocess.PIPE) as starting:
        (place / "PID").write_text(str(starting.pid))
        assert reports(there)["1"] == (JobStatus.RUNNING, "")


def test_looking_writes_nothing_into_its_job_directories(
    machine: Machine, toolbox: Toolbox
) -> None:
    place = toolbox.submit(1, "exit 1")
    wait_until(lambda: ended_processes(machine, 1), "its end")
    before = sorted(place.iterdir())
    there = machine.interface()
    assert reports(there)["1"] == (JobStatus.FAILED, "end not witnessed")
    there.get_job_output(JobId(1))
    there.cancel_job(JobId(1))
    assert sorted(place.iterdir()) == before


def test_a_job_that_it_has_not_started_is_not_started_by_us(
    machine: Machine, toolbox: Toolbox
) -> None:
    toolbox.submit(1, 'echo 1 >"$2"', start=False)
    there = machine.interface()
    run(there, 2)
    machine.interface()  # connecting starts what waits
    assert there.get_job_status(JobId(1)) is JobStatus.SUBMITTED
    assert not (machine.job_dir(1) / "output.txt").exists()
    there.cancel_job(JobId(1))
    assert there.get_job_status(JobId(1)) is JobStatus.CANCELLED
    assert (machine.job_dir(1) / "STOPPED").exists()


@pytest.mark.parametrize(
    "text",
    [
        "sleep 1000",
        "sleep 1000 & sleep 1000 & wait",
        "trap '' TERM; while :; do sleep 0.1; done",
        "setsid sleep 1000",
    ],
)
def test_its_jobs_can_be_cancelled(machine: Machine, toolbox: Toolbox, text: str) -> None:
    marked = text.replace("sleep 1000", f"exec -a {machine.root}/mark sleep 1000")
    place = toolbox.submit(1, f"echo started; {text if 'setsid' in text else marked}")
    wait_for_start(machine, 1)
    there = machine.interface(cancel_grace=1.0)
    there.cancel_job(JobId(1))
    assert there.get_job_status(JobId(1)) is JobStatus.CANCELLED
    wait_until(lambda: ended_processes(machine, 1), "its end")
    assert (place / "STOPPED").exists()
    assert not any((place / name).exists() for name in FILES_OF_OURS)
    there.cancel_job(JobId(1))


def test_its_jobs_can_be_deleted_when_they_ended(machine: Machine, toolbox: Toolbox) -> None:
    toolbox.submit(1, 'echo 1 >"$2"')
    toolbox.submit(2, "echo started; sleep 1000")
    wait_until(lambda: ended_processes(machine, 1), "its end")
    wait_for_start(machine, 2)
    there = machine.interface(cancel_grace=1.0)
    there.delete_remote_job_dir(JobId(1))
    assert not machine.job_dir(1).exists()
    with pytest.raises(ValueError, match="has not ended"):
        there.delete_remote_job_dir(JobId(2))
    there.cancel_job(JobId(2))
    there.delete_remote_job_dir(JobId(2))
    assert there.look().reports == ()


def test_news_of_its_jobs_are_told_at_each_look(machine: Machine, toolbox: Toolbox) -> None:
    toolbox.submit(1, WAITS)
    wait_for_start(machine, 1)
    there = machine.interface()
    run(there, 2)
    look = there.look()
    machine.let_go(1)
    wait_until(lambda: ended_processes(machine, 1), "its end")
    look = there.look(look.cursor)
    assert {str(seen.job_id): seen.status for seen in look.reports}["1"] is JobStatus.COMPLETED


# Ours, as its client sees them


def started(machine: Machine, *numbers: int) -> AnyInterface:
    there = machine.interface(machine.script(WAITS), cancel_grace=1.0)
    there.submit_jobs([job(number) for number in numbers])
    for number in numbers:
        wait_for_start(machine, number)
    return there


def test_our_jobs_answer_its_status_and_stop_calls(machine: Machine, toolbox: Toolbox) -> None:
    there = started(machine, 1, 2)
    cursor = there.look().cursor
    assert toolbox.ask(1, "status") == "RUNNING"
    toolbox.ask(1, "stop")
    assert toolbox.ask(1, "status") == "STOPPED"
    assert there.get_job_status(JobId(1)) is JobStatus.CANCELLED
    # The journal tells it too, without a full look.
    look = there.look(cursor)
    assert not look.complete
    assert [seen.status for seen in look.reports][-1:] == [JobStatus.CANCELLED]
    machine.let_go(2)
    assert end_of(there, 2) is JobStatus.COMPLETED
    assert toolbox.ask(2, "status") == "COMPLETED"
    toolbox.ask(2, "stop")
    assert toolbox.ask(2, "status") == "COMPLETED"
    assert float((machine.job_dir(2) / "output.txt").read_text()) == 1.5
    run(machine.interface(machine.script("exit 1", "fails.sh")), 3)
    assert toolbox.ask(3, "status") == "FAILED"


def test_our_jobs_have_the_files_that_it_reads(machine: Machine, toolbox: Toolbox) -> None:
    there = started(machine, 1)
    place = machine.job_dir(1)
    pid = (place / "PID").read_text()
    assert pid.isdigit()
    assert os.getpgid(int(pid)) == int((place / "PGID").read_text())
    words = (place / "JOBID").read_text().removesuffix("\n").split(",")
    assert len(words) == 3
    assert words[1] == pid
    assert all(words)
    assert (place / "input.csv").read_text() == "1.0,2.0\n"
    assert (place / "model.sh.out").exists()
    machine.let_go(1)
    end_of(there, 1)
    assert (place / "COMPLETED").read_bytes() == b""


def test_a_queued_job_of_ours_is_running_to_it_and_can_be_stopped(
    here: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    shims = here.root / "shims"
    shims.mkdir()
    (shims / "setsid").write_text("#!/bin/sh\nexit 0\n")
    (shims / "setsid").chmod(0o755)
    monkeypatch.setenv("PATH", f"{shims}:{os.environ['PATH']}")
    there = here.interface(here.script('echo 1 >"$2"'))
    there.submit_jobs([job(1), job(2)])
    toolbox = Toolbox(here)
    assert toolbox.ask(1, "status") == "RUNNING"
    toolbox.ask(1, "stop")
    assert toolbox.ask(1, "status") == "STOPPED"
    monkeypatch.undo()
    for _ in range(3):
        assert toolbox.ask(2, "start") == ""
    assert end_of(there, 2) is JobStatus.COMPLETED
    toolbox.ask(1, "start")
    assert toolbox.ask(1, "status") == "STOPPED"
    assert not (here.job_dir(1) / "output.txt").exists()


def test_an_unknown_call_of_the_manager_is_an_error_in_words(machine: Machine) -> None:
    there = machine.interface()
    run(there, 1)
    manager = str(machine.job_dir(1) / "exauq_manager.sh")
    for words in ([], ["begin"]):
        done = subprocess.run(
            ["/bin/bash", manager, *words], capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode != 0
        assert "start, status or stop" in done.stderr


def test_the_manager_works_from_any_directory_and_by_any_name(machine: Machine) -> None:
    there = machine.interface()
    run(there, 1)
    (machine.root / "link").symlink_to(machine.workspace)
    for place, name in (
        (machine.job_dir(1), "exauq_manager.sh"),
        (machine.job_dir(1), "./exauq_manager.sh"),
        (machine.workspace, "1/exauq_manager.sh"),
        (machine.root, "link/1/exauq_manager.sh"),
        (machine.root, f"{machine.workspace}/../ws//1/exauq_manager.sh"),
    ):
        done = subprocess.run(
            ["/bin/bash", name, "status"],
            cwd=place,
            env={**os.environ, "CDPATH": f"{machine.root}:/"},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert (done.stdout, done.stderr) == ("COMPLETED\n", "")


def test_its_client_cannot_take_an_id_of_ours_nor_we_one_of_its(
    machine: Machine, toolbox: Toolbox
) -> None:
    there = machine.interface()
    run(there, 1)
    with pytest.raises(FileExistsError):  # what its client asks for is `mkdir` without -p
        toolbox.submit(1, "exit")
    machine.job_dir(2).mkdir()
    with pytest.raises(ValueError, match="already submitted"):
        there.submit_job(job(2))
    assert list(machine.job_dir(2).iterdir()) == []
