"""Servers in memory, and two interfaces to them: one with every verb, one with just the four.

What goes wrong is scripted per verb: the next call raises, hangs until the connection is
closed, or is carried out and its reply lost.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

from exauq_tui.config import ServerProfile
from exauq_tui.errors import ConnectionLostError, JobExistsError, StillSubmittingError
from exauq_tui.hardware import HardwareInterface
from exauq_tui.hardware.interface import (
    HostKey,
    JobReport,
    LogChunk,
    Look,
    WorkspaceSummary,
)
from exauq_tui.hardware.status import TERMINAL_STATUSES, JobStatus
from exauq_tui.jobs import Input, Job, JobId
from exauq_tui.monitor.fleet import Fleet
from exauq_tui.monitor.interfaces import MakeInterface, Surroundings
from exauq_tui.monitor.record import Record
from exauq_tui.monitor.snapshot import JobRow, ServerState, ServerView

T = TypeVar("T")

TIMEOUT = 60.0
"""Seconds within which everything happens, on a machine that is busy with other things."""

PROFILE = ServerProfile("hpc1", "unix", "python3", "sim.py", user="alice", host="hpc1")


@dataclass(frozen=True)
class Hang:
    """Wait until the connection is closed."""


@dataclass(frozen=True)
class ReplyLost:
    """Carry out what was asked, then break the connection."""


Fault = Exception | Hang | ReplyLost
HANG: Final = Hang()
REPLY_LOST: Final = ReplyLost()
BROKEN: Final = ConnectionLostError("the link broke")


@dataclass(frozen=True)
class RemoteJob:
    """A job as the server has it."""

    token: str
    data: Input
    status: JobStatus = JobStatus.SUBMITTED
    output: str | None = None
    note: str = ""
    workspace: str | None = None


@dataclass
class Server:
    """A machine that outlives connections.

    Attributes:
        jobs: By id.
        ledger: The token of each job that was ever accepted: twice there is run twice.
        workspace: The path of the workspace that was made last.
        faults: By verb, what happens to the next calls.
        calls: The verbs, in order.
        asked: The ids of each request to cancel.
        hangs: Set while a call hangs.
        on_submit: Called, with the jobs, before a submission is carried out.
        on_make: Called before a workspace is made.
        busy: Ids of jobs that another connection is just submitting.
        news: What the next looks tell, instead of everything.
        on_answer: Called before the answer to a look arrives.
    """

    jobs: dict[str, RemoteJob] = field(default_factory=dict)
    ledger: list[str] = field(default_factory=list)
    workspace: str | None = None
    faults: defaultdict[str, deque[Fault]] = field(default_factory=lambda: defaultdict(deque))
    calls: list[str] = field(default_factory=list)
    asked: list[tuple[str, ...]] = field(default_factory=list)
    hangs: threading.Event = field(default_factory=threading.Event)
    on_submit: Callable[[Sequence[Job]], None] = lambda jobs: None
    on_make: Callable[[], object] = lambda: None
    on_answer: Callable[[], object] = lambda: None
    made: int = 0
    busy: set[str] = field(default_factory=set)
    news: deque[Look] = field(default_factory=deque)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def accept(self, job: Job, token: str, workspace: str | None = None) -> Exception | None:
        known = self.jobs.get(str(job.id))
        if str(job.id) in self.busy:
            return StillSubmittingError(f"{job.id} is just being submitted")
        if known is not None:
            return None if token and known.token == token else JobExistsError(f"{job.id} is there")
        self.jobs[str(job.id)] = RemoteJob(token, job.data, workspace=workspace)
        self.ledger.append(token or str(job.id))
        return None

    def turn(self, job_id: str, status: JobStatus, **changes: object) -> None:
        """Let a job come to a status."""
        with self.lock:
            changed = replace(self.jobs[job_id], status=status, **changes)  # type: ignore[arg-type]
            self.jobs[job_id] = changed


class FakeConnection:
    """What both interfaces share: scripted faults, and a close that unblocks."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.closed = threading.Event()

    def close(self) -> None:
        self.closed.set()

    def step(self, verb: str, act: Callable[[], T]) -> T:
        server = self.server
        server.calls.append(verb)
        fault = server.faults[verb].popleft() if server.faults[verb] else None
        if self.closed.is_set():
            raise ConnectionLostError("the connection was closed here")
        if isinstance(fault, Hang):
            server.hangs.set()
            self.closed.wait(TIMEOUT)
            raise ConnectionLostError("the connection was closed here")
        if isinstance(fault, Exception):
            raise fault
        with server.lock:
            result = act()
        if isinstance(fault, ReplyLost):
            raise BROKEN
        return result


