"""The server program as a program: run by Bash, asked over its standard streams."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from exauq_tui.hardware import JobId, JobStatus
from exauq_tui.hardware.frames import encode_request
from exauq_tui.hardware.server_program import COMMAND, bootstrap, server_program
from tests.contract.machines import Machine, alive, end_of, job, wait_for_start, wait_until

SCRIPTS = Path(__file__).resolve().parents[2] / "exauq_tui" / "hardware" / "scripts"
NONCE = "feedc0de"
WAITS_LONG = "echo started; exec sleep 1000\n"


def converse(sent: bytes, cwd: Path) -> bytes:
    """Run the program, send it bytes, end its input; give all that it said."""
    done = subprocess.run(
        ["/bin/sh", "-c", COMMAND],
        input=bootstrap(NONCE) + sent,
        cwd=cwd,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == b""
    return done.stdout


def replies(said: bytes) -> list[tuple[int, str, bytes]]:
    """Take frames apart; nothing but frames may stand there."""
    found = []
    rest = said.removeprefix(b"\n")
    while rest:
        head, _, rest = rest.partition(b"\n")
        match = re.fullmatch(rb"EXAUQ feedc0de ([0-9]+) ([a-z]+) ([0-9]+)", head)
        assert match is not None, head
        length = int(match[3])
        found.append((int(match[1]), match[2].decode(), rest[:length]))
        assert rest[length : length + 1] == b"\n"
        rest = rest[length + 1 :]
    return found


def ask(cwd: Path, *requests: Sequence[str]) -> list[tuple[int, str, bytes]]:
    """Make requests; give the answers to them."""
    sent = b"".join(
        encode_request(number, verb, fields) for number, (verb, *fields) in enumerate(requests, 1)
    )
    return replies(converse(sent, cwd))[1:]


def shell(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Bash lines with the program's functions defined."""
    return subprocess.run(
        ["/bin/bash", "-p", "-c", f"{server_program()}\n{script}", "bash", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "EXAUQ_PROGRAM": server_program()},
    )


