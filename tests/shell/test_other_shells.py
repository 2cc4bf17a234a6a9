"""What of the server's side another shell may come to read: it works there, or says why not."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from exauq_tui.errors import ServerRefusedError
from exauq_tui.hardware import JobId, JobStatus
from exauq_tui.hardware.agent import AgentSession
from exauq_tui.hardware.connection.local_bash import LocalBash
from exauq_tui.hardware.local import LocalScriptInterface
from exauq_tui.hardware.server_program import COMMAND, bootstrap, server_program
from tests.contract.machines import WAITS, Machine, end_of, job, run, wait_for_start
from tests.shell.essentials import put_simulator, see_jobs_through
from tests.shell.standins import (
    StandInInterface,
    old_bash,
    require_stand_ins,
    stand_in,
    with_bash,
)

OTHER_SHELLS = ("dash", "busybox sh", "mksh", "zsh")


# What stands as /bin/bash


def greet(bash: Path) -> AgentSession:
    require_stand_ins()
    command = with_bash(bash, "exec /bin/bash -p -s")
    return AgentSession(LocalBash("/").open_stream(command, 10.0), "alice@hpc1", timeout=30.0)


@pytest.mark.parametrize("shell", OTHER_SHELLS)
def test_another_shell_that_stands_as_bash_is_told_in_words(tmp_path: Path, shell: str) -> None:
    bash = stand_in(tmp_path, "bash", f'exec {shell} "$@"')
    with pytest.raises(ServerRefusedError, match=r"alice@hpc1.*/bin/bash") as raised:
        greet(bash)
    words = str(raised.value)
    # busybox's shell does not know -p, and says so itself.
    assert "another shell than Bash" in words or "illegal option -p" in words


@pytest.mark.parametrize(
    "version", ["2.05b.0(1)-release", "3.2.57(1)-release", "4.0.44(1)-release"]
)
def test_a_bash_that_is_too_old_is_told_by_its_version(tmp_path: Path, version: str) -> None:
    with pytest.raises(ServerRefusedError, match=r"Bash 4\.1 or newer is needed") as raised:
        greet(old_bash(tmp_path, version))
    assert f"alice@hpc1 has Bash {version} as /bin/bash" in str(raised.value)


@pytest.mark.parametrize(
    "version", ["4.1.2(1)-release", "4.2.46(2)-release", "5.2.15(1)-release", "6.0.0(1)-release"]
)
def test_a_bash_that_is_new_enough_is_greeted(tmp_path: Path, version: str) -> None:
    session = greet(old_bash(tmp_path, version))
    assert session.hello.bash_version == version
    assert session.request("ping").status == "ok"
    session.close()


def test_a_machine_without_bash_is_told_in_words(tmp_path: Path) -> None:
    require_stand_ins()
    (tmp_path / "bash").touch()  # not to be run by anybody
    with pytest.raises(ServerRefusedError, match=r"could not run /bin/bash.*denied"):
        greet(tmp_path / "bash")


def test_all_verbs_work_on_a_bash_that_lacks_what_came_after_4_1(here: Machine) -> None:
    require_stand_ins()
    bash = old_bash(here.root, "4.1.2(1)-release")
    with StandInInterface(bash, put_simulator(here.root), here.workspace, 2) as there:
        see_jobs_through(there)


# What is newer than Bash 4.1

# A pattern, the version that brought what it finds, and an example.
NEWER = (
    (r"%\([^)]*\)T", "4.2", "printf '%(%s)T' -1"),
    (r"\[\[ (! )?-v\b|\btest -v\b", "4.2", "if [[ -v name ]]; then"),
    (r"\b(declare|typeset) -\w*g", "4.2", "declare -gA names"),
    (r"\\[uU][0-9a-fA-F]", "4.2", r"$'\u00e9'"),
    (r"\$\{[^}:]+:[^}]*: *-[0-9]+\}", "4.2", "${name:0:-1}"),
    (r"lastpipe", "4.2", "shopt -s lastpipe"),
    (r"\[-[0-9]", "4.3", "${names[-1]}"),
    (r"\bprintf\b.*-v.*%b", "4.3", "printf -v name '%b' x"),  # before: a core dump
    (r"\b(declare|local|typeset) -\w*n\b", "4.3", "local -n name=$1"),
    (r"\bwait -\w*n", "4.3", "wait -n"),
    (r"\[\[ (! )?-R\b", "4.3", "[[ -R name ]]"),
    (r"@[QEPAaUuLKk]\}", "4.4", "${name@Q}"),
    (r"\b(mapfile|readarray) .*-d\b", "4.4", "mapfile -t -d '' names"),
    (r"\blocal -(\s|$)", "4.4", "local -"),
    (r"inherit_errexit", "4.4", "shopt -s inherit_errexit"),
    (r"EPOCHREALTIME|EPOCHSECONDS|BASH_ARGV0", "5.0", "now=$EPOCHREALTIME"),
    (r"SRANDOM|\bwait -\w*p|assoc_expand_once", "5.1", "wait -p pid"),
    (r"\$\{[\s|]", "5.3", "${ date; }"),
)

# Lines that ask first whether it is there.
GUARDED = {
    "if [[ -n ${EPOCHREALTIME-} ]]; then",
    "now=${EPOCHREALTIME%???}",
    "elif ! printf -v now '%(%s)T' -1 2>/dev/null; then",
    "printf -v start_time '%(%a %b %e %T %Y)T' -1 2>/dev/null ||"
    " start_time=$(date '+%a %b %e %T %Y')",
    "milliseconds=${EPOCHREALTIME/./}",
}


def test_nothing_newer_than_bash_4_1_is_used_unguarded() -> None:
    found = set()
    for line in server_program().splitlines():
        for pattern, version, _ in NEWER:
            if re.search(pattern, line):
                found.add(line.strip())
                assert line.strip() in GUARDED, f"Bash {version} is needed by: {line}"
    assert found == GUARDED


@pytest.mark.parametrize(("pattern", "example"), [(each[0], each[2]) for each in NEWER])
def test_what_is_newer_is_recognised(pattern: str, example: str) -> None:
    assert re.search(pattern, example)


# What the session brings along

ODD_ENVIRONMENTS = {
    "posix": {"POSIXLY_CORRECT": "1"},
    "old rules": {"BASH_COMPAT": "4.1"},
    "time-outs": {"TMOUT": "1"},
    "options": {"SHELLOPTS": "noglob:nounset:errexit:xtrace:noclobber", "BASHOPTS": "nocaseglob"},
    "start-up files": {"BASH_ENV": "/dev/stdin", "ENV": "/dev/stdin"},
    "functions": {"BASH_FUNC_printf%%": "() { echo hacked; }", "BASH_FUNC_kill%%": "() { :; }"},
    "words": {"IFS": "0123456789", "CDPATH": "/:/tmp", "GLOBIGNORE": "*", "PS4": "$(echo hacked)"},
    "nothing": {"USER": "", "LANG": "", "HOSTNAME": "elsewhere", "EPOCHREALTIME": "1,5"},
}


@pytest.mark.parametrize("odd", ODD_ENVIRONMENTS)
def test_all_verbs_work_in_the_odd_environment_of_a_session(
    here: Machine, monkeypatch: pytest.MonkeyPatch, odd: str
) -> None:
    for name, value in ODD_ENVIRONMENTS[odd].items():
        monkeypatch.setenv(name, value)
    with local(put_simulator(here.root), here.workspace) as there:
        see_jobs_through(there)


def test_a_session_that_is_idle_outlives_the_time_out_for_people(tmp_path: Path) -> None:
    agent = subprocess.Popen(
        ["/bin/sh", "-c", COMMAND],
        env={**os.environ, "TMOUT": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert agent.stdin is not None
    agent.stdin.write(bootstrap("abc123"))
    agent.stdin.flush()
    with pytest.raises(subprocess.TimeoutExpired):
        agent.wait(1.5)
    assert b"EXAUQ abc123 0 ok" in agent.communicate(timeout=30)[0]


def test_a_file_that_cannot_be_opened_does_not_end_a_bash_in_posix_mode(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            "/bin/bash",
            "-p",
            "-c",
            f'{server_program()}\nexauq_lock "$1" 0; echo alive',
            "bash",
            "/a",
        ],
        env={**os.environ, "POSIXLY_CORRECT": "1"},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == b"alive\n"


def local(script: Path, workspace: Path) -> LocalScriptInterface:
    return LocalScriptInterface(
        "sh", str(script), "here", workspace_dir=str(workspace), max_running=2, cancel_grace=1.0
    )


# The files of a job, called by another shell than they are for


@pytest.mark.parametrize("shell", ["sh", "bash --posix", *OTHER_SHELLS])
def test_a_job_s_manager_answers_whatever_shell_it_is_called_by(here: Machine, shell: str) -> None:
    there = here.interface(here.script(WAITS), cancel_grace=1.0)
    run(here.interface(here.script("exit 1", "fails.sh")), 1)
    there.submit_job(job(2))
    wait_for_start(here, 2)

    def ask(number: int, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*shell.split(), f"{number}/exauq_manager.sh", *words],
            cwd=here.workspace,
            env={**os.environ, "CDPATH": "/"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert (ask(1, "status").stdout, ask(1, "status").stderr) == ("FAILED\n", "")
    assert ask(2, "status").stdout == "RUNNING\n"
    assert "start, status or stop" in ask(2, "begin").stderr
    ask(2, "stop")
    assert ask(2, "status").stdout == "STOPPED\n"


@pytest.mark.parametrize("shell", ["dash", "busybox sh", "mksh", "zsh"])
def test_a_job_s_runner_says_that_it_is_for_bash_and_starts_nothing(
    here: Machine, shell: str
) -> None:
    there = here.interface()
    run(there, 1)
    before = sorted(path.name for path in here.job_dir(1).iterdir())
    done = subprocess.run(
        [*shell.split(), "runner.sh"],
        cwd=here.job_dir(1),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert (done.stdout, done.stderr) == ("", "runner.sh is for Bash: bash runner.sh\n")
    assert sorted(path.name for path in here.job_dir(1).iterdir()) == before


@pytest.mark.parametrize("call", [["bash"], ["bash", "--posix"]])
def test_a_queued_job_s_runner_called_by_hand_runs_it_once(
    here: Machine, monkeypatch: pytest.MonkeyPatch, call: list[str]
) -> None:
    shims = here.root / "shims"
    shims.mkdir()
    stand_in(shims, "setsid", "exit 0")  # so that nothing starts by itself
    monkeypatch.setenv("PATH", f"{shims}:{os.environ['PATH']}")
    there = here.interface(here.script('echo run >>"$0.ledger"; echo 1 >"$2"'))
    there.submit_job(job(1))
    monkeypatch.undo()
    for _ in range(2):
        done = subprocess.run(
            [*call, str(here.job_dir(1) / "runner.sh")],
            cwd="/",
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert (done.stdout, done.stderr) == (b"", b"")
    assert end_of(there, 1) is JobStatus.COMPLETED
    assert there.get_job_output(JobId(1)) == 1.0
    assert (here.root / "model.sh.ledger").read_text() == "run\n"


def test_the_shells_that_are_tested_are_there() -> None:
    for shell in OTHER_SHELLS:
        assert shutil.which(shell.split()[0]), f"{shell} is missing: run scripts/install-tools test"
