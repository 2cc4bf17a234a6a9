"""A private server behind a proxy, in a directory of its own, and everything ended afterwards."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.plain import PlainScript, exec_true_seconds
from benchmarks.processes import Usage, end_processes_of, usage_of
from benchmarks.report import Floor
from exauq_tui.config import ServerProfile
from exauq_tui.hardware import UnixServerScriptInterface
from exauq_tui.hardware.agent import AgentSession
from exauq_tui.hardware.connection.transport import ByteStream
from exauq_tui.hardware.interface import HostKey
from exauq_tui.hardware.server_program import COMMAND
from exauq_tui.hardware.ssh import SSHInterface
from exauq_tui.hardware.status import JobStatus
from exauq_tui.jobs import Input, Job, JobId
from exauq_tui.monitor.fleet import Fleet
from exauq_tui.monitor.record import Record
from tests.live.proxy import Proxy
from tests.live.sshd import SSHD, ClientKeys, Sshd, make_client_keys

PATIENCE = 120.0
SAMPLE = 5
"""How many jobs the per-job baseline is measured on."""

_PINGS = 15
_PREFIX = "exauq-tui-benchmark-"
_IN_MEMORY = Path("/dev/shm")
_ROOM = 2 * 1024**3  # bytes; 10,000 jobs take about 0.7 GiB there
_FILES = 200

SLEEPER = '#!/bin/sh\n: >"$1.ready"\nexec sleep 3600\n'
"""A simulator that runs until it is ended."""


class Lab:
    """One private sshd, one proxy before it, and the scripts that run there.

    Args:
        base: Where its directory is made.
    """

    def __init__(self, base: Path) -> None:
        self._base = base
        self._stack = ExitStack()
        self._ids = itertools.count(20260101000000000)
        self._floors: dict[float, Floor] = {}

    def __enter__(self) -> Self:
        if SSHD is None:
            raise SystemExit("benchmarks need OpenSSH's server: run scripts/install-tools test")
        with ExitStack() as stack:
            self.directory = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=self._base))
            stack.callback(self._clean_up)
            place = self.directory / "sshd"
            # What PAM and this account's own .bashrc take would make the plain script look bad.
            extra = ("UsePAM no", f"SetEnv HOME={place / 'home'}")
            self.server = Sshd(place, self._make_keys(), extra=extra)
            stack.callback(self.server.stop)
            self.proxy = stack.enter_context(Proxy(self.server.port))
            self.known_hosts = self.directory / "known_hosts"
            self.known_hosts.write_text(
                self.server.known_hosts.read_text().replace(
                    f":{self.server.port} ", f":{self.proxy.port} "
                )
            )
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with _uninterrupted():
            self._stack.close()

    def _make_keys(self) -> ClientKeys:
        (self.directory / "keys").mkdir()
        return make_client_keys(self.directory / "keys")

    def _clean_up(self) -> None:
        end_processes_of(self.directory)
        # A process that was killed in between may have made a file while others were removed.
        for _ in range(5):
            shutil.rmtree(self.directory, ignore_errors=True)
            if not self.directory.exists():
                return
            time.sleep(0.1)

    # What is there

    def write_script(self, name: str, text: str) -> Path:
        """Write a simulator."""
        path = self.server.home / name
        path.write_text(text, encoding="ascii")
        return path

    def new_directory(self) -> Path:
        """Give a path for a workspace, which does not exist yet."""
        return self.server.home / f"workspace-{next(self._ids)}"

    def new_ids(self, count: int) -> list[JobId]:
        """Give ids that nobody had before."""
        return [JobId(number) for number in itertools.islice(self._ids, count)]

    def new_jobs(self, count: int) -> list[Job]:
        """Make jobs with inputs of three numbers."""
        return [
            Job(job_id, Input(0.5, int(str(job_id)[-6:]), 2.25)) for job_id in self.new_ids(count)
        ]

    def interface(
        self,
        workspace: Path,
        script: Path,
        program: str = "/bin/sh",
        **options: Any,  # noqa: ANN401 - handed on
    ) -> UnixServerScriptInterface:
        """Make an interface through the proxy; closed with the laboratory at the latest."""
        made = UnixServerScriptInterface(
            self.server.user,
            self.proxy.host,
            program,
            script,
            "benchmark",
            workspace_dir=workspace,
            key_filename=self.server.keys.ed25519,
            port=self.proxy.port,
            known_hosts=self.known_hosts,
            accept_host_key=_refuse_key,
            ask_secret=_say_nothing,
            **options,
        )
        self._stack.callback(made.close)
        return made

    @contextmanager
    def fleet(self, workspace: Path, script: Path) -> Iterator[Fleet]:
        """Run a fleet of this one server, named "benchmark", with a record of its own."""
        profile = ServerProfile(
            name="benchmark",
            kind="unix",
            program="/bin/sh",
            script_path=str(script),
            user=self.server.user,
            host=self.proxy.host,
            workspace_dir=str(workspace),
            key_filename=str(self.server.keys.ed25519),
            port=self.proxy.port,
            known_hosts=str(self.known_hosts),
            max_running=0,
        )
        with Record(self.directory / f"record-{next(self._ids)}.sqlite") as record:
            fleet = Fleet([profile], record, _Nobody())
            fleet.start()
            try:
                yield fleet
            finally:
                fleet.stop()

    def plain(self) -> PlainScript:
        """Connect as a plain script does, through the proxy."""
        return PlainScript(*self._address())

    def seconds_by_hand(self, commands: Iterable[tuple[str, str]]) -> float:
        """Measure what a plain script needs for one job: one command, with its input.

        Args:
            commands: The commands of some jobs, of which the first few are run.
        """
        with self.plain() as plain:
            return plain.seconds_each(list(itertools.islice(commands, SAMPLE)))

    def _address(self) -> tuple[str, int, str, Path, Path]:
        return (
            self.proxy.host,
            self.proxy.port,
            self.server.user,
            self.server.keys.ed25519,
            self.known_hosts,
        )

    def set_round_trip(self, seconds: float) -> Floor:
        """Set what the proxy adds, and measure (once for each value) what the link costs then."""
        self.proxy.round_trip = seconds
        if seconds not in self._floors:
            with _Ping(*self._address()) as ping:
                self._floors[seconds] = Floor(
                    seconds,
                    median_time(ping.ping, _PINGS),
                    exec_true_seconds(*self._address(), repeat=_PINGS),
                )
        return self._floors[seconds]

    @property
    def floors(self) -> Sequence[Floor]:
        """What was measured of the link so far."""
        return tuple(self._floors.values())

    def usage(self) -> Usage:
        """Measure the server's side: sshd, its sessions, and all that came of them."""
        assert self.server._process is not None
        return usage_of(self.directory, self.server._process.pid)


