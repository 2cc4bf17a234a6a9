"""What is kept of a workspace for years: it stays short, and nobody misses a change."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from exauq_tui.hardware import JobId, JobStatus, lookout
from exauq_tui.hardware.server_program import server_program
from tests.contract.machines import (
    WAITS,
    WRITES_A_NUMBER,
    AnyInterface,
    Machine,
    ends_of,
    job,
    run,
    wait_for_start,
    wait_until,
)

OLD_LINE = b"99 C 1700000000.123 1700000000.456 1700000001.789 0 0123456789abcdef 1.5 \n"

TIGHT = {
    "exauq_journal_most": 2000,  # bytes
    "exauq_queue_done_most": 4,
    "exauq_slots_most": 4,
}


@pytest.fixture
def tighten(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Give a function: who connects after it keeps next to nothing, and shortens all the time."""

    def let_little_be_kept() -> None:
        text = server_program().replace("exauq_version=", "exauq_version=tight", 1)
        for name, most in TIGHT.items():
            text, count = re.subn(rf"^{name}=[0-9]+$", f"{name}={most}", text, flags=re.MULTILINE)
            assert count == 1
        monkeypatch.setattr("exauq_tui.hardware.server_program.server_program", lambda: text)

    return let_little_be_kept


@pytest.fixture(autouse=True)
def _no_look_at_everything_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever misses a change here never hears of it."""
    monkeypatch.setattr(lookout, "_SNAPSHOT_EVERY", (1e6, 1e6))


def ours(machine: Machine) -> Path:
    return machine.workspace / ".exauq-tui"


def generation(machine: Machine) -> str:
    with (ours(machine) / "journal").open() as journal:
        return journal.readline().split()[2]


class Follower:
    """Looks again and again, by pushes or by asking, and keeps what it was told last."""

    def __init__(self, there: AnyInterface, *, push: bool) -> None:
        self.there = there
        self.known: dict[str, JobStatus] = {}
        self.complete_looks = 0
        self._cursor: str | None = None
        if push:
            there.on_news(lambda: None)
        self.look()

    def look(self) -> None:
        look = self.there.look(self._cursor)
        self._cursor = look.cursor
        if look.complete:
            self.complete_looks += 1
            self.known.clear()
        self.known.update((str(seen.job_id), seen.status) for seen in look.reports)
        for job_id in look.deleted:
            self.known.pop(str(job_id), None)

    def hear(self, condition: Callable[[dict[str, JobStatus]], object], what: str) -> None:
        def heard() -> object:
            self.look()
            return condition(self.known)

        wait_until(heard, f"{what}; known is {self.known}")


@pytest.mark.parametrize("push", [True, False], ids=["pushed", "asked"])
def test_a_journal_that_got_long_is_begun_anew_and_nothing_goes_untold(
    machine: Machine, tighten: Callable[[], None], push: bool
) -> None:
    there = machine.interface(machine.script(WAITS))
    there.submit_jobs([job(number) for number in range(1, 21)])
    for number in range(1, 21):
        wait_for_start(machine, number)
    before = generation(machine)
    follower = Follower(machine.interface(machine.root / "model.sh"), push=push)
    assert follower.there.is_pushing is push
    machine.let_go(1)
    follower.hear(lambda known: known.get("1") is JobStatus.COMPLETED, "the end of job 1")
    assert (generation(machine), follower.complete_looks) == (before, 1)
    tighten()
    machine.interface(machine.root / "model.sh").submit_job(job(21))
    wait_until(lambda: generation(machine) != before, "another journal")
    follower.hear(lambda known: known.get("21") is JobStatus.RUNNING, "the start of job 21")
    anew = generation(machine)
    for number in range(2, 22):
        machine.let_go(number)
    follower.hear(lambda known: set(known.values()) == {JobStatus.COMPLETED}, "all ends")
    assert set(follower.known) == {str(number) for number in range(1, 22)}
    assert generation(machine) == anew
    # It may have been begun anew twice: at the connect, and at the submission.
    assert follower.complete_looks in (2, 3)


def test_a_journal_of_many_megabytes_is_begun_anew_at_a_connect(machine: Machine) -> None:
    run(machine.interface(), 1)
    with (ours(machine) / "journal").open("ab") as journal:
        journal.write(OLD_LINE * 60_000)
    before = generation(machine)
    follower = Follower(machine.interface(), push=False)
    wait_until(lambda: generation(machine) != before, "another journal")
    assert (ours(machine) / "journal").stat().st_size < 5000
    run(machine.interface(), 2)
    follower.hear(lambda known: known.get("2") is JobStatus.COMPLETED, "the end of job 2")


def test_who_watches_is_told_of_another_journal_by_the_old_one_or_by_looking(
    here: Machine,
) -> None:
    there = here.interface(here.script(WAITS))
    there.submit_job(job(1))
    wait_for_start(here, 1)
    follower = Follower(here.interface(here.root / "model.sh"), push=True)
    journal = ours(here) / "journal"
    # As one leaves it who is killed right after the renaming: nothing says so in the old one.
    other = ours(here) / "new-1"
    other.write_text("exauq-journal 1 another\n")
    other.rename(journal)
    here.let_go(1)
    follower.hear(lambda known: known == {"1": JobStatus.COMPLETED}, "the end of job 1")
    assert follower.complete_looks == 2


@pytest.mark.parametrize("limit", [0, 3])
def test_jobs_that_come_and_go_leave_little_behind(
    machine: Machine, tighten: Callable[[], None], limit: int
) -> None:
    tighten()
    ledger = machine.root / "ledger"
    script = machine.script(f'echo "$1" >>{ledger}; {WRITES_A_NUMBER}')
    there = machine.interface(script)
    there.make_workspace()
    (ours(machine) / "max_running").write_text(f"{limit}\n")
    followers = [
        Follower(machine.interface(script), push=True),
        Follower(machine.interface(script), push=False),
    ]
    first = generation(machine)
    for start in range(100, 160, 6):
        there.submit_jobs([job(number) for number in range(start, start + 6)])
        for follower in followers:
            follower.look()
    numbers = range(100, 160)
    assert set(ends_of(there, numbers).values()) == {JobStatus.COMPLETED}
    for follower in followers:
        follower.hear(
            lambda known: len(known) == 60 and set(known.values()) == {JobStatus.COMPLETED},
            "the end of every job",
        )
    run(there, 200)
    ran = [Path(line).parent.name for line in ledger.read_text().split()]
    assert sorted(ran) == sorted(map(str, [*numbers, 200]))
    assert generation(machine) != first

    def is_short() -> bool:
        # The last filler may still be at work.
        queue, slots = (ours(machine) / name for name in ("queue", "slots"))
        return (
            len(queue.read_text().split()) <= TIGHT["exauq_queue_done_most"]
            and len(slots.read_text().split()) <= 2 * 6 + 100
            and {path.name.split("-")[0] for path in ours(machine).iterdir()}
            <= {"format", "journal", "lock", "max_running", "program", "queue", "recorder", "slots"}
        )

    wait_until(is_short, f"little to be left: {sorted(ours(machine).iterdir())}")


def test_what_killed_processes_left_half_done_is_removed_after_a_day(here: Machine) -> None:
    there = here.interface(here.script(WAITS))
    there.submit_job(job(1))
    wait_for_start(here, 1)
    there.close()
    own = ours(here)
    needed = {path.name for path in own.iterdir()}
    left = ["accepted-1-2-3", "new-1-2", "queue-half", "slots-half", "trash-9-9"]
    for name in [*left, "trash-young"]:
        (own / name).mkdir()
        (own / name / "COMPLETED").touch()
    yesterday = time.time() - 2 * 24 * 3600
    for path in own.iterdir():
        if path.name != "trash-young":
            os.utime(path, (yesterday, yesterday))
    # One that died between its work and the removal of its claim.
    host = Path("/proc/sys/kernel/hostname").read_text().strip()
    (own / "claim-8").write_text(f"{host} an-earlier-uptime 1 1\n1\n0123456789abcdef\n")
    here.interface(here.root / "model.sh").connect()
    left.append("claim-8")
    wait_until(lambda: not any((own / name).exists() for name in left), "their removal")
    assert {path.name for path in own.iterdir()} >= {*needed, "trash-young"}


def never_judged(machine: Machine, numbers: range) -> None:
    """Make jobs whose ends only a call of the server program's own function can tell."""
    for number in numbers:
        place = machine.job_dir(number)
        place.mkdir()
        (place / "input.csv").write_text("1\n")
        (place / "token").write_text("0123456789abcdef 1700000000\n")
        (place / "START").write_text("another-host boot 1 1 1700000000\n")
        (place / "exauq_manager.sh").write_text("#!/bin/bash\n")


