"""The machines that the contract suite runs on: this one, and a real SSH server's."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from exauq_tui.hardware import Input, Job, JobId, JobStatus, server_program
from exauq_tui.hardware.local import LocalScriptInterface
from exauq_tui.hardware.script_jobs import ScriptJobs
from exauq_tui.hardware.unix_server import UnixServerScriptInterface
from tests.live.sshd import Sshd

AnyInterface = LocalScriptInterface | UnixServerScriptInterface

PATIENCE = 60.0
"""How long a condition may take to come true, in seconds, on a busy machine."""

ENDED = frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED})

WRITES_A_NUMBER = 'echo 1.5 >"$2"\n'
"""The simulator of tests that are about something else."""

WAITS = 'echo started; until [ -e "${1%/*}/go" ]; do sleep 0.05; done; echo 1.5 >"$2"\n'
"""A simulator that runs until `let_go`."""


def check_often(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Have agents that push look for what died every so many seconds, come what may.

    Otherwise it is every ten, or every minute where a look takes long (as on a busy machine).
    """
    alter_program(
        monkeypatch,
        ("exauq_check=100", f"exauq_check={round(seconds * 10)}"),
        ("watch_check=$((exauq_check > cost * 10 ? exauq_check : cost * 10))", ":"),
    )


def wait_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have agents wait for one second, instead of ten, for others that submit the same jobs."""
    alter_program(monkeypatch, ("deadline=$((SECONDS + 10))", "deadline=$((SECONDS + 1))"))


def alter_program(monkeypatch: pytest.MonkeyPatch, *changes: tuple[str, str]) -> None:
    """Have servers sent another program, with some texts in it replaced by others."""
    program = server_program.server_program()
    for old, new in changes:
        assert program.count(old) == 1
        program = program.replace(old, new)
    monkeypatch.setattr(server_program, "server_program", lambda: program)


def wait_until(condition: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
    """Wait until a condition holds; fail with `what` was waited for."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, f"waited {patience:g} s in vain for: {what}"
        time.sleep(0.02)


def job(number: int | str, *coords: float) -> Job:
    return Job(number, Input(*(coords or (1.0, 2.0))))


class Machine:
    """Makes interfaces to one machine, and looks behind their back.

    Args:
        kind: "local", "ssh", or "openssh": likewise, but by the ssh program.
        home: Where sessions start.
        root: A directory of the test's own on that machine.
        sshd: The server, where it is one.
    """

    def __init__(self, kind: str, home: Path, root: Path, sshd: Sshd | None = None) -> None:
        self.kind = kind
        self.home = home
        self.root = root
        self.workspace = root / "ws"
        self._sshd = sshd
        self._made: list[AnyInterface] = []

    def script(self, text: str, name: str = "model.sh") -> Path:
        """Write a simulator script; its $1 is the input file, its $2 the output file."""
        path = self.root / name
        path.write_text(text, encoding="utf-8")
        return path

    def interface(
        self,
        script: str | Path | None = None,
        *,
        program: str = "bash",
        workspace: str | Path | bool | None = True,
        setup: str = "",
        max_running: int | None = None,
        cancel_grace: float = 5.0,
        look_only: bool = False,
        connect: bool = True,
        reconnect: bool = True,
    ) -> AnyInterface:
        """Make an interface; the script writes 1.5, and the workspace is `workspace`."""
        script_path = str(script or self.script(WRITES_A_NUMBER, "default.sh"))
        workspace_dir = str(self.workspace) if workspace is True else workspace
        chosen = None if workspace_dir in (None, False) else str(workspace_dir)
        made: AnyInterface
        if self._sshd is None:
            made = LocalScriptInterface(
                program,
                script_path,
                "here",
                1,
                chosen,
                setup=setup,
                max_running=max_running,
                cancel_grace=cancel_grace,
                look_only=look_only,
                connect=connect,
                reconnect=reconnect,
            )
        else:
            made = UnixServerScriptInterface(
                self._sshd.user,
                self._sshd.host,
                program,
                script_path,
                "there",
                1,
                chosen,
                self._sshd.keys.ed25519,
                port=self._sshd.port,
                known_hosts=self._sshd.known_hosts,
                ssh_backend="openssh" if self.kind == "openssh" else "paramiko",
                setup=setup,
                max_running=max_running,
                cancel_grace=cancel_grace,
                look_only=look_only,
                connect=connect,
                reconnect=reconnect,
            )
        self._made.append(made)
        return made

    def job_dir(self, job_id: int | str) -> Path:
        return self.workspace / str(job_id)

    def let_go(self, job_id: int | str) -> None:
        """Let a job whose script is `WAITS` come to its end."""
        (self.job_dir(job_id) / "go").touch()

    def clean_up(self) -> None:
        """End everything that the test started, and wait until it is gone."""
        for made in self._made:
            made.close()
        deadline = time.monotonic() + PATIENCE
        while left := processes_of(self.root):
            assert time.monotonic() < deadline, f"these processes cannot be ended: {left}"
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)