class FakeInterface(FakeConnection, HardwareInterface):
    """Has every verb; `workspace_dir` is known once it was given or made."""

    def __init__(self, server: Server, profile: ServerProfile, around: Surroundings) -> None:
        FakeConnection.__init__(self, server)
        HardwareInterface.__init__(self, profile.name, profile.level)
        self.around = around
        self.script = profile.script_path
        self._workspace = around.workspace_dir

    def run_otherwise(
        self,
        program: str,
        script_path: str,
        *,
        setup: str,
        max_running: int | str | None,
        cancel_grace: float,
    ) -> None:
        self.server.calls.append(f"run {script_path} at most {max_running}")
        self.script = script_path

    def connect(self) -> None:
        self.closed.clear()
        self.step("connect", lambda: None)

    @property
    def workspace_dir(self) -> str | None:
        return self._workspace

    def make_workspace(self) -> str:
        def make() -> str:
            if self._workspace is None:
                self.server.made += 1
                self._workspace = f"/home/alice/exauq{self.server.made:05}"
            self.server.workspace = self._workspace
            return self._workspace

        self.server.on_make()
        return self.step("make", make)

    def look(self, cursor: str | None = None) -> Look:
        seen = self.step("look", lambda: self._look(cursor))
        self.server.on_answer()
        return seen

    def _look(self, cursor: str | None) -> Look:
        if self.server.news:
            return self.server.news.popleft()
        if cursor:
            return Look(cursor, complete=False, reports=())
        reports = [
            JobReport(
                JobId(job_id),
                job.status,
                submitted=100.0,
                output_text=job.output,
                note=job.note,
                token=job.token,
            )
            for job_id, job in self._jobs_here().items()
        ]
        return Look("", complete=True, reports=tuple(reports))

    def _jobs_here(self) -> dict[str, RemoteJob]:
        jobs = self.server.jobs.items()
        return {i: job for i, job in jobs if job.workspace in (None, self._workspace)}

    def submit_jobs_once(
        self, jobs: Sequence[Job], tokens: Mapping[JobId, str]
    ) -> Mapping[JobId, Exception | None]:
        self.server.on_submit(jobs)
        return self.step(
            "submit",
            lambda: {
                job.id: self.server.accept(job, tokens[job.id], self._workspace) for job in jobs
            },
        )

    def submit_job(self, job: Job) -> None:
        raise AssertionError("not in this test")

    def get_job_status(self, job_id: JobId) -> JobStatus:
        job = self.server.jobs.get(str(job_id))
        return JobStatus.PENDING_SUBMIT if job is None else job.status

    def get_job_statuses(self, job_ids: Sequence[JobId]) -> Mapping[JobId, JobStatus | Exception]:
        return self.step("statuses", lambda: {each: self.get_job_status(each) for each in job_ids})

    def get_job_output(self, job_id: JobId) -> float | None:
        text = self.server.jobs[str(job_id)].output
        return None if text is None else float(text)

    def get_job_outputs(self, job_ids: Sequence[JobId]) -> Mapping[JobId, float | Exception | None]:
        return self.step("outputs", lambda: HardwareInterface.get_job_outputs(self, job_ids))

    def get_job_inputs(self, job_ids: Sequence[JobId]) -> Mapping[JobId, Input | Exception]:
        return self.step("inputs", lambda: {i: self.server.jobs[str(i)].data for i in job_ids})

    def cancel_job(self, job_id: JobId) -> None:
        raise AssertionError("not in this test")

    def request_cancels(self, job_ids: Sequence[JobId]) -> Mapping[JobId, JobStatus | Exception]:
        self.server.asked.append(tuple(map(str, job_ids)))

        def ask(job_id: JobId) -> JobStatus:
            job = self.server.jobs.get(str(job_id))
            if job is None:
                return JobStatus.PENDING_SUBMIT
            if job.status in (JobStatus.SUBMITTED, JobStatus.RUNNING):
                self.server.turn(str(job_id), JobStatus.PENDING_CANCEL)
            return self.server.jobs[str(job_id)].status

        return self.step("cancel", lambda: {each: ask(each) for each in job_ids})

    def read_job_log(self, job_id: JobId, offset: int, limit: int) -> LogChunk:
        return self.step("log", lambda: LogChunk(0, b"a line\n", 7))

    def delete_remote_job_dir(self, job_id: JobId) -> None:
        raise AssertionError("not in this test")

    def delete_remote_job_dirs(self, job_ids: Sequence[JobId]) -> Mapping[JobId, Exception | None]:
        def delete(job_id: JobId) -> Exception | None:
            job = self.server.jobs.get(str(job_id))
            if job is None:
                return ValueError("never submitted")
            if job.status not in TERMINAL_STATUSES:
                return ValueError("it has not ended")
            del self.server.jobs[str(job_id)]
            return None

        return self.step("delete", lambda: {each: delete(each) for each in job_ids})

    def describe_workspace(self) -> WorkspaceSummary:
        count = len(self.server.jobs)
        return self.step("describe", lambda: WorkspaceSummary(self._workspace or "", count, 0, ()))

    def delete_workspace(self) -> None:
        def erase() -> None:
            for job_id in self._jobs_here():
                del self.server.jobs[job_id]

        self.step("erase", erase)