class _Ping(SSHInterface):
    """A connection with an agent on it that is asked for nothing."""

    def __init__(self, host: str, port: int, user: str, key: Path, known_hosts: Path) -> None:
        super().__init__(
            user,
            host,
            "ping",
            key_filename=key,
            port=port,
            known_hosts=known_hosts,
            accept_host_key=_refuse_key,
            ask_secret=_say_nothing,
        )
        stream: ByteStream = self._open_stream(COMMAND, PATIENCE)
        self._agent = AgentSession(stream, host)

    def ping(self) -> None:
        self._agent.request("ping")

    def close(self) -> None:
        if hasattr(self, "_agent"):
            self._agent.close()
        super().close()

    def submit_job(self, job: Job) -> None:
        raise NotImplementedError

    def get_job_status(self, job_id: JobId) -> JobStatus:
        raise NotImplementedError

    def get_job_output(self, job_id: JobId) -> float | None:
        raise NotImplementedError

    def cancel_job(self, job_id: JobId) -> None:
        raise NotImplementedError


class _Nobody:
    """Is asked nothing, since a key opens the private server."""

    def ask_secret(self, server: str, prompt: str) -> str | None:
        raise AssertionError(f"{server} asks for {prompt}")

    def accept_host_key(self, server: str, key: HostKey) -> bool:
        raise AssertionError(f"{server} has the unknown key {key.fingerprint}")


def _refuse_key(key: HostKey) -> bool:
    raise AssertionError(f"the private server has the unknown key {key.fingerprint}")


def _say_nothing(prompt: str) -> str | None:
    raise AssertionError(f"the private server asks for {prompt}")


def choose_base() -> Path:
    """Choose where laboratories are made: in memory where there is room.

    A disk is slower, and slow at other times for other reasons: ext4 takes milliseconds to make
    a file shortly after many were removed, which the benchmarks and the tests do all the time.
    """
    if os.access(_IN_MEMORY, os.W_OK) and shutil.disk_usage(_IN_MEMORY).free > _ROOM:
        return _IN_MEMORY
    return Path(tempfile.gettempdir())


def file_seconds(base: Path) -> float:
    """Measure how long it takes to make a small file: what a submission makes most of."""
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=base) as directory:
        names = iter(range(_FILES))
        return median_time(lambda: Path(directory, str(next(names))).write_bytes(b"x"), _FILES)


def median_time(action: Callable[[], object], repeat: int) -> float:
    """Do something several times; the median of how long it took, in seconds."""
    times = []
    for _ in range(repeat):
        begun = time.perf_counter()
        action()
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


def wait_until(condition: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
    """Wait for something to become true.

    Raises:
        TimeoutError: It did not.
    """
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {patience:g} s in vain until {what}")
        time.sleep(0.05)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Keep an impatient second ctrl+C from stopping half way through the cleaning."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
