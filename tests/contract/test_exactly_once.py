"""No job is lost and none runs twice, whatever is cut, repeated or raced for.

The witness is a ledger outside the workspace, to which the simulator itself appends.
"""

from __future__ import annotations

import os
import secrets
import shlex
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from exauq_tui.errors import (
    ConnectionLostError,
    HardwareInterfaceFailureError,
    JobExistsError,
    StillSubmittingError,
)
from exauq_tui.hardware import Input, Job, JobId, JobStatus
from exauq_tui.hardware.script_jobs import ScriptJobs
from tests.contract.machines import (
    PATIENCE,
    AnyInterface,
    Machine,
    alive,
    end_of,
    ends_of,
    every_process,
    job,
    run,
    wait_briefly,
    wait_until,
)

LEDGER = 'd=${2%/*}; echo "${d##*/} $(cat "$1")" >>"${0%/*}/ledger"; cut -d, -f1 "$1" >"$2"\n'


def ledger(machine: Machine) -> list[str]:
    path = machine.root / "ledger"
    return path.read_text().splitlines() if path.exists() else []


def runs_of(machine: Machine) -> Counter[str]:
    """How often each job ran."""
    return Counter(line.split()[0] for line in ledger(machine))


def tokens_for(jobs: list[Job]) -> dict[JobId, str]:
    return {sent.id: secrets.token_hex(8) for sent in jobs}


def test_the_same_submission_twice_runs_once(machine: Machine) -> None:
    there = machine.interface(machine.script(LEDGER))
    jobs = [job(number) for number in range(1, 6)]
    tokens = tokens_for(jobs)
    for _ in range(3):
        assert set(there.submit_jobs_once(jobs, tokens).values()) == {None}
    ends_of(there, [1, 2, 3, 4, 5])
    assert set(there.submit_jobs_once(jobs, tokens).values()) == {None}
    assert runs_of(machine) == Counter("12345")


def test_the_same_id_with_another_token_is_refused(machine: Machine) -> None:
    there = machine.interface(machine.script(LEDGER))
    there.submit_jobs_once([job(1, 1.0)], {JobId(1): "first"})
    (error,) = there.submit_jobs_once([job(1, 2.0)], {JobId(1): "second"}).values()
    assert isinstance(error, ValueError)
    end_of(there, 1)
    assert there.get_job_output(JobId(1)) == 1.0
    assert runs_of(machine) == Counter("1")


def test_in_one_submission_each_job_gets_its_own_answer_and_input(machine: Machine) -> None:
    there = machine.interface(machine.script(LEDGER))
    numbers = range(1, 10)
    tokens = tokens_for([job(number) for number in numbers])
    there.submit_jobs_once([job(2, 2.0), job(9, 9.0)], tokens)
    there.submit_jobs_once([job(5, -5.0)], {JobId(5): "theirs"})
    results = there.submit_jobs_once([job(number, float(number)) for number in numbers], tokens)
    refused = {job_id for job_id, error in results.items() if error is not None}
    assert refused == {JobId(5)}
    ends_of(there, numbers)
    expected = {JobId(number): float(number) for number in numbers} | {JobId(5): -5.0}
    assert there.get_job_outputs(list(expected)) == expected
    assert runs_of(machine) == Counter(map(str, numbers))


@pytest.mark.parametrize("token", ["", "two words", "*", "$x"])
def test_a_token_that_is_no_word_is_refused_before_anything_is_made(
    here: Machine, token: str
) -> None:
    there = here.interface(here.script(LEDGER))
    with pytest.raises(HardwareInterfaceFailureError, match="token"):
        there.submit_jobs_once([job(1)], {JobId(1): token})
    assert there.get_job_status(JobId(1)) is JobStatus.PENDING_SUBMIT
    assert not here.job_dir(1).exists()


def shim(here: Machine, patch: pytest.MonkeyPatch, name: str, text: str) -> None:
    """Have sessions find another program of a name, a Bash script."""
    shims = here.root / "shims"
    shims.mkdir(exist_ok=True)
    (shims / name).write_text(f"#!/bin/bash\n{text}\n")
    (shims / name).chmod(0o755)
    patch.setenv("PATH", f"{shims}:{os.environ['PATH']}")


