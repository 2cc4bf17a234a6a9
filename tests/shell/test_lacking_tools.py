"""Servers that lack this program or that: everything works, or the missing one is named."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from exauq_tui.errors import ServerRefusedError
from exauq_tui.hardware import JobId, JobStatus
from exauq_tui.hardware.local import LocalScriptInterface
from exauq_tui.hardware.server_program import server_program
from tests.contract.machines import WRITES_A_NUMBER, Machine, ends_of, job, run, wait_for_start
from tests.shell.essentials import put_simulator, see_jobs_through
from tests.shell.standins import busybox_programs, stand_in

NEEDED = (
    *("base64", "dd", "find", "grep", "head", "ln", "mkdir", "mv", "readlink", "rm"),
    *("rmdir", "setsid", "sleep", "tail", "tr", "wc"),
)


def local(script: Path, workspace: Path | None) -> LocalScriptInterface:
    return LocalScriptInterface(
        "sh",
        str(script),
        "here",
        workspace_dir=None if workspace is None else str(workspace),
        max_running=2,
        cancel_grace=1.0,
    )


@pytest.mark.parametrize("named", [True, False])
def test_all_verbs_work_with_the_programs_of_busybox_alone(
    here: Machine, monkeypatch: pytest.MonkeyPatch, named: bool
) -> None:
    monkeypatch.setenv("PATH", str(busybox_programs(here.root / "bin", "flock", "nproc")))
    with local(put_simulator(here.root), here.workspace if named else None) as there:
        see_jobs_through(there)


@pytest.mark.parametrize("lacking", NEEDED)
def test_a_program_that_nothing_works_without_is_named(
    here: Machine, monkeypatch: pytest.MonkeyPatch, lacking: str
) -> None:
    monkeypatch.setenv("PATH", str(busybox_programs(here.root / "bin", lacking)))
    with pytest.raises(ServerRefusedError, match=f"program {lacking} is missing.* install it"):
        local(here.script("exit"), here.workspace)


def test_the_cores_are_counted_without_nproc(
    here: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(busybox_programs(here.root / "bin", "nproc")))
    script = here.script(WRITES_A_NUMBER)
    with LocalScriptInterface(
        "sh", str(script), "here", workspace_dir=str(here.workspace), max_running="auto"
    ) as there:
        run(there, 1)
    cores = Path("/proc/cpuinfo").read_text().count("processor\t")
    assert (here.workspace / ".exauq-tui" / "max_running").read_text() == f"{cores}\n"


def test_a_sleep_that_knows_no_fractions_of_seconds_is_not_called_in_a_rush(
    here: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = busybox_programs(here.root / "bin", "sleep")
    stand_in(
        programs,
        "sleep",
        f'echo "$1" >>{here.root}/slept\n'
        'case $1 in *.*) exit 1; esac\nexec /usr/bin/busybox sleep "$1"',
    )
    monkeypatch.setenv("PATH", str(programs))
    script = here.script("trap '' TERM; echo started; while :; do sleep 1000; done")
    with local(script, here.workspace) as there:
        there.submit_job(job(1))
        wait_for_start(here, 1)
        there.cancel_job(JobId(1))
        assert there.get_job_status(JobId(1)) is JobStatus.CANCELLED
    assert 1 <= (here.root / "slept").read_text().count("0.") < 10


# The lock

FLOCKS = {
    "flock": 'exec /usr/bin/flock "$@"',
    "busybox's flock": 'case " $* " in *" -w "*) echo "flock: invalid option" >&2; exit 1; esac\n'
    'exec /usr/bin/flock "$@"',
    "no locks on this file system": 'echo "flock: 7: No locks available" >&2; exit 71',
    "no flock": None,
}


@pytest.fixture(params=FLOCKS)
def programs(
    here: Machine, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Path:
    """The programs of a server, with a flock of some kind."""
    made = busybox_programs(here.root / "bin", "flock")
    lines = FLOCKS[request.param]
    if lines is not None:
        stand_in(made, "flock", lines)
    monkeypatch.setenv("PATH", str(made))
    return made


def locker(workspace: Path, lines: str) -> subprocess.Popen[bytes]:
    """Start Bash lines that know the program's functions; $1 is the workspace."""
    (workspace / ".exauq-tui").mkdir(parents=True, exist_ok=True)
    program = f"{server_program()}\nexauq_identify; locked=\n{lines}"
    return subprocess.Popen(
        ["/bin/bash", "-p", "-c", program, "bash", str(workspace)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


COUNTS = """\
for n in {1..12}; do
    exauq_lock "$1" || exit 3
    read -r count <"$1/count"
    echo "$((count + 1))" >"$1/count"
    exauq_unlock "$1"
done
"""
HOLDS = 'exauq_lock "$1" && echo locked; read -r _; exauq_unlock "$1"'


@pytest.mark.usefixtures("programs")
def test_the_lock_is_held_by_one_at_a_time_also_after_holders_were_killed(here: Machine) -> None:
    place = here.workspace
    killed = locker(place, HOLDS)
    assert killed.stdout is not None
    assert killed.stdout.readline() == b"locked\n"
    (place / "count").write_text("0\n")
    counters = [locker(place, COUNTS) for _ in range(5)]
    killed.kill()
    killed.communicate()
    assert [counter.wait(90) for counter in counters] == [0] * 5
    for counter in counters:
        counter.communicate()
    assert (place / "count").read_text() == f"{5 * 12}\n"
    assert not (place / ".exauq-tui" / "lock-break").exists()


@pytest.mark.usefixtures("programs")
def test_a_lock_that_is_held_for_long_is_not_waited_for_for_ever(here: Machine) -> None:
    holder = locker(here.workspace, HOLDS)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"locked\n"
    in_vain = locker(here.workspace, 'exauq_lock "$1" 1 || echo "in vain:$locked"')
    assert in_vain.communicate(timeout=60)[0] == b"in vain:\n"
    holder.communicate(b"\n", timeout=60)
    taken = locker(here.workspace, 'exauq_lock "$1" && echo "taken"')
    assert taken.communicate(timeout=60)[0] == b"taken\n"


def test_the_lock_of_another_machine_is_taken_over_when_it_is_old(
    here: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(busybox_programs(here.root / "bin", "flock")))
    own = here.workspace / ".exauq-tui"
    own.mkdir(parents=True)
    (own / "lock-holder").symlink_to("another-machine boot 1 1")
    asks = 'exauq_lock "$1" 1 && echo "taken"'
    assert locker(here.workspace, asks).communicate(timeout=60)[0] == b""
    asks = 'exauq_lock "$1" && echo "taken"'
    long_ago = time.time() - 1200
    os.utime(own / "lock-holder", (long_ago, long_ago), follow_symlinks=False)
    # Somebody who was about to take it over died, also long ago.
    (own / "lock-break").mkdir()
    os.utime(own / "lock-break", (long_ago, long_ago))
    assert locker(here.workspace, asks).communicate(timeout=60)[0] == b"taken\n"
    assert not (own / "lock-break").exists()


@pytest.mark.usefixtures("programs")
def test_no_more_jobs_run_than_there_are_slots_whatever_the_lock_is(here: Machine) -> None:
    script = here.script(
        'echo "begin $1" >>"$0.ledger"; sleep 0.2; echo "end $1" >>"$0.ledger"; echo 1.5 >"$2"\n'
    )
    killed = locker(here.workspace, HOLDS)
    assert killed.stdout is not None
    assert killed.stdout.readline() == b"locked\n"
    killed.kill()
    killed.communicate()
    with local(script, here.workspace) as one, local(script, here.workspace) as other:
        assert set(one.submit_jobs([job(n) for n in range(1, 7)]).values()) == {None}
        assert set(other.submit_jobs([job(n) for n in range(7, 13)]).values()) == {None}
        assert set(ends_of(one, range(1, 13)).values()) == {JobStatus.COMPLETED}
    active: set[str] = set()
    begun = []
    for line in Path(f"{script}.ledger").read_text().splitlines():
        word, path = line.split(" ", 1)
        if word == "begin":
            begun.append(path)
            active.add(path)
        else:
            active.discard(path)
        assert len(active) <= 2
    assert len(begun) == len(set(begun)) == 12
