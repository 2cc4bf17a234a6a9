"""How many jobs run at once, and changes that the server tells unasked."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from exauq_tui.hardware import Job, JobId, JobStatus, LocalScriptInterface
from exauq_tui.hardware.interface import JobReport
from exauq_tui.jobs import Input
from tests.contract.machines import (
    PATIENCE,
    WAITS,
    WRITES_A_NUMBER,
    Machine,
    check_often,
    ends_of,
    every_process,
    job,
    run,
    wait_for_start,
    wait_until,
)

TAKES_A_MOMENT = (
    'echo "begin $1" >>"$0.ledger"; sleep 0.2; echo "end $1" >>"$0.ledger"; echo 1.5 >"$2"\n'
)


def interface(here: Machine, script: Path, limit: int | None) -> LocalScriptInterface:
    made = LocalScriptInterface(
        "bash", str(script), "here", 1, str(here.workspace), max_running=limit
    )
    here._made.append(made)
    return made


def running(there: LocalScriptInterface, numbers: range) -> list[int]:
    statuses = there.get_job_statuses([JobId(number) for number in numbers])
    return [int(str(each)) for each, status in statuses.items() if status is JobStatus.RUNNING]


def test_no_more_jobs_run_at_once_than_there_are_slots(here: Machine) -> None:
    script = here.script(TAKES_A_MOMENT)
    there = interface(here, script, 2)
    numbers = range(10, 22)
    there.submit_jobs([job(number) for number in numbers])
    assert set(ends_of(there, numbers).values()) == {JobStatus.COMPLETED}
    active: set[str] = set()
    begun = []
    for line in Path(f"{script}.ledger").read_text().splitlines():
        word, path = line.split(" ", 1)
        if word == "begin":
            begun.append(int(Path(path).parent.name))
            active.add(path)
        else:
            active.discard(path)
        assert len(active) <= 2
    assert sorted(begun) == list(numbers)


def test_jobs_start_in_order(here: Machine) -> None:
    script = here.script('echo "${1%/*}" >>"$0.ledger"; echo 1.5 >"$2"\n')
    there = interface(here, script, 1)
    numbers = range(8, 13)
    there.submit_jobs([job(number) for number in numbers])
    assert set(ends_of(there, numbers).values()) == {JobStatus.COMPLETED}
    begun = [Path(line).name for line in Path(f"{script}.ledger").read_text().splitlines()]
    assert begun == [str(number) for number in numbers]


def test_another_limit_counts_at_once_and_stays_for_those_who_say_nothing(here: Machine) -> None:
    script = here.script(WAITS)
    there = interface(here, script, 1)
    numbers = range(1, 6)
    there.submit_jobs([job(number) for number in numbers])
    wait_until(lambda: running(there, numbers) == [1], "the first job alone")
    interface(here, script, 3)
    wait_until(lambda: running(there, numbers) == [1, 2, 3], "three jobs at once")
    assert (here.workspace / ".exauq-tui" / "max_running").read_text() == "3\n"
    quiet = interface(here, script, None)
    here.let_go(1)
    wait_until(lambda: running(quiet, numbers) == [2, 3, 4], "the next job")
    for number in numbers:
        here.let_go(number)
    assert set(ends_of(there, numbers).values()) == {JobStatus.COMPLETED}


def test_a_job_that_was_started_by_the_end_of_another_heeds_a_request_to_end(
    here: Machine,
) -> None:
    script = here.script("echo started; exec sleep 1000\n")
    first = here.script("echo 1.5 >$2\n", "first.sh")
    interface(here, first, 1).submit_jobs([job(1)])
    there = interface(here, script, 1)
    there.submit_jobs([job(2), job(3)])
    for number in (2, 3):
        wait_for_start(here, number)
        assert running(there, range(1, 4)) == [number]
        there.cancel_job(JobId(number))
        assert (here.job_dir(number) / "EXIT").read_text() == "143\n"  # by TERM, not KILL


def test_a_slot_counts_also_after_a_line_that_a_full_disk_cut_off(here: Machine) -> None:
    there = interface(here, here.script(WAITS), 1)
    there.submit_jobs([job(10), job(11)])
    wait_for_start(here, 10)
    path = here.workspace / ".exauq-tui" / "slots"
    with path.open("a") as slots:
        slots.write("1")
    here.let_go(10)
    wait_for_start(here, 11)
    assert path.read_text().split() == ["10", "1", "11"]
    here.let_go(11)
    assert set(ends_of(there, range(10, 12)).values()) == {JobStatus.COMPLETED}


def test_queued_jobs_go_on_at_the_next_connect_when_the_recorder_was_killed(here: Machine) -> None:
    script = here.script(WAITS)
    there = interface(here, script, 1)
    there.submit_jobs([job(1), job(2)])
    wait_for_start(here, 1)
    recorder = int((here.job_dir(1) / "START").read_text().split()[2])
    simulator = int((here.job_dir(1) / "SIM").read_text().split()[0])
    os.kill(recorder, signal.SIGKILL)
    os.kill(simulator, signal.SIGKILL)
    there.close()
    again = interface(here, script, None)
    wait_until(lambda: running(again, range(1, 3)) == [2], "the second job")
    assert again.get_job_status(JobId(1)) is JobStatus.FAILED
    here.let_go(2)
    ends_of(again, [2])


def test_jobs_are_started_otherwise_over_the_connection_that_there_is(here: Machine) -> None:
    there = interface(here, here.script(WAITS), 1)
    there.submit_jobs([job(1), job(2)])
    wait_for_start(here, 1)
    session = there._line.session
    other = here.script('echo 2.5 >"$2"\n', "other.sh")
    there.run_otherwise("bash", str(other), setup="", max_running=2, cancel_grace=1.0)
    wait_for_start(here, 2)  # there are two slots now
    for number in (1, 2):
        here.let_go(number)
    assert run(there, 3) == {JobId(3): JobStatus.COMPLETED}
    assert there.get_job_output(JobId(3)) == 2.5
    assert there._line.session is session
    with pytest.raises(ValueError, match="program is empty"):
        there.run_otherwise(" ", str(other), setup="", max_running=2, cancel_grace=1.0)
    assert run(there, 4) == {JobId(4): JobStatus.COMPLETED}


@contextmanager
def slots_locked(here: Machine) -> Iterator[None]:
    """Hold the lock that decides about slots, so that whoever fills them can be met at it."""
    with (here.workspace / ".exauq-tui" / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def fillers(here: Machine, number: int) -> list[int]:
    """Those that are about to fill slots: after a submission, or as the recorder of a job."""
    program, runner = f"{here.workspace}/.exauq-tui/program-", f"{here.job_dir(number)}/runner.sh"
    return [
        pid
        for pid, command, *_ in every_process()
        if runner.encode() in command or (program.encode() in command and b"\0fill\0" in command)
    ]


def end_fillers(here: Machine, number: int) -> None:
    """Kill them, whatever they just started and whoever of them comes late."""
    wait_until(lambda: fillers(here, number), "somebody who will fill slots")

    def are_dead() -> bool:
        left = fillers(here, number)
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not left

    wait_until(are_dead, "the end of the fillers")


def test_a_queue_goes_on_while_somebody_watches_when_its_filler_was_killed(
    here: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_often(monkeypatch, 1.0)
    script = here.script(WAITS)
    there = interface(here, script, 1)
    there.submit_jobs([job(1), job(2)])
    wait_for_start(here, 1)
    there.on_news(lambda: None)
    there.look()
    assert there.is_pushing
    with slots_locked(here):
        here.let_go(1)
        ends_of(there, [1])
        end_fillers(here, 1)
    wait_for_start(here, 2)
    here.let_go(2)
    ends_of(there, [2])
    with slots_locked(here):
        there.submit_job(job(3))
        end_fillers(here, 3)
    wait_for_start(here, 3)
    here.let_go(3)
    ends_of(there, [3])


def test_a_question_about_a_dead_job_gives_its_slot_to_the_next(here: Machine) -> None:
    there = interface(here, here.script(WAITS), 1)
    there.submit_jobs([job(1), job(2), job(3)])
    for number in (1, 2):
        wait_for_start(here, number)
        os.killpg(int((here.job_dir(number) / "PGID").read_text()), signal.SIGKILL)
        if number == 1:
            assert ends_of(there, [1]) == {JobId(1): JobStatus.FAILED}
        else:
            wait_until(lambda: there.look().reports[1].status is JobStatus.FAILED, "its end")
    wait_for_start(here, 3)
    here.let_go(3)
    ends_of(there, [3])


def test_a_job_cancelled_between_its_slot_and_its_start_gives_the_slot_to_the_next(
    here: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    shims = here.root / "shims"
    shims.mkdir()
    held = here.job_dir(1) / "runner.sh"
    shim = shims / "setsid"
    shim.write_text(
        "#!/bin/bash\n"
        f'if [[ "$*" == *"{held}" ]]; then echo held >"$0.held"; '
        f'until [[ -e $0.go ]]; do sleep 0.02; done; fi\nexec {shutil.which("setsid")} "$@"\n'
    )
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", f"{shims}:{os.environ['PATH']}")
    there = interface(here, here.script(WAITS), 1)
    there.submit_jobs([job(1), job(2)])
    wait_until((shims / "setsid.held").exists, "the start of the first job, nearly")
    there.cancel_job(JobId(1))
    assert there.get_job_status(JobId(1)) is JobStatus.CANCELLED
    (shims / "setsid.go").touch()
    wait_for_start(here, 2)
    here.let_go(2)
    ends_of(there, [2])
    assert not list(here.job_dir(1).glob("*.out"))


def test_a_simulator_whose_recorder_died_before_it_told_of_it_keeps_its_slot(
    here: Machine,
) -> None:
    there = interface(here, here.script(WAITS), 1)
    there.submit_jobs([job(1), job(2)])
    wait_for_start(here, 1)
    (here.job_dir(1) / "SIM").unlink()
    os.kill(int((here.job_dir(1) / "PID").read_text()), signal.SIGKILL)
    again = interface(here, here.root / "model.sh", None)
    wait_until(lambda: again.look().reports[0].note == "recorder gone", "that it is missed")
    assert running(again, range(1, 3)) == [1]
    here.let_go(1)
    assert ends_of(again, [1]) == {JobId(1): JobStatus.COMPLETED}
    wait_for_start(here, 2)
    here.let_go(2)
    ends_of(again, [2])


def test_queued_jobs_are_cancelled_without_ever_starting(here: Machine) -> None:
    script = here.script(WAITS)
    there = interface(here, script, 1)
    there.submit_jobs([job(number) for number in range(1, 6)])
    wait_until(lambda: running(there, range(1, 6)) == [1], "the first job")
    assert set(there.cancel_jobs([JobId(n) for n in range(2, 6)]).values()) == {None}
    here.let_go(1)
    ends_of(there, [1])
    assert not list(here.workspace.glob("[2-5]/*.out"))
    assert there.get_job_status(JobId(2)) is JobStatus.CANCELLED


def test_the_limit_counts_in_a_directory_that_somebody_made_before(here: Machine) -> None:
    here.workspace.mkdir()
    there = interface(here, here.script(WAITS), 1)
    there.submit_jobs([job(1), job(2)])
    wait_for_start(here, 1)
    assert (here.workspace / ".exauq-tui" / "max_running").read_text() == "1\n"
    here.let_go(1)
    wait_for_start(here, 2)
    here.let_go(2)
    ends_of(there, [1, 2])


def test_a_negative_limit_is_refused(here: Machine) -> None:
    with pytest.raises(ValueError, match="max_running"):
        interface(here, here.script(WAITS), -1)


def test_changes_are_told_unasked_and_looks_cost_no_request_then(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = machine.interface(machine.script(WAITS))
    there.submit_job(job(1))
    news = threading.Event()
    there.on_news(news.set)
    cursor = there.look().cursor
    assert there.is_pushing
    asked: list[str] = []
    real = type(there)._ask

    def ask(self: object, verb: str, *rest: object) -> object:
        asked.append(verb)
        return real(self, verb, *rest)  # type: ignore[arg-type]  # passed on

    monkeypatch.setattr(type(there), "_ask", ask)
    machine.let_go(1)
    told: dict[JobId, JobReport] = {}
    deadline = time.monotonic() + PATIENCE
    while told.get(JobId(1)) is None or told[JobId(1)].status is not JobStatus.COMPLETED:
        assert time.monotonic() < deadline
        news.wait(5)
        news.clear()
        look = there.look(cursor)
        cursor = look.cursor
        assert not look.complete
        told.update((report.job_id, report) for report in look.reports)
    assert told[JobId(1)].output_text == "1.5"
    assert asked == []


@pytest.mark.parametrize("moment", ["before a check", "after a check"])
def test_a_job_that_died_without_a_word_is_told_unasked(
    here: Machine, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    check_often(monkeypatch, 0.5)
    there = interface(here, here.script(WAITS), 0)
    there.submit_jobs([job(1), job(2)])
    for number in (1, 2):
        wait_for_start(here, number)
    news = threading.Semaphore(0)
    there.on_news(news.release)
    cursor = there.look().cursor
    assert there.is_pushing
    if moment == "after a check":
        assert news.acquire(timeout=30)  # every other second, where checks are made more often
    os.killpg(int((here.job_dir(1) / "PGID").read_text()), signal.SIGKILL)
    told: dict[JobId, JobReport] = {}
    while JobId(1) not in told:
        assert news.acquire(timeout=30)
        look = there.look(cursor)
        cursor = look.cursor
        assert not look.complete
        told.update((report.job_id, report) for report in look.reports)
    assert told[JobId(1)].status is JobStatus.FAILED
    assert told[JobId(1)].note.startswith("end not witnessed")
    assert running(there, range(1, 3)) == [2]


def test_an_end_is_told_though_its_recorder_died_before_it_wrote_it_into_the_journal(
    here: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_often(monkeypatch, 1.0)
    there = here.interface(here.script(WAITS))
    there.submit_job(job(1))
    wait_for_start(here, 1)
    news = threading.Event()
    there.on_news(news.set)
    cursor = there.look().cursor
    recorder = int((here.job_dir(1) / "PID").read_text())
    os.kill(recorder, signal.SIGSTOP)  # lives still, so that nobody else says how it ended
    submitted = (here.job_dir(1) / "token").read_text().split()[1]
    (here.job_dir(1) / "END").write_text(f"C {submitted} {submitted} {submitted} 0 token 2.5 \n")
    (here.job_dir(1) / "COMPLETED").touch()
    os.killpg(recorder, signal.SIGKILL)
    told: list[JobReport] = []
    deadline = time.monotonic() + PATIENCE
    while not any(report.status is JobStatus.COMPLETED for report in told):
        assert time.monotonic() < deadline
        news.wait(5)
        news.clear()
        look = there.look(cursor)
        cursor = look.cursor
        assert not look.complete
        told += look.reports
    assert (told[-1].output_text, told[-1].exit_code, told[-1].note) == ("2.5", 0, "")


def test_a_silent_server_proves_every_other_second_that_it_is_there(here: Machine) -> None:
    there = here.interface(here.script(WAITS))
    there.submit_job(Job(1, Input(1.0)))
    beats = threading.Semaphore(0)

    def beat() -> None:
        beats.release()

    there.on_news(beat)
    there.look()
    here.let_go(1)
    ends_of(there, [1])
    for _ in range(3):
        assert beats.acquire(timeout=PATIENCE)
    assert there.silence < 15


def test_a_job_that_comes_again_under_its_id_gets_the_only_slot(here: Machine) -> None:
    there = interface(here, here.script(TAKES_A_MOMENT), 1)
    there.submit_job(job(1))
    ends_of(there, [1])
    there.submit_job(job(1), resubmit=True)
    assert ends_of(there, [1]) == {JobId(1): JobStatus.COMPLETED}


def test_what_stands_in_the_journal_is_never_run(here: Machine) -> None:
    there = interface(here, here.script(WRITES_A_NUMBER), 1)
    there.submit_job(job(1))
    ends_of(there, [1])
    news = threading.Event()
    there.on_news(news.set)
    there.look()
    assert there.is_pushing
    trap = here.root / "was-run"
    with (here.workspace / ".exauq-tui" / "journal").open("a") as journal:
        for state in "QRCD":
            journal.write(f"\n$(touch${{IFS}}{trap}) {state} - - - - - - \n")
    for _ in range(2):  # what was on its way already, and what comes after those lines
        news.clear()
        assert news.wait(PATIENCE)
    assert not trap.exists()