def dying(here: Machine, patch: pytest.MonkeyPatch) -> AnyInterface:
    """Make an interface that takes it that with its agent the whole connection is lost."""
    there = here.interface(here.script(LEDGER), reconnect=False)
    # An agent alone would be started again.
    patch.setattr(type(there), "_connection_is_open", lambda _: False)
    return there


def race(workers: list[Callable[[], None]]) -> None:
    """Run functions at the same moment, each in a thread."""
    gate = threading.Barrier(len(workers))

    def enter(work: Callable[[], None]) -> None:
        gate.wait(PATIENCE)
        work()

    threads = [threading.Thread(target=enter, args=(work,)) for work in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)


def test_of_agents_that_make_a_workspace_at_the_same_time_none_puts_another_s_journal_aside(
    here: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One has looked for a journal, and is slow to make its own.
    gate, looked = here.root / "gate", here.root / "looked"
    with monkeypatch.context() as patch:
        wait = f"until [[ -e {shlex.quote(str(gate))} ]]; do sleep 0.01; done"
        hold = f"touch {shlex.quote(str(looked))}; {wait}"
        shim(here, patch, "mv", f'[[ $* != *recorder* ]] || {{ {hold}; }}\nexec /bin/mv "$@"')
        slow = here.interface(here.script(LEDGER))
        slow.connect()
    with ThreadPoolExecutor(1) as worker:
        making = worker.submit(slow.submit_jobs, [job(1)])
        wait_until(looked.exists, "its look")
        quick = here.interface(here.root / "model.sh")
        quick.submit_job(job(2))
        own = here.workspace / ".exauq-tui"
        begun = (own / "journal").read_text()
        gate.touch()
        assert making.result(PATIENCE) == {JobId(1): None}
    assert (own / "journal").read_text().startswith(begun)
    assert not (own / "journal-odd").exists()
    ends_of(quick, [1, 2])


def test_of_objects_that_race_for_ids_exactly_one_wins_each(machine: Machine) -> None:
    script = machine.script(LEDGER)
    objects = [machine.interface(script) for _ in range(4)]
    objects[0].make_workspace()
    for one in objects:
        one.connect()
    numbers = range(1, 16)
    won: dict[float, list[JobId]] = {}

    def submit(there: ScriptJobs, mine: float) -> None:
        order = sorted(numbers, key=lambda number: (number * 7 * (1 + mine)) % 16)
        results = there.submit_jobs([job(number, mine) for number in order])
        won[mine] = [job_id for job_id, error in results.items() if error is None]
        assert all(
            isinstance(error, ValueError) for error in results.values() if error is not None
        ), results

    race(
        [
            lambda there=there, mine=float(index): submit(there, mine)  # type: ignore[misc]  # bound early
            for index, there in enumerate(objects)
        ]
    )
    winners = {job_id: mine for mine, ids in won.items() for job_id in ids}
    assert len(winners) == sum(map(len, won.values())) == len(numbers)
    ends_of(objects[0], numbers)
    outputs = objects[0].get_job_outputs(list(winners))
    assert outputs == winners
    assert runs_of(machine) == Counter(str(number) for number in numbers)


def test_a_directory_made_by_another_client_at_the_last_moment_is_not_taken_over(
    here: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Between our look and our mkdir somebody else's mkdir wins, in whatever language.
    shim_text = 'if [[ $2 == [0-9]* ]]; then /bin/mkdir "$2"; fi; exec /bin/mkdir "$@"'
    for locale in ("C.UTF-8", "de_DE.UTF-8", "C"):
        with monkeypatch.context() as patch:
            patch.delenv("LC_ALL", raising=False)
            patch.setenv("LANG", locale)
            shim(here, patch, "mkdir", shim_text)
            there = here.interface(here.script(LEDGER))
            (error,) = there.submit_jobs([job(1)]).values()
            assert isinstance(error, ValueError)
            there.close()
        assert list(here.job_dir(1).iterdir()) == []
        here.job_dir(1).rmdir()
    assert ledger(here) == []


def lose_answers(patch: pytest.MonkeyPatch, *verbs: str) -> None:
    """Have the next answer to each of some verbs, in this order, lost after it was carried out."""
    real = ScriptJobs._ask
    left = list(verbs)

    def losing(self: ScriptJobs, verb: str, *args: object, **options: object) -> object:
        reply = real(self, verb, *args, **options)  # type: ignore[arg-type]  # passed on
        if left[:1] == [verb]:
            left.pop(0)
            raise ConnectionLostError("the answer was lost")
        return reply

    patch.setattr(ScriptJobs, "_ask", losing)


def test_a_submission_whose_answer_was_lost_is_recognised_when_it_is_repeated(
    here: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = here.interface(here.script(LEDGER), reconnect=False)
    there.connect()
    lose_answers(monkeypatch, "submit")
    with pytest.raises(ConnectionLostError):
        there.submit_job(job(1, 1.0))
    with pytest.raises(ValueError, match="already submitted"):
        there.submit_job(job(1, 2.0))  # the same id, but not the same job
    there.submit_job(job(1, 1.0))
    with pytest.raises(ValueError, match="already submitted"):
        there.submit_job(job(1, 1.0))
    end_of(there, 1)
    assert runs_of(here) == Counter("1")


def test_a_resubmission_whose_answers_were_lost_runs_once_more_however_often_it_is_repeated(
    here: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = here.interface(here.script(LEDGER), reconnect=False)
    there.submit_job(job(1, 1.0))
    end_of(there, 1)
    lose_answers(monkeypatch, "delete", "submit")
    for _ in range(2):
        with pytest.raises(ConnectionLostError):
            there.submit_job(job(1, 2.0), resubmit=True)
    end_of(there, 1)
    there.submit_job(job(1, 2.0), resubmit=True)
    end_of(there, 1)
    assert ledger(here) == ["1 1.0", "1 2.0"]
    # All is answered: from here on it is another wish.
    there.submit_job(job(1, 2.0), resubmit=True)
    end_of(there, 1)
    assert ledger(here) == ["1 1.0", "1 2.0", "1 2.0"]
    with pytest.raises(ValueError, match="only a job that ended"):
        there.submit_job(job(2), resubmit=True)


def test_a_deletion_whose_answer_was_lost_is_no_error_when_it_is_repeated(
    here: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = here.interface(reconnect=False)
    run(there, 1, 2)
    lose_answers(monkeypatch, "delete")
    with pytest.raises(ConnectionLostError):
        there.delete_remote_job_dirs([JobId(1), JobId(2)])
    assert there.delete_remote_job_dirs([JobId(1), JobId(2)]) == {JobId(1): None, JobId(2): None}
    with pytest.raises(ValueError, match="never submitted"):
        there.delete_remote_job_dir(JobId(1))


def test_a_deletion_that_is_repeated_because_the_agent_died_is_no_error(
    here: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The agent dies once, after it has deleted and before it says so.
    once = here.root / "once"
    words = f"mkdir {shlex.quote(str(once))} && kill -9 $PPID"
    shim(here, monkeypatch, "rm", f'/bin/rm "$@"; [[ $* != *trash* ]] || {words}')
    there = here.interface()
    run(there, 1)
    there.delete_remote_job_dir(JobId(1))
    assert once.exists()
    assert there.get_job_status(JobId(1)) is JobStatus.PENDING_SUBMIT
    with pytest.raises(ValueError, match="never submitted"):
        there.delete_remote_job_dir(JobId(1))


def test_a_job_that_another_agent_is_still_submitting_is_neither_failed_nor_taken(
    here: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_briefly(monkeypatch)
    there = here.interface(here.script(LEDGER))
    there.make_workspace()
    with monkeypatch.context() as patch:
        # The first agent stands still right after it made the directory.
        shim(
            here,
            patch,
            "mkdir",
            '/bin/mkdir "$@"\n[[ $2 == 1 ]] || exit\n'
            "read -r _ _ _ agent _ </proc/$PPID/stat\nkill -STOP $agent",
        )
        slow = here.interface(here.root / "model.sh")
        slow.connect()
        results: list[object] = []

        def submit() -> None:
            results.extend(slow.submit_jobs_once([job(1)], {JobId(1): "mine"}).values())

        standing = threading.Thread(target=submit)
        standing.start()
        wait_until(lambda: here.job_dir(1).exists(), "the directory")
        (claim,) = (here.workspace / ".exauq-tui").glob("claim-*")
        stopped = int(claim.read_text().split()[2])
        wait_until(lambda: Path(f"/proc/{stopped}/stat").read_text().split()[2] == "T", "a halt")
    (error,) = there.submit_jobs_once([job(1)], {JobId(1): "mine"}).values()
    assert isinstance(error, StillSubmittingError)
    os.kill(stopped, signal.SIGCONT)
    standing.join(PATIENCE)
    assert results == [None]
    assert there.submit_jobs_once([job(1)], {JobId(1): "mine"}) == {JobId(1): None}
    end_of(there, 1)
    assert runs_of(here) == Counter("1")


DIES_WHILE_IT_DELETES = {
    "one of two is moved away": ("mv", '/bin/mv -f -- "$3" "${!#}"; ', [JobId(2)]),
    "all are moved away": ("rm", "", []),
}


@pytest.mark.parametrize(
    ("program", "first", "stay"), DIES_WHILE_IT_DELETES.values(), ids=DIES_WHILE_IT_DELETES
)
def test_what_an_agent_leaves_that_dies_while_it_deletes_is_cleared_away_at_the_next_contact(
    here: Machine, monkeypatch: pytest.MonkeyPatch, program: str, first: str, stay: list[JobId]
) -> None:
    there = here.interface()
    run(there, 1, 2)
    with monkeypatch.context() as patch:
        shim(here, patch, program, f"[[ $* != *trash* ]] || {{ {first}kill -9 $PPID; }}")
        with pytest.raises(ConnectionLostError):
            dying(here, patch).delete_remote_job_dirs([JobId(1), JobId(2)])
    own = here.workspace / ".exauq-tui"
    half_made = own / f"new-1-1-1-{os.uname().nodename}"
    half_made.touch()
    # What belongs to one that may be at work, here or on another machine, stays.
    ticks = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    names = f"trash-{os.getpid()}-{ticks}-1-{os.uname().nodename}", "trash-1-1-1-elsewhere"
    busy = {own / name for name in names}
    for trash in busy:
        trash.mkdir()
    again = here.interface()
    wait_until(lambda: set(own.glob("trash-*")) == busy, "the end of all other trash")
    wait_until(lambda: not half_made.exists(), "the end of what was half made")
    assert [seen.job_id for seen in again.look().reports] == stay


def test_lists_of_accepted_jobs_that_a_dead_agent_did_not_finish_are_made_up_for(
    here: Machine,
) -> None:
    there = here.interface(here.script(LEDGER))
    own = here.workspace / ".exauq-tui"
    there.submit_jobs_once([job(1)], {JobId(1): "mine"})
    end_of(there, 1)
    (own / "accepted-1.5-1-1").touch()
    (own / "accepted-1.6-1-1").write_text("1\n")
    again = here.interface()
    wait_until(lambda: not list(own.glob("accepted-*")), "the end of the lists")
    assert again.get_job_status(JobId(1)) is JobStatus.COMPLETED
    assert runs_of(here) == Counter("1")


@pytest.mark.parametrize(("age", "stays"), [(0, True), (30, False)])
def test_what_a_dead_agent_claimed_may_still_be_made_for_a_moment(
    here: Machine, age: int, stays: bool
) -> None:
    script = here.script(LEDGER)
    here.interface(script).make_workspace()
    own = here.workspace / ".exauq-tui"
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    claim = own / "claim-1-2"
    told = f"{os.uname().nodename} {boot} 999999 1 {int(time.time()) - age}.000"
    claim.write_text(f"{told}\n1 2\nmine1 mine2\n")
    other = own / "claim-3-4"  # of somebody else, known to be cleared away at each contact
    other.write_text(f"{told.rpartition(' ')[0]} 1.000\n3\nmine3\n")
    again = here.interface(script)
    wait_until(lambda: not other.exists(), "the end of an old claim")
    wait_until(lambda: claim.exists() is stays, "a repair")
    # The mkdir that outlived its agent comes to the first directory only now.
    here.job_dir(1).mkdir()
    (result,) = again.submit_jobs_once([job(1)], {JobId(1): "mine1"}).values()
    if not stays:
        assert isinstance(result, JobExistsError)
        return
    assert result is None
    end_of(again, 1)
    assert runs_of(here) == Counter("1")


def test_the_claim_of_a_dead_agent_that_nobody_needs_is_cleared_away_at_the_next_contact(
    here: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = here.workspace / ".exauq-tui"
    with monkeypatch.context() as patch:
        shim(here, patch, "rm", '[[ $* == *claim* ]] || exec /bin/rm "$@"')
        there = here.interface(here.script(LEDGER))
        there.submit_jobs_once([job(1)], {JobId(1): "mine"})
        (claim,) = own.glob("claim-*")
        agent = int(claim.read_text().split()[2])
        there.close()
        wait_until(lambda: not alive(agent), "the end of the agent")
    again = here.interface()
    wait_until(lambda: not claim.exists(), "the end of the claim")
    assert again.submit_jobs_once([job(1)], {JobId(1): "mine"}) == {JobId(1): None}
    end_of(again, 1)
    assert runs_of(here) == Counter("1")


def test_a_workspace_whose_making_was_not_answered_is_the_one_that_is_used(
    here: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = here.interface(here.script(LEDGER), workspace=None, reconnect=False)
    there.connect()
    lose_answers(monkeypatch, "make")
    with pytest.raises(ConnectionLostError):
        there.submit_job(job(1))
    there.submit_job(job(1))
    (made,) = here.root.glob("exauq*")
    assert there.workspace_dir == str(made)
    other = here.interface(here.root / "model.sh", workspace=None)
    other.submit_job(job(1))
    assert len(list(here.root.glob("exauq*"))) == 2


def test_a_runner_started_many_times_at_once_runs_once(machine: Machine) -> None:
    there = machine.interface(machine.script(LEDGER))
    there.submit_job(job(1))
    runner = str(machine.job_dir(1) / "runner.sh")
    started = [
        subprocess.Popen(["/bin/bash", "-p", runner], start_new_session=True) for _ in range(5)
    ]
    for process in started:
        assert process.wait(PATIENCE) == 0
    assert end_of(there, 1) is JobStatus.COMPLETED
    for process in [subprocess.Popen(["/bin/bash", "-p", runner]) for _ in range(3)]:
        process.wait(PATIENCE)
    assert runs_of(machine) == Counter("1")


def agents(machine: Machine) -> list[int]:
    """The agents that work in the workspace of a machine, by their working directory."""
    found = []
    for pid, command, *_ in every_process():
        if command.split(b"\0")[:3] == [b"/bin/bash", b"-p", b"-s"]:
            try:
                place = Path(f"/proc/{pid}/cwd").readlink()
            except OSError:
                continue
            if place == machine.workspace:
                found.append(pid)
    return found


KILLED_AT: dict[str, Callable[[Machine], bool]] = {
    "the first directory": lambda machine: any(machine.workspace.glob("[0-9]*")),
    "the first token": lambda machine: any(machine.workspace.glob("[0-9]*/token")),
    "the last token": lambda machine: len(list(machine.workspace.glob("[0-9]*/token"))) == 120,
    "the first manager": lambda machine: any(machine.workspace.glob("[0-9]*/exauq_manager.sh")),
}


@pytest.mark.parametrize("moment", KILLED_AT.values(), ids=KILLED_AT)
def test_a_submission_whose_agent_was_killed_is_completed_by_repeating_it(
    machine: Machine, moment: Callable[[Machine], bool]
) -> None:
    there = machine.interface(machine.script(LEDGER), reconnect=False)
    numbers = range(1, 121)
    jobs = [job(number, float(number)) for number in numbers]
    tokens = tokens_for(jobs)
    there.make_workspace()
    done = threading.Event()

    def kill() -> None:
        while not done.is_set():
            if moment(machine):
                for pid in agents(machine):
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                return

    killer = threading.Thread(target=kill)
    killer.start()
    with suppress(HardwareInterfaceFailureError):
        there.submit_jobs_once(jobs, tokens)
    done.set()
    killer.join(PATIENCE)
    again = machine.interface(machine.root / "model.sh")
    results = again.submit_jobs_once(jobs, tokens)
    assert set(results.values()) == {None}, next(filter(None, results.values()))
    ends_of(again, numbers)
    reports = again.look().reports
    assert [seen for seen in reports if seen.status is not JobStatus.COMPLETED] == []
    assert runs_of(machine) == Counter(str(number) for number in numbers)
    assert again.get_job_outputs([JobId(120)]) == {JobId(120): 120.0}
    # Who was killed at the work left nothing but jobs.
    assert again.describe_workspace().others == ()


def unfinished(here: Machine, *numbers: int, token: str) -> None:
    """Leave what an agent leaves that is killed right after it made the directories."""
    with pytest.MonkeyPatch.context() as patch:
        shim(
            here,
            patch,
            "mkdir",
            '/bin/mkdir "$@"\n[[ $2 == [0-9]* ]] || exit\n'
            "read -r _ _ _ agent _ </proc/$PPID/stat\nkill -KILL $PPID $agent",
        )
        with pytest.raises(ConnectionLostError):
            dying(here, patch).submit_jobs_once(
                [job(number, 1.0) for number in numbers],
                {JobId(number): f"{token}{number}" for number in numbers},
            )


def test_directories_that_a_dead_agent_only_made_are_its_client_s_again(here: Machine) -> None:
    there = here.interface(here.script(LEDGER))
    there.make_workspace()
    unfinished(here, 1, 2, token="mine")
    assert here.job_dir(1).exists()
    assert there.get_job_status(JobId(1)) is JobStatus.PENDING_SUBMIT
    (error,) = there.submit_jobs_once([job(1, 2.0)], {JobId(1): "theirs"}).values()
    assert isinstance(error, ValueError)
    tokens = {JobId(number): f"mine{number}" for number in (1, 2)}
    assert set(there.submit_jobs_once([job(1, 1.0), job(2, 1.0)], tokens).values()) == {None}
    assert set(there.submit_jobs_once([job(1, 1.0), job(2, 1.0)], tokens).values()) == {None}
    ends_of(there, [1, 2])
    assert runs_of(here) == Counter("12")


def test_a_directory_in_which_somebody_else_put_something_is_not_taken_over(
    here: Machine,
) -> None:
    there = here.interface(here.script(LEDGER))
    there.make_workspace()
    unfinished(here, 1, token="mine")
    (here.job_dir(1) / "input.csv").write_text("9,9\n")
    (error,) = there.submit_jobs_once([job(1, 1.0)], {JobId(1): "mine1"}).values()
    assert isinstance(error, ValueError)
    assert (here.job_dir(1) / "input.csv").read_text() == "9,9\n"


def test_of_two_clients_whose_agents_died_over_one_id_one_gets_it(here: Machine) -> None:
    there = here.interface(here.script(LEDGER))
    there.make_workspace()
    unfinished(here, 1, token="first")
    claim = here.job_dir(1)
    claim.rename(here.root / "aside")
    unfinished(here, 1, token="second")
    assert claim.exists()
    second = here.interface(here.root / "model.sh")
    results: list[Exception | None] = []

    def submit(one: ScriptJobs, token: str, mine: float) -> None:
        results.extend(one.submit_jobs_once([Job(1, Input(mine))], {JobId(1): token}).values())

    race([lambda: submit(there, "first1", 1.0), lambda: submit(second, "second1", 2.0)])
    assert sorted(error is None for error in results) == [False, True], results
    end_of(there, 1)
    assert runs_of(here) == Counter("1")


@pytest.mark.parametrize("count", [5, pytest.param(50, marks=pytest.mark.long)])
def test_killing_agents_all_the_time_loses_nothing_and_doubles_nothing(
    machine: Machine, count: int
) -> None:
    script = machine.script(LEDGER)
    machine.interface(script).make_workspace()
    numbers = range(1, 41)
    jobs = [job(number, float(number)) for number in numbers]
    tokens = tokens_for(jobs)
    stop = threading.Event()

    def kill() -> None:
        while not stop.is_set():
            for pid in agents(machine):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            stop.wait(0.001)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        for _ in range(count):
            there = machine.interface(script, connect=False, reconnect=False)
            try:
                there.connect()
                there.submit_jobs_once(jobs, tokens)
            except HardwareInterfaceFailureError:
                continue
            finally:
                there.close()
    finally:
        stop.set()
        killer.join(PATIENCE)
    again = machine.interface(script)
    results = again.submit_jobs_once(jobs, tokens)
    assert set(results.values()) == {None}, next(filter(None, results.values()))
    wait_until(lambda: len(ledger(machine)) >= len(numbers), "every job's run")
    ends_of(again, numbers)
    assert runs_of(machine) == Counter(str(number) for number in numbers)
