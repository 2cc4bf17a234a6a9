"""Requests about any number of jobs, also about more than a program can be given at once."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from exauq_tui.hardware import JobId, JobStatus, agent_line
from exauq_tui.hardware.server_program import COMMAND, server_program
from tests.contract.machines import (
    WAITS,
    WRITES_A_NUMBER,
    Machine,
    end_of,
    ends_of,
    job,
    wait_for_start,
    wait_until,
)

SMALL_STACK = "ulimit -s 256; "
"""The kernel gives arguments a quarter of the stack, and 128 KiB at least."""

TOO_MANY = 9000
"""More names of 17 digits than 128 KiB hold."""

FIRST = 20260101000000000


@pytest.fixture
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let programs be given three names of 17 digits at a time."""
    text = server_program().replace("exauq_version=", "exauq_version=few", 1)
    text, count = re.subn(
        r"^exauq_names_most=[0-9]+$", "exauq_names_most=80", text, flags=re.MULTILINE
    )
    assert count == 1
    monkeypatch.setattr("exauq_tui.hardware.server_program.server_program", lambda: text)


@pytest.mark.usefixtures("few_at_once")
def test_a_batch_in_pieces_is_one_batch(machine: Machine) -> None:
    there = machine.interface(machine.script(WAITS), cancel_grace=0.5)
    there.make_workspace()
    (machine.workspace / ".exauq-tui" / "max_running").write_text("2\n")
    numbers = range(FIRST, FIRST + 20)
    # Some ids are somebody else's, and one directory cannot be made.
    for number in (FIRST + 3, FIRST + 4, FIRST + 19):
        machine.job_dir(number).mkdir()
    results = there.submit_jobs([job(number) for number in numbers])
    taken = [int(str(job_id)) for job_id, error in results.items() if error is not None]
    assert taken == [FIRST + 3, FIRST + 4, FIRST + 19]
    assert all("already submitted" in str(results[JobId(number)]) for number in taken)
    mine = [number for number in numbers if number not in taken]
    for number in mine[:2]:
        wait_for_start(machine, number)
    assert set(there.cancel_jobs([JobId(number) for number in mine]).values()) == {None}
    assert set(ends_of(there, list(mine)).values()) == {JobStatus.CANCELLED}
    results = there.delete_remote_job_dirs([JobId(number) for number in numbers])
    assert [int(str(job_id)) for job_id, error in results.items() if error is not None] == taken
    assert there.look().reports == ()
    assert sorted(path.name for path in machine.workspace.glob("[0-9]*")) == sorted(map(str, taken))


