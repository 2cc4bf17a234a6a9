"""What every machine that can run jobs offers, and what it may offer beside that.

`HardwareInterface` is the whole of what hardware-agnostic code relies on: four verbs, and
batch forms of them that loop unless an implementation does better. Everything else is an
optional Protocol below; the dashboard asks with ``isinstance`` and disables what is missing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Literal, Protocol, TypeVar, runtime_checkable

from exauq_tui.errors import ConnectionLostError
from exauq_tui.hardware.diagnosis import Finding, Trail
from exauq_tui.hardware.status import JobStatus
from exauq_tui.jobs import Input, Job, JobId

A = TypeVar("A")
T = TypeVar("T")


class HardwareInterface(ABC):
    """A machine, or group of machines, that runs a simulator at one level.

    Args:
        name: What people call it; unique among the interfaces in use.
        level: The level of the simulator that it runs.
    """

    def __init__(self, name: str, level: int = 1) -> None:
        self._name = name
        self._level = level

    @property
    def name(self) -> str:
        """What people call this interface."""
        return self._name

    @property
    def level(self) -> int:
        """The level of the simulator that it runs."""
        return self._level

    @abstractmethod
    def submit_job(self, job: Job) -> None:
        """Send one job to the machine."""

    @abstractmethod
    def get_job_status(self, job_id: JobId) -> JobStatus:
        """Ask where one job stands."""

    @abstractmethod
    def get_job_output(self, job_id: JobId) -> float | None:
        """Get a completed job's output, or None where the job did not complete."""

    @abstractmethod
    def cancel_job(self, job_id: JobId) -> None:
        """End one job; a job that does not run is left as it is."""

    def submit_jobs(self, jobs: Sequence[Job]) -> Mapping[JobId, Exception | None]:
        """Send several jobs; each value is None or what `submit_job` would have raised."""
        return _each(((job.id, job) for job in jobs), self.submit_job)

    def get_job_statuses(self, job_ids: Sequence[JobId]) -> Mapping[JobId, JobStatus | Exception]:
        """Ask where several jobs stand."""
        return _each(((job_id, job_id) for job_id in job_ids), self.get_job_status)

    def get_job_outputs(self, job_ids: Sequence[JobId]) -> Mapping[JobId, float | Exception | None]:
        """Get the outputs of several jobs."""
        return _each(((job_id, job_id) for job_id in job_ids), self.get_job_output)

    def cancel_jobs(self, job_ids: Sequence[JobId]) -> Mapping[JobId, Exception | None]:
        """End several jobs; each value is None or what `cancel_job` would have raised."""
        return _each(((job_id, job_id) for job_id in job_ids), self.cancel_job)


def _each(
    arguments: Iterable[tuple[JobId, A]], verb: Callable[[A], T]
) -> dict[JobId, T | Exception]:
    """Call a single verb once per job, keeping one job's error from the others.

    Once the connection is lost the remaining jobs get that same error without being tried:
    each try would only wait for the same time-out again.
    """
    results: dict[JobId, T | Exception] = {}
    lost: ConnectionLostError | None = None
    for job_id, argument in arguments:
        if lost is not None:
            results[job_id] = lost
            continue
        try:
            results[job_id] = verb(argument)
        except ConnectionLostError as error:
            results[job_id] = lost = error
        except Exception as error:  # noqa: BLE001 - another author's interface may raise anything
            results[job_id] = error
    return results