@pytest.mark.parametrize("each", [4, pytest.param(60, marks=pytest.mark.long)])
def test_fifty_writers_and_a_compactor_that_is_killed_all_the_time_leave_nothing_untold(
    machine: Machine, each: int
) -> None:
    there = machine.interface()
    there.make_workspace()
    writers = range(50)
    never_judged(machine, range(1000, 1000 + 50 * each))
    followers = [
        Follower(machine.interface(), push=True),
        Follower(machine.interface(), push=False),
    ]
    assert all(set(one.known.values()) == {JobStatus.RUNNING} for one in followers)
    go = machine.root / "go"
    writes = (
        "exec 2>/dev/null; until [[ -e $2 ]]; do sleep 0.1; done; "
        "for ((n = $3; n < $3 + $4; n++)); do "
        'exauq_now; exauq_end "$1/$n" "$1" "$n" C - "$now" 0 ""; sleep 0.05; done'
    )
    compacts = 'exec 2>/dev/null; echo ready; while exauq_renew_journal "$1"; do :; done'

    def start(lines: str, *words: object) -> subprocess.Popen[bytes]:
        command = ["/bin/bash", "-p", "-c", f"{server_program()}\n{lines}", "bash"]
        command += [str(machine.workspace), *map(str, words)]
        return subprocess.Popen(command, stdout=subprocess.PIPE)

    stop = threading.Event()
    seed = random.randrange(10**6)
    moments = random.Random(seed)

    def compact() -> None:
        while not stop.is_set():
            with start(compacts) as compactor:
                assert compactor.stdout is not None
                compactor.stdout.readline()
                # One replacement takes some milliseconds.
                stop.wait(moments.uniform(0.0, 0.03))
                compactor.send_signal(signal.SIGKILL)

    first = generation(machine)
    compacting = threading.Thread(target=compact)
    running = [start(writes, go, 1000 + each * writer, each) for writer in writers]
    compacting.start()
    try:
        wait_until(lambda: generation(machine) != first, "another journal")
        go.touch()
        while any(one.poll() is None for one in running):
            for follower in followers:
                follower.look()
    finally:
        for one in running:
            one.communicate(timeout=60)
        stop.set()
        compacting.join(60)
    for follower in followers:
        follower.hear(
            lambda known: set(known.values()) == {JobStatus.COMPLETED},
            f"every end, with the seed {seed}",
        )
        assert len(follower.known) == 50 * each
        # A change that was told by a look at everything was not untold.
        assert follower.complete_looks > 1