class PlainInterface(HardwareInterface):
    """What somebody else may write: the four verbs, no connection to speak of, no tokens."""

    def __init__(self, server: Server, profile: ServerProfile, around: Surroundings) -> None:
        HardwareInterface.__init__(self, profile.name, profile.level)
        self.connection = FakeConnection(server)
        self.server = server

    def submit_job(self, job: Job) -> None:
        def submit() -> None:
            error = self.server.accept(job, "")
            if error is not None:
                raise error

        self.connection.step("submit", submit)

    def get_job_status(self, job_id: JobId) -> JobStatus:
        def status() -> JobStatus:
            job = self.server.jobs.get(str(job_id))
            return JobStatus.PENDING_SUBMIT if job is None else job.status

        return self.connection.step("status", status)

    def get_job_output(self, job_id: JobId) -> float | None:
        def output() -> float | None:
            text = self.server.jobs[str(job_id)].output
            return None if text is None else float(text)

        return self.connection.step("output", output)

    def cancel_job(self, job_id: JobId) -> None:
        def cancel() -> None:
            job = self.server.jobs.get(str(job_id))
            if job is not None and job.status not in TERMINAL_STATUSES:
                self.server.turn(str(job_id), JobStatus.CANCELLED)

        self.connection.step("cancel", cancel)


class Person:
    """Answers questions, at once or when told to."""

    def __init__(self, secret: str | None = "secret", accept: bool = True) -> None:
        self.secret = secret
        self.accept = accept
        self.asked: list[str] = []
        self.asks = threading.Event()
        self.may_answer = threading.Event()
        self.may_answer.set()

    def ask_secret(self, server: str, prompt: str) -> str | None:
        self._question(f"{server}: {prompt}")
        return self.secret

    def accept_host_key(self, server: str, key: HostKey) -> bool:
        self._question(f"{server}: {key.fingerprint}")
        return self.accept

    def _question(self, text: str) -> None:
        self.asked.append(text)
        self.asks.set()
        self.may_answer.wait(TIMEOUT)


def until(condition: Callable[[], T], what: str = "what was waited for") -> T:
    """Wait for a condition and give its value."""
    deadline = time.monotonic() + TIMEOUT
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.005)
    return value


class Lab:
    """Makes fleets on one record file, as so many processes would."""

    def __init__(self, record: Record, server: Server) -> None:
        self.record = record
        self.server = server
        self.person = Person()
        self.records = [record]
        self.fleets: list[Fleet] = []
        self.interfaces: list[HardwareInterface] = []

    def fleet(
        self,
        profile: ServerProfile = PROFILE,
        *others: ServerProfile,
        make: MakeInterface | None = None,
        kind: type[FakeInterface | PlainInterface] = FakeInterface,
        start: bool = True,
        refresh: float = 0.05,
        clock: Callable[[], float] = time.time,
        shows_all: bool = False,
        read_only: bool = False,
    ) -> Fleet:
        """Make a fleet with a connection of its own to the record."""

        def make_one(profile: ServerProfile, around: Surroundings) -> HardwareInterface:
            interface = kind(self.server, profile, around)
            self.interfaces.append(interface)
            return interface

        self.records.append(Record(self.record.path, clock))
        fleet = Fleet(
            [profile, *others],
            self.records[-1],
            self.person,
            refresh=refresh,
            make=make or make_one,
            clock=clock,
            shows_all=shows_all,
            read_only=read_only,
        )
        self.fleets.append(fleet)
        if start:
            fleet.start()
        return fleet

    def let_others_look(self) -> None:
        """Let time go by in which a healthy server is looked at many times."""
        other = Lab(self.record, Server())
        try:
            other.fleet(replace(PROFILE, name="meanwhile"), refresh=0.02)
            until(lambda: other.server.calls.count("look") > 12)
        finally:
            other.person = self.person
            other.close()

    def close(self) -> None:
        self.person.may_answer.set()
        for fleet in self.fleets:
            fleet.stop()
        for record in self.records:
            record.close()


def row(fleet: Fleet, key: int) -> JobRow:
    """One row as it is now."""
    return next(each for each in fleet.rows() if each.key == key)


def reaches(fleet: Fleet, key: int, *statuses: JobStatus) -> JobRow:
    """Wait until a job has one of some statuses."""

    def arrived() -> JobRow | None:
        # A row that another process wrote comes with the next news.
        found = (each for each in fleet.rows() if each.key == key and each.status in statuses)
        return next(found, None)

    try:
        found = until(arrived, f"{statuses} of job {key}")
    except AssertionError as error:
        raise AssertionError(
            f"{error}: {[each for each in fleet.rows() if each.key == key]}"
        ) from None
    assert found is not None
    return found


def stands(fleet: Fleet, state: ServerState, server: str = "hpc1") -> ServerView:
    """Wait until a server is in a state; give it as it was just then: the next may come at once."""

    def view() -> ServerView | None:
        seen = fleet.server(server)
        return seen if seen.state is state else None

    found = until(view, f"{state} of {server}")
    assert found is not None
    return found