@dataclass(frozen=True, slots=True)
class JobReport:
    """What a server knows of one job.

    Attributes:
        job_id: The job.
        status: SUBMITTED, RUNNING, COMPLETED, FAILED, CANCELLED, PENDING_CANCEL (being
            stopped) or FAILED_CANCEL (asked to stop, and something of it survived).
        submitted: When the server accepted it, in seconds since 1970 by the server's clock.
        started: When it started there, likewise.
        finished: When it ended there, likewise.
        exit_code: The simulator's exit code, where somebody witnessed the end.
        output_text: The start of the output file, at most 64 KiB; None where not read.
        note: What a person should know, such as "end not witnessed".
        token: The submission token that it was sent with, or "".
    """

    job_id: JobId
    status: JobStatus
    submitted: float | None = None
    started: float | None = None
    finished: float | None = None
    exit_code: int | None = None
    output_text: str | None = None
    note: str = ""
    token: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """The answer to one look at a server.

    Attributes:
        cursor: Opaque; handed to the next look so that it tells only what follows.
        complete: True where `reports` holds every job of the workspace, so that a job that
            is not among them is gone from the server; False where it holds changes only.
        reports: Jobs, the later report of one job replacing the earlier.
        deleted: Jobs whose directories were deleted since the last look.
        server_time: The server's clock, in seconds since 1970.
    """

    cursor: str
    complete: bool
    reports: tuple[JobReport, ...]
    deleted: tuple[JobId, ...] = ()
    server_time: float | None = None


@dataclass(frozen=True, slots=True)
class LogChunk:
    """A piece of what a job printed.

    Attributes:
        offset: Where in the log the data starts, in bytes.
        data: The bytes, as the job wrote them: not safe to show as they are.
        size: The size of the whole log at that moment, in bytes.
    """

    offset: int
    data: bytes
    size: int


@dataclass(frozen=True, slots=True)
class WorkspaceSummary:
    """What stands in a workspace, for a person who is about to delete it.

    Attributes:
        path: The workspace's absolute path on the server.
        jobs: How many job directories it holds.
        running: How many of these still run or wait to run.
        others: Names of entries that are not jobs, at most 50.
    """

    path: str
    jobs: int
    running: int
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HostKey:
    """A server's host key, as shown to the person who is asked to accept it.

    Attributes:
        host: The server, as it is looked up in known_hosts (``host`` or ``[host]:port``).
        key_type: Such as ``ssh-ed25519``.
        fingerprint: ``SHA256:`` and the unpadded base64, as ``ssh-keygen -l`` prints it.
        note: What else is known of it, in sentences: why no certificate vouches for it, say.
    """

    host: str
    key_type: str
    fingerprint: str
    note: str = ""


class HostKeyDecision(Enum):
    """What a person says of an unknown host key; true where it is accepted."""

    REFUSE = "refuse"
    ONCE = "once"
    """Accepted as long as this program runs, and written down nowhere."""
    REMEMBER = "remember"
    """Accepted from now on."""

    def __bool__(self) -> bool:
        return self is not HostKeyDecision.REFUSE


AskSecret = Callable[[str], str | None]
"""Called with a prompt, returns what the person typed, or None where they refuse."""

AcceptHostKey = Callable[[HostKey], bool | HostKeyDecision]
"""Called with an unknown host key, returns whether the person accepts it (true: remember it)."""


@runtime_checkable
class Connects(Protocol):
    """An interface that has a connection of its own."""

    def connect(self) -> None:
        """Connect now, also after `close`; nothing happens where connected."""

    def close(self) -> None:
        """Drop the connection; callable from any thread, unblocks a waiting call."""


@runtime_checkable
class WatchesLink(Protocol):
    """An interface that watches its connection, whatever the program at its end is doing.

    It drops a connection that is silent for too long, which every waiting call then tells.
    """

    @property
    def link_silence(self) -> float | None:
        """For how many seconds the server has owed a sign of life; 0 where it owes none.

        None where nobody asks it for one, so that only its answers tell of the link.
        """

    def probe_link(self) -> None:
        """Ask the server for a sign of life now; returns at once."""


@runtime_checkable
class HasWorkspace(Protocol):
    """An interface that keeps jobs in a workspace directory."""

    @property
    def workspace_dir(self) -> str | None:
        """The absolute path of the workspace, or None while it is not known."""

    def make_workspace(self) -> str:
        """Make the workspace where it is missing, and give its absolute path."""