def test_a_job_whose_coming_was_told_in_a_journal_that_is_no_more_is_told_again(
    here: Machine,
) -> None:
    there = here.interface()
    there.make_workspace()
    # The journal is begun anew between the line that tells of the job and what makes it one.
    lines = """
    exec 2>/dev/null
    eval "real_$(declare -f exauq_journal)"
    exauq_send() { :; }; exauq_detach() { :; }
    exauq_identify; own_ticks=1 exauq_start_dir=/
    exauq_journal() {
        real_exauq_journal "$@"
        exauq_renew_journal "$1"
        exauq_generation "$1"
        printf '%s\\n' "$generation"
    }
    exauq_verb_submit "$1" "$2" '' 1 bash 7 token 1.5
    printf '%s' "$reply"
    """
    done = subprocess.run(
        [
            "/bin/bash",
            "-p",
            "-c",
            f"{server_program()}\n{lines}",
            "bash",
            here.workspace,
            here.script(""),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    read, answer = done.stdout.splitlines()
    assert answer == "7 ok"
    # Whoever looked in between, and did not see the job, looks at everything once more.
    assert read != generation(here)


def test_jobs_wait_in_one_order_however_many_submissions_bring_them(here: Machine) -> None:
    there = here.interface(here.script(f'echo "${{1%/*}}" >>{here.root}/ledger; {WRITES_A_NUMBER}'))
    there.make_workspace()
    (ours(here) / "max_running").write_text("1\n")
    # Nobody starts anything before all have come.
    with (ours(here) / "lock").open("a") as lock:
        subprocess.run(["flock", str(lock.fileno())], pass_fds=[lock.fileno()], check=True)
        numbers = [30, 10, 20, 5, 25, 15]
        for number in numbers:
            there.submit_job(job(number))
    ends_of(there, list(numbers))
    begun = (here.root / "ledger").read_text().split()
    assert [int(Path(path).name) for path in begun] == numbers


def test_an_end_that_came_before_a_late_request_to_stop_is_what_is_told_last(
    machine: Machine,
) -> None:
    there = machine.interface()
    run(there, 1)
    follower = Follower(there, push=False)
    # As a cancel leaves it that found the job running and was overtaken by its end.
    lines = (
        'exec 2>/dev/null; : >"$1/1/STOPPING"; exauq_journal "$1" "1 T - - - - - - "; '
        'exauq_stop "$1" 0 1'
    )
    subprocess.run(
        ["/bin/bash", "-p", "-c", f"{server_program()}\n{lines}", "bash", machine.workspace],
        check=True,
    )
    follower.look()
    assert follower.known == {"1": JobStatus.COMPLETED}


CHECKED = """
exauq_check_told() {
    local id state so
    while read -r id state _; do
        so=no
        case $state in
            R) [[ -s $1/$id/START ]] && so=yes ;;
            T) [[ -e $1/$id/STOPPING ]] && so=yes ;;
            X) [[ -s $1/$id/STOPFAILED ]] && so=yes ;;
            C) [[ -s $1/$id/END && -e $1/$id/COMPLETED ]] && so=yes ;;
            F) [[ -s $1/$id/END && -e $1/$id/FAILED ]] && so=yes ;;
            S) [[ -s $1/$id/END && -e $1/$id/STOPPED ]] && so=yes ;;
            D) [[ ! -e $1/$id ]] && so=yes ;;
            Q) [[ -s $1/$id/token ]] && so=yes ;;
        esac
        echo "$state $so" >>"$1.told"
    done <<<"$2"
}
"""


def test_whatever_is_told_is_so_before_it_is_told(
    here: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = server_program().replace(
        "exauq_journal() {\n", CHECKED + 'exauq_journal() {\n    exauq_check_told "$1" "$2"\n'
    )
    monkeypatch.setattr("exauq_tui.hardware.server_program.server_program", lambda: text)
    there = here.interface(here.script(WAITS), cancel_grace=0.1)
    there.make_workspace()
    (ours(here) / "max_running").write_text("3\n")
    there.submit_jobs([job(number) for number in range(1, 6)])
    for number in range(1, 4):
        wait_for_start(here, number)
    there.cancel_jobs([JobId(3), JobId(5)])  # one that runs, and one that waits
    here.let_go(1)
    wait_for_start(here, 4)
    os.killpg(int((here.job_dir(4) / "PID").read_text()), signal.SIGKILL)
    # Nothing can be killed: `kill` is a function that does nothing.
    (here.job_dir(2) / "STOPPING").touch()
    unable = f'{text}\nexec 2>/dev/null; kill() {{ :; }}; exauq_stop "$1" 0 2'
    subprocess.run(["/bin/bash", "-p", "-c", unable, "bash", here.workspace], check=True)
    here.let_go(2)
    ends_of(there, range(1, 6))
    there.delete_remote_job_dir(JobId(1))
    told = Path(f"{here.workspace}.told")
    wait_until(lambda: "D" in told.read_text(), "the last line")
    lines = set(told.read_text().splitlines())
    assert lines == {f"{state} yes" for state in "QRTXCFSD"}