def end_of(interface: ScriptJobs, number: int | str) -> JobStatus:
    """Wait until a job ended; give how."""
    return ends_of(interface, [number])[JobId(number)]


def ends_of(interface: ScriptJobs, numbers: list[int | str] | range) -> Mapping[JobId, JobStatus]:
    """Wait until jobs ended; give how."""
    ids = [JobId(number) for number in numbers]
    found: dict[JobId, JobStatus | Exception] = {}

    def ended() -> bool:
        found.update(interface.get_job_statuses(ids))
        return all(status in ENDED for status in found.values())

    try:
        wait_until(ended, "the end of all jobs")
    except AssertionError as error:
        raise AssertionError(f"{error}: {found}") from None
    return {job_id: status for job_id, status in found.items() if isinstance(status, JobStatus)}


def run(interface: ScriptJobs, *numbers: int | str) -> Mapping[JobId, JobStatus]:
    """Submit jobs and wait for their ends."""
    results = interface.submit_jobs([job(number) for number in numbers])
    assert list(results.values()) == [None] * len(numbers), results
    return ends_of(interface, list(numbers))


def wait_for_start(machine: Machine, number: int | str) -> None:
    """Wait until a job's script runs: until it printed something."""

    def started() -> bool:
        logs = list(machine.job_dir(number).glob("*.out"))
        return any(log.stat().st_size for log in logs)

    wait_until(started, f"the start of job {number}")


def wait_for_last_lines(machine: Machine) -> None:
    """Wait until nobody fills slots, and whoever saw a job end has written all that follows.

    The flag of a job's end, by which others know of it, comes before that.
    """
    own = os.fsencode(machine.workspace)
    ended = [
        path.parent
        for name in ("COMPLETED", "FAILED", "STOPPED")
        for path in machine.workspace.glob(f"[0-9]*/{name}")
    ]
    recorders = [os.fsencode(place / "runner.sh") for place in ended]

    def is_quiet() -> bool:
        commands = [command for _, command, *_ in every_process() if own in command]
        return not any(
            b"\0fill\0" in command or any(mark in command for mark in recorders)
            for command in commands
        )

    wait_until(is_quiet, "the last lines of recorders and fillers")


def every_process() -> Iterator[tuple[int, bytes, bytes, int]]:
    """Give pid, command line, environment and session of all processes but zombies and us."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with suppress(OSError):
            stat = (entry / "stat").read_bytes()
            state, _, _, session = stat[stat.rindex(b")") + 1 :].split()[:4]
            if state not in (b"Z", b"X"):
                environ = b""
                with suppress(PermissionError):
                    environ = (entry / "environ").read_bytes()
                yield int(entry.name), (entry / "cmdline").read_bytes(), environ, int(session)


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be collected does not."""
    with suppress(OSError):
        stat = Path(f"/proc/{pid}/stat").read_text()
        return stat[stat.rindex(")") + 2] not in "ZX"
    return False


def processes_of(root: Path) -> list[int]:
    """Find the processes that jobs below a directory left: by name, session and mark."""
    mark = os.fsencode(str(root))
    tokens = [token.read_bytes().split()[:1] for token in root.glob("**/token") if token.is_file()]
    marks = {b":" + words[0] for words in tokens if words}
    found, sessions = set(), set()
    table = list(every_process())
    for pid, command, environ, session in table:
        if b"sshd" in command.split(b"\0")[0]:
            continue
        if mark in command or any(
            variable.startswith(b"EXAUQ_TUI_JOB=") and any(variable.endswith(end) for end in marks)
            for variable in environ.split(b"\0")
        ):
            found.add(pid)
            if b"runner.sh" in command:
                sessions.add(session)
    ours = os.getsid(0)
    found |= {pid for pid, *_, session in table if session in sessions and session != ours}
    return sorted(found)


def remove_tree(directory: Path) -> None:
    """Remove a tree; once more where somebody who is at work there made a file meanwhile."""

    def is_gone() -> bool:
        shutil.rmtree(directory, ignore_errors=True)
        return not directory.exists()

    wait_until(is_gone, f"the end of {directory}")


def snapshot_of(directory: Path) -> dict[str, bytes]:
    """Read a whole tree: what must not change is compared by it."""
    return {
        str(path.relative_to(directory)): path.read_bytes() if path.is_file() else b"(no file)"
        for path in sorted(directory.rglob("*"))
    }