@runtime_checkable
class RunsOtherwise(Protocol):
    """An interface that can be told to start jobs otherwise, over the connection that it has."""

    def run_otherwise(
        self,
        program: str,
        script_path: str,
        *,
        setup: str,
        max_running: int | Literal["auto"] | None,
        cancel_grace: float,
    ) -> None:
        """Start jobs otherwise from now on; the parameters are those of the interface.

        Raises:
            ValueError: A parameter cannot be used; nothing was changed.
            HardwareInterfaceFailureError: The server could not be told of the new limit.
        """


@runtime_checkable
class WatchesJobs(Protocol):
    """An interface that tells what changed, for all jobs, in one request."""

    def look(self, cursor: str | None = None) -> Look:
        """Tell what changed since `cursor` (everything where it is None or unknown)."""


@runtime_checkable
class PushesChanges(Protocol):
    """An interface whose server tells of changes unasked."""

    def on_news(self, listener: Callable[[], None] | None) -> None:
        """Ask for that; `listener` is called, from any thread, when a look will tell more."""

    @property
    def is_pushing(self) -> bool:
        """Whether it does at this moment: looks then cost no request."""

    @property
    def silence(self) -> float:
        """For how many seconds nothing at all was heard from the server."""

    @property
    def latency(self) -> float | None:
        """The shortest round trip of this connection so far, in seconds; None before the first."""


@runtime_checkable
class SubmitsOnce(Protocol):
    """An interface that recognises a submission it already has by its token."""

    def submit_jobs_once(
        self, jobs: Sequence[Job], tokens: Mapping[JobId, str]
    ) -> Mapping[JobId, Exception | None]:
        """Send several jobs; one that is there with the same token counts as sent."""


@runtime_checkable
class RequestsCancels(Protocol):
    """An interface that can be asked to cancel without waiting for the end."""

    def request_cancels(self, job_ids: Sequence[JobId]) -> Mapping[JobId, JobStatus | Exception]:
        """Start to cancel.

        Returns:
            Where each job stands now: PENDING_CANCEL where the next looks will tell what came
            of it, PENDING_SUBMIT where there is no such job, or the status that it had come to.
        """


@runtime_checkable
class FindsJobs(Protocol):
    """An interface that can read back the inputs of jobs found in its workspace."""

    def get_job_inputs(self, job_ids: Sequence[JobId]) -> Mapping[JobId, Input | Exception]:
        """Read the inputs that jobs were submitted with."""


@runtime_checkable
class ReadsLogs(Protocol):
    """An interface that gives access to what a job printed."""

    def read_job_log(self, job_id: JobId, offset: int, limit: int) -> LogChunk:
        """Read at most `limit` bytes from `offset`; a negative offset counts from the end."""


@runtime_checkable
class DeletesJobs(Protocol):
    """An interface that can delete what jobs left on the server."""

    def delete_remote_job_dir(self, job_id: JobId) -> None:
        """Remove one job's directory for good."""

    def delete_remote_job_dirs(self, job_ids: Sequence[JobId]) -> Mapping[JobId, Exception | None]:
        """Remove several jobs' directories for good."""

    def describe_workspace(self) -> WorkspaceSummary:
        """Tell what `delete_workspace` would delete."""

    def delete_workspace(self) -> None:
        """Remove the whole workspace, without waiting for running jobs."""


@runtime_checkable
class WaitsItsTurn(Protocol):
    """An interface that logs in only when no other one logs in to the same account."""

    def on_wait(self, listener: Callable[[str], None] | None) -> None:
        """Have the next attempts to connect tell whom they wait for; "" once for nobody."""


@runtime_checkable
class DiagnosesItself(Protocol):
    """An interface that can tell step by step what works on its machine, and what does not."""

    @property
    def is_remote(self) -> bool:
        """Whether there is a way to the machine, so that the steps of it are looked at."""

    @property
    def trail(self) -> Trail:
        """How far the last attempt to connect came, or that which made the connection."""

    def on_step(self, listener: Callable[[Finding], None] | None) -> None:
        """Have the next attempts to connect tell of each step, from the thread that connects."""

    def examine(self) -> Iterator[Finding]:
        """Look at the connected machine, one finding after the other; changes nothing there.

        Raises:
            HardwareInterfaceFailureError: The connection was lost meanwhile.
        """
