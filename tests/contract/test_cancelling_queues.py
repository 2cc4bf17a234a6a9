"""Cancelling jobs that wait in a queue, together with those that keep them waiting."""

from __future__ import annotations

import fcntl
from concurrent.futures import ThreadPoolExecutor

import pytest

from exauq_tui.hardware import JobId, JobStatus
from tests.contract.machines import (
    PATIENCE,
    WAITS,
    Machine,
    alive,
    alter_program,
    end_of,
    every_process,
    job,
    wait_for_start,
    wait_until,
)


def test_jobs_that_run_are_told_to_end_while_a_queue_is_still_being_cancelled(
    here: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The queue takes until somebody lets go of it.
    go, queue = here.root / "go", 'exauq_cancel_waiting\nexauq_unlock "$ws"'
    alter_program(monkeypatch, (queue, f"until [[ -e {go} ]]; do exauq_pause; done; {queue}"))
    there = here.interface(here.script(WAITS), max_running=1)
    ids = [JobId(number) for number in range(1, 6)]
    there.submit_jobs([job(str(each)) for each in ids])
    wait_for_start(here, 1)
    sim = here.job_dir(1) / "SIM"
    wait_until(lambda: sim.exists() and sim.read_text(), "who runs")
    with ThreadPoolExecutor(1) as pool:
        answers = pool.submit(there.cancel_jobs, ids)
        try:
            wait_until(lambda: not alive(int(sim.read_text().split()[0])), "the end of job 1")
            # Nobody takes its slot.
            assert not list(here.workspace.glob("[2-5]/START"))
        finally:
            go.touch()
        assert answers.result(PATIENCE) == dict.fromkeys(ids)
    assert set(there.get_job_statuses(ids).values()) == {JobStatus.CANCELLED}
    assert not list(here.workspace.glob("[2-5]/*.out"))


def test_who_stops_jobs_does_not_keep_the_lock_of_who_asked_for_it(here: Machine) -> None:
    script = here.script("trap '' TERM; " + WAITS)
    there = here.interface(script, max_running=1, cancel_grace=600.0)
    there.submit_jobs([job(1), job(2)])
    wait_for_start(here, 1)
    assert there.request_cancels([JobId(1), JobId(2)]) == {
        JobId(1): JobStatus.PENDING_CANCEL,
        JobId(2): JobStatus.CANCELLED,
    }
    mark = bytes(here.workspace)

    def stopper_is_at_it() -> bool:
        return any(b"\0stop\0" in command and mark in command for _, command, *_ in every_process())

    wait_until(stopper_is_at_it, "who stops job 1")
    with (here.workspace / ".exauq-tui" / "lock").open("a") as lock:

        def takes_lock() -> bool:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        wait_until(takes_lock, "the lock")
    assert stopper_is_at_it()
    here.let_go(1)
    assert end_of(there, 1) is JobStatus.CANCELLED


@pytest.mark.parametrize("holder", ["nobody", "another"])
def test_a_queue_is_cancelled_whoever_has_the_lock(here: Machine, holder: str) -> None:
    there = here.interface(here.script(WAITS), max_running=1, cancel_grace=1.0)
    ids = [JobId(number) for number in range(1, 6)]
    there.submit_jobs([job(str(each)) for each in ids])
    wait_for_start(here, 1)
    with (here.workspace / ".exauq-tui" / "lock").open("a") as lock:
        if holder == "another":
            fcntl.flock(lock, fcntl.LOCK_EX)  # which fillers have for moments
        assert there.request_cancels([*ids, JobId(9)]) == {
            ids[0]: JobStatus.PENDING_CANCEL,
            **dict.fromkeys(ids[1:], JobStatus.CANCELLED),
            JobId(9): JobStatus.PENDING_SUBMIT,
        }
    assert end_of(there, 1) is JobStatus.CANCELLED
    (first, *others) = there.look().reports
    assert first.note == ""
    assert [report.note for report in others] == ["never started"] * 4
    assert not list(here.workspace.glob("[2-5]/*.out"))