def test_every_script_is_clean_to_shellcheck() -> None:
    program = shutil.which("shellcheck")
    assert program is not None, "shellcheck is not installed: run scripts/install-tools"
    done = subprocess.run(
        [program, *sorted(map(str, SCRIPTS.glob("*.sh")))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == ""


def test_bash_reads_the_whole_program_without_complaint() -> None:
    done = subprocess.run(
        ["/bin/bash", "-n"], input=server_program(), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_agent_says_where_it_is_and_ends_with_its_input(tmp_path: Path) -> None:
    ((seq, status, payload),) = replies(converse(b"", tmp_path))
    assert (seq, status) == (0, "ok")
    host, boot, version, home, start_dir, now = payload.decode().splitlines()
    assert host == Path("/proc/sys/kernel/hostname").read_text().strip()
    assert boot == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert version[0].isdigit()
    assert home == os.environ["HOME"]
    assert start_dir == str(tmp_path)
    assert abs(float(now) - time.time()) < 60


def test_an_unknown_request_is_refused_and_the_next_one_answered(tmp_path: Path) -> None:
    first, second = ask(tmp_path, ["dance", "x"], ["ping"])
    assert first == (1, "refused", b"unknown request dance")
    assert second == (2, "ok", b"")


@pytest.mark.parametrize(
    "line",
    ["", "1", "1 ping", "1 ping x", "1 ping -1", "1 ping a[$(touch${IFS}x)]", "1 ping 0 0", "\xff"],
)
def test_a_line_that_is_no_request_ends_the_conversation(tmp_path: Path, line: str) -> None:
    said = converse(line.encode("latin-1") + b"\n" + encode_request(2, "ping", []), tmp_path)
    assert len(replies(said)) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", ["serve", "put", "verb_ping", "ping;touch", "$(touch${IFS}x)"])
def test_a_verb_is_never_more_than_the_name_of_a_request(tmp_path: Path, verb: str) -> None:
    (reply,) = replies(converse(b"1 %s 0\n" % verb.encode(), tmp_path))[1:]
    assert reply[1] == "refused"
    assert list(tmp_path.iterdir()) == []


def test_half_a_request_is_dropped_whole_wherever_it_was_cut(here: Machine) -> None:
    script = here.script('echo 1 >"$2"')
    here.workspace.mkdir()
    request = encode_request(
        1, "submit", [str(here.workspace), str(script), "", "1", "bash", "7", "token7", "1.5,2"]
    )
    for length in [*range(0, len(request) - 1, 9), len(request) - 1]:
        assert len(replies(converse(request[:length], here.home))) == 1, length
        assert list(here.workspace.iterdir()) == []
    (reply,) = replies(converse(request, here.home))[1:]
    assert reply == (1, "ok", b"7 ok\n")


HOSTILE = (
    "$(touch hacked)",
    "`touch hacked`",
    "; touch hacked;",
    "a[$(touch hacked)]",
    "\n2 ping 0\n",
    "-rf /",
    "%s%n%x",
    "\\",
    "\\n",
    "\\\\n",
    "\\x41\\101\\c",
    "* ? [a-z] {a,b} ~ !!",
    "'\"",
    " leading and trailing ",
    "\t\r",
    "",
    "=",
)


@pytest.mark.parametrize("field", HOSTILE)
@pytest.mark.parametrize(
    "verb",
    ["jobs", "cancel", "outputs", "inputs", "delete", "log", "delta", "make", "open", "submit"],
)
def test_fields_are_data_whatever_they_hold(tmp_path: Path, verb: str, field: str) -> None:
    ws = tmp_path / "ws"
    ws.mkdir()
    fields = {
        "cancel": [str(ws), "5", field],
        "log": [str(ws), "1", field, "0", "10"],
        "delta": [str(ws), field, "5"],
        "make": [str(ws), field],
        "open": [field, field],
        "submit": [str(ws), field, field, "1", field, "1", field, field],
    }.get(verb, [str(ws), field, field])
    first, second = ask(tmp_path, [verb, *fields], ["ping"])
    assert first[0] == 1
    assert second == (2, "ok", b"")
    assert not list(tmp_path.rglob("hacked"))


def test_what_a_path_holds_comes_back_as_it_was(tmp_path: Path) -> None:
    for field in HOSTILE:
        if field in ("", "~"):
            continue
        (reply,) = ask(tmp_path, ["open", field, "script"])
        line = reply[2].split(b"\n")[0].decode()
        expected = f"{tmp_path}/{field}".replace("\\", "\\\\").replace("\n", "\\n")
        assert line == expected


def lines_of(journal: Path) -> list[str]:
    return [line for line in journal.read_text().split("\n") if line]


def test_lines_of_fifty_writers_at_once_stay_whole(tmp_path: Path) -> None:
    (tmp_path / ".exauq-tui").mkdir()
    # As long as a list of surviving processes may get.
    note = "still running: process" + " 1234567" * 300
    writer = 'for n in {1..20}; do exauq_journal "$1" "$2 X - - - - token - '
    writer += f'{note}"; done'
    command = f"{server_program()}\n{writer}"
    writers = [
        subprocess.Popen(["/bin/bash", "-p", "-c", command, "bash", str(tmp_path), str(number)])
        for number in range(100, 150)
    ]
    for process in writers:
        assert process.wait(120) == 0
    lines = lines_of(tmp_path / ".exauq-tui" / "journal")
    assert len(lines) == 50 * 20
    assert {line.split(" ", 1)[1] for line in lines} == {f"X - - - - token - {note}"}


def test_many_lines_at_once_stay_whole_among_other_writers(tmp_path: Path) -> None:
    (tmp_path / ".exauq-tui").mkdir()
    writer = (
        'text=; for n in {1..200}; do text+="$2$n Q 1700000000.123 - - - 0123456789abcdef - "; '
        "text+=$'\\n'; done; for n in 1 2 3; do exauq_journal \"$1\" \"${text%$'\\n'}\"; done"
    )
    command = f"{server_program()}\n{writer}"
    writers = [
        subprocess.Popen(["/bin/bash", "-p", "-c", command, "bash", str(tmp_path), str(number)])
        for number in range(100, 120)
    ]
    for process in writers:
        assert process.wait(120) == 0
    lines = lines_of(tmp_path / ".exauq-tui" / "journal")
    assert len(lines) == 20 * 3 * 200
    pattern = re.compile(r"[0-9]{4,6} Q 1700000000\.123 - - - 0123456789abcdef - ")
    assert [line for line in lines if not pattern.fullmatch(line)] == []


def test_a_claim_is_won_by_exactly_one(tmp_path: Path) -> None:
    script = 'until [[ -e $1/go ]]; do :; done; exauq_claim "$1/START" && echo won'
    command = f"{server_program()}\n{script}"
    racers = [
        subprocess.Popen(
            ["/bin/bash", "-p", "-c", command, "bash", str(tmp_path)], stdout=subprocess.PIPE
        )
        for _ in range(20)
    ]
    (tmp_path / "go").touch()
    assert [racer.communicate(timeout=60)[0] for racer in racers].count(b"won\n") == 1


def test_a_process_is_known_by_its_number_and_its_start() -> None:
    child = subprocess.Popen(["sleep", "1000"])
    try:
        stat = Path(f"/proc/{child.pid}/stat").read_text()
        ticks = stat[stat.rindex(")") + 2 :].split()[19]
        alive = 'exauq_alive "$1" "$2" && echo alive'
        assert shell(alive, str(child.pid), ticks).stdout == "alive\n"
        assert shell(alive, str(child.pid), "1").stdout == ""
        child.kill()
        wait_until(
            lambda: ") Z " in Path(f"/proc/{child.pid}/stat").read_text(), "a zombie", patience=10
        )
        assert shell(alive, str(child.pid), ticks).stdout == ""
    finally:
        child.kill()
        child.wait()
    assert shell(alive, str(child.pid), ticks).stdout == ""


@pytest.mark.parametrize("name", ["a b", ") R 1 1", "((", "x\ny", "ü"])
def test_a_process_s_name_does_not_hide_its_state(tmp_path: Path, name: str) -> None:
    program = tmp_path / name[:15]
    shutil.copy("/bin/sleep", program)
    child = subprocess.Popen([str(program), "1000"])
    try:
        done = shell('exauq_stat "$1" && echo "$proc_state $proc_parent"', str(child.pid))
        state, parent = done.stdout.split()
        assert state in "SRD"
        assert parent == str(os.getpid())
    finally:
        child.kill()
        child.wait()


@contextmanager
def zombie() -> Iterator[int]:
    """Give the number of a process that has ended and that its parent does not collect."""
    child = subprocess.Popen(["sleep", "1000"])
    child.kill()
    wait_until(lambda: not alive(child.pid), "its end")
    try:
        yield child.pid
    finally:
        child.wait()


def test_survivors_are_named_and_a_second_cancel_can_still_end_them(here: Machine) -> None:
    there = here.interface(
        here.script("trap '' TERM; echo started; while :; do sleep 0.1; done"), cancel_grace=1.0
    )
    there.submit_job(job(1))
    wait_for_start(here, 1)
    place = here.job_dir(1)
    (place / "STOPPING").touch()
    # Nothing can be killed: `kill` is a function that does nothing.
    done = shell('kill() { :; }; exauq_stop "$1" 0 1', str(here.workspace))
    assert done.returncode == 0
    (report,) = there.look().reports
    assert report.status is JobStatus.FAILED_CANCEL
    simulator = (place / "SIM").read_text().split()[0]
    assert re.match(r"still running: process( [0-9]+)+$", report.note)
    assert simulator in report.note.split()
    assert not (place / "STOPPED").exists()
    there.cancel_job(JobId(1))
    assert there.get_job_status(JobId(1)) is JobStatus.CANCELLED
    assert not alive(int(simulator))


def test_nothing_is_said_of_a_job_whose_directory_went_before_its_stopper_looked(
    here: Machine,
) -> None:
    there = here.interface(here.script(WAITS_LONG))
    there.submit_job(job(1))
    wait_for_start(here, 1)
    simulator = (here.job_dir(1) / "SIM").read_text().split()[0]
    shutil.rmtree(here.job_dir(1))
    shell('exauq_stop "$1" 0 1', str(here.workspace))
    assert alive(int(simulator))
    journal = lines_of(here.workspace / ".exauq-tui" / "journal")
    assert [line.split()[1] for line in journal if line.startswith("1 ")] == ["Q", "R"]


def test_survivors_that_end_later_let_the_job_be_cancelled(here: Machine) -> None:
    there = here.interface(
        here.script("trap '' TERM; echo started; while :; do sleep 0.1; done"), cancel_grace=1.0
    )
    there.submit_job(job(1))
    wait_for_start(here, 1)
    (here.job_dir(1) / "STOPPING").touch()
    shell('kill() { :; }; exauq_stop "$1" 0 1', str(here.workspace))
    assert there.get_job_status(JobId(1)) is JobStatus.FAILED_CANCEL
    with zombie() as dead:
        # Dead, though its number is still taken: nobody has collected it yet.
        (here.job_dir(1) / "STOPFAILED").write_text(f"still running: process {dead}\n")
        os.killpg(int((here.job_dir(1) / "PID").read_text()), signal.SIGKILL)
        assert end_of(there, 1) is JobStatus.CANCELLED


def test_no_second_stopper_is_started_while_the_first_has_yet_to_sign(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    done = shell(
        'exauq_identify; echo "$host $boot - -" >"$1/1/STOPPING"; cd "$1"; '
        "said() { exauq_stop_attended 1 && echo attended || echo alone; }; said; "
        'sleep 1000 & exauq_stat $! && exauq_stopper="$! $proc_ticks"; said; '
        "kill -KILL $!; wait $!; said",
        str(tmp_path),
    )
    assert done.stdout.split() == ["alone", "attended", "alone"]


@pytest.mark.parametrize(
    "name",
    [
        *("a) b) Z 1", ") ", ")", "((", "x) S 1 2 3\n4", "plain", "two words"),
        # As if its line were another one, or ended before its time.
        *("a) S 1 1 1 1 1b", ") S 1 1 1 1 1 1", ") S 1 1 1 1 1 )", ") S 1 1 1 1 1\n", "a) S\n"),
    ],
)
def test_a_process_is_known_whatever_its_name_holds(tmp_path: Path, name: str) -> None:
    # Linux cuts the names of processes after 15 bytes.
    program = tmp_path / name
    shutil.copy("/bin/sleep", program)
    with subprocess.Popen([program, "100"]) as process:
        try:
            expected = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
            done = shell(
                'exauq_stat "$1"; echo "$proc_state $proc_parent $proc_group $proc_session '
                '$proc_ticks"; exauq_alive "$1" "$proc_ticks" && echo alive',
                str(process.pid),
            )
        finally:
            process.kill()
    assert done.stdout.split()[1:] == [*expected[1:4], expected[19], "alive"]