@pytest.mark.usefixtures("few_at_once")
def test_directories_that_somebody_makes_meanwhile_are_theirs_in_every_piece(
    here: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of each piece, somebody else's mkdir is first with the first name.
    shims = here.root / "shims"
    shims.mkdir()
    shim = shims / "mkdir"
    shim.write_text(
        '#!/bin/bash\nif [[ $2 == 2026* ]]; then /bin/mkdir "$2"; fi\nexec /bin/mkdir "$@"\n'
    )
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", f"{shims}:{os.environ['PATH']}")
    there = here.interface(here.script(WRITES_A_NUMBER))
    results = there.submit_jobs([job(number) for number in range(FIRST, FIRST + 10)])
    theirs = [FIRST, FIRST + 3, FIRST + 6, FIRST + 9]
    assert [int(str(job_id)) for job_id, error in results.items() if error is not None] == theirs
    assert all(list(here.job_dir(number).iterdir()) == [] for number in theirs)
    ours = [number for number in range(FIRST, FIRST + 10) if number not in theirs]
    assert set(ends_of(there, list(ours)).values()) == {JobStatus.COMPLETED}


def stop_by_input(machine: Machine, text: str) -> None:
    """Run the copy of the program that stops jobs, as the agent does; `text` is its input."""
    (program,) = (machine.workspace / ".exauq-tui").glob("program-*.sh")
    subprocess.run(
        ["/bin/bash", "-p", program, "stop", machine.workspace, "100"],
        input=text.encode(),
        check=True,
        timeout=60,
    )


def test_a_name_that_was_cut_off_is_nobody_s(here: Machine) -> None:
    there = here.interface(here.script(WAITS))
    there.submit_jobs([job(1), job(12)])
    for number in (1, 12):
        wait_for_start(here, number)
    # Who told the stopper of 12 and of 123 was killed in the middle of it.
    for number in (1, 12):
        (here.job_dir(number) / "STOPPING").write_text("another-host - - -\n")
    stop_by_input(here, "12 1")
    assert there.get_job_status(JobId(12)) is JobStatus.CANCELLED
    assert not (here.job_dir(1) / "END").exists()
    # One that nobody asked to stop is not stopped either.
    (here.job_dir(1) / "STOPPING").unlink()
    stop_by_input(here, "1 end\n")
    assert there.get_job_status(JobId(1)) is JobStatus.RUNNING
    here.let_go(1)
    assert end_of(there, 1) is JobStatus.COMPLETED


@pytest.fixture
def recorder() -> Iterator[subprocess.Popen[bytes]]:
    """A process that can be taken for a recorder, in a session of its own."""
    with subprocess.Popen(["sleep", "1000"], start_new_session=True) as process:
        yield process
        process.kill()


def seem_to_run(machine: Machine, numbers: range, pid: int) -> None:
    """Make jobs that seem to be recorded by one process."""
    stat = Path(f"/proc/{pid}/stat").read_text()
    ticks = stat[stat.rindex(")") + 2 :].split()[19]
    host = Path("/proc/sys/kernel/hostname").read_text().strip()
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    for number in numbers:
        place = machine.job_dir(number)
        place.mkdir()
        (place / "token").write_text("0123456789abcdef 1700000000\n")
        (place / "START").write_text(f"{host} {boot} {pid} {ticks} 1700000000\n")
        (place / "exauq_manager.sh").write_text("#!/bin/bash\n")


@pytest.mark.long
def test_thousands_of_jobs_are_submitted_cancelled_and_deleted_in_one_request_each(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, recorder: subprocess.Popen[bytes]
) -> None:
    monkeypatch.setattr(agent_line, "COMMAND", SMALL_STACK + COMMAND)
    there = machine.interface(machine.script(WAITS), cancel_grace=1.0)
    there.make_workspace()
    (machine.workspace / ".exauq-tui" / "max_running").write_text("1\n")
    waiting = range(FIRST, FIRST + TOO_MANY)
    results = there.submit_jobs([job(number) for number in waiting])
    assert len(results) == TOO_MANY
    assert set(results.values()) == {None}
    again = there.submit_jobs([job(number) for number in waiting])
    assert all("already submitted" in str(error) for error in again.values())
    wait_for_start(machine, FIRST)
    running = range(2 * FIRST, 2 * FIRST + TOO_MANY)
    seem_to_run(machine, running, recorder.pid)
    ids = [JobId(number) for number in (*waiting, *running)]
    statuses = there.request_cancels(ids)
    assert list(statuses.values()).count(JobStatus.CANCELLED) == TOO_MANY - 1
    assert list(statuses.values()).count(JobStatus.PENDING_CANCEL) == TOO_MANY + 1
    assert recorder.wait(60) != 0

    def ended() -> bool:
        return set(there.get_job_statuses(ids).values()) == {JobStatus.CANCELLED}

    wait_until(ended, "the end of all jobs", patience=300)
    assert set(there.delete_remote_job_dirs(ids).values()) == {None}
    assert there.look().reports == ()


WORK = {
    "lines for the journal": """exauq_append journal "${lines%$'\\n'}" """,
    "a reply": """for id in "${ids[@]}"; do exauq_put "$id ok"; done""",
    "directories that were all taken": """
        mkdir() { printf "mkdir: cannot create directory '%s': File exists\\n" "${@:2}"; return 1; }
        mine=("${ids[@]}") others=() claims=() claim=claim
        exauq_make_directories
    """,
    "jobs that are all there": """
        cd there
        exauq_read_jobs "${ids[*]}" "${ids[*]}" "${ids[@]}"
    """,
    "jobs that are given up": """
        rm() { :; }
        exauq_why_not() { echo full; }
        mine=("${ids[@]}")
        for place in "${!ids[@]}"; do exauq_give_up "$place"; done
    """,
    "news": """
        printf '%s' "$lines" >journal
        exec 6<journal
        watched=$PWD watch_generation=- watch_offset=0 watch_pending=''
        watch_ticks=1 watch_check=100
        exauq_watch_tick '' whole
    """,
    "accepted jobs": """
        printf '%s\\n' "${ids[@]}" end >accepted-1
        own=$PWD
        exauq_take_accepted
    """,
    "a queue": """
        printf '%s\\n' "${ids[@]}" >.exauq-tui/queue
        exauq_may_start() { return 1; }
        exauq_fill "$PWD"
    """,
    "names for a stopper": """
        declare -A waiting=() marks=() sessions=() groups=() recorder_of=()
        ws=$PWD
        exauq_take_on "${ids[@]}"
    """,
}


def seconds(work: str, count: int, place: Path) -> float:
    """How long Bash works on what stands in `ids` and `lines`, at best, by its own clock."""
    there = place / "there"
    (place / ".exauq-tui").mkdir(parents=True)
    there.mkdir()
    for number in range(FIRST, FIRST + count):
        (there / str(number)).touch()
    script = f"""{server_program()}
    exec 2>/dev/null 9>/dev/null
    cd "$1" || exit
    for ((n = 0; n < $2; n++)); do ids+=("$(({FIRST} + n))"); done
    printf -v lines '%s Q 1700000000.123 - - - 0123456789abcdef - \\n' "${{ids[@]}}"
    declare -A lost=() claimants=()
    page='' pages=() host=host boot=boot begun=${{EPOCHREALTIME/./}}
    {work}
    echo "$((${{EPOCHREALTIME/./}} - begun))"
    """
    done = subprocess.run(
        ["/bin/bash", "-p", "-c", script, "bash", place, str(count)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return int(done.stdout.split()[-1]) / 1e6


@pytest.mark.long
@pytest.mark.parametrize("work", WORK.values(), ids=WORK)
def test_ten_times_as_many_jobs_take_about_ten_times_as_long(tmp_path: Path, work: str) -> None:
    few = min(seconds(work, 2000, tmp_path / f"few-{n}") for n in range(5))
    many = min(seconds(work, 20_000, tmp_path / f"many-{n}") for n in range(3))
    # Where each would be compared with each, it would be a hundred times.
    assert many < 30 * few
