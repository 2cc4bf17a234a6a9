"""The frozen values that the monitor hands to the screens and to the command line."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from exauq_tui.hardware.status import PENDING_STATUSES, TERMINAL_STATUSES, JobStatus


class ServerState(Enum):
    """How things stand between us and one server; the value is the word shown."""

    OFFLINE = "OFFLINE"
    """Not connected, and not trying (switched off by a person, or not started)."""
    CONNECTING = "CONNECTING"
    UP = "UP"
    STALE = "STALE"
    """Connected, but no byte came for a while."""
    LOST = "LOST"
    """The connection is gone; the next try is counted down."""
    AUTH_NEEDED = "AUTH NEEDED"
    """Waits for a person to give a password, or to look after refused credentials."""
    HOST_KEY_UNKNOWN = "HOST KEY UNKNOWN"
    """Waits for a person to decide about a key never seen before."""
    HOST_KEY_CHANGED = "HOST KEY CHANGED"
    """Refused; waits for a person to find out why."""
    FAULT = "FAULT"
    """Reached, but unusable: no Bash, no such script, a broken profile."""


@dataclass(frozen=True, slots=True)
class ServerView:
    """One server as it is known now.

    Attributes:
        name: The profile's name.
        kind: "unix" or "local".
        where: What people would type to get there, such as ``alice@hpc1``.
        state: How things stand.
        message: One sentence about the state; "" where there is nothing to add.
        latency: The last round trip, in seconds.
        last_seen: When the server last answered, seconds since 1970, our clock.
        next_try: When the next attempt or look is due, seconds since 1970, our clock.
        workspace: The workspace's absolute path there, or "".
        input_names: Names of the simulator's inputs, or () where the profile has none.
        level: The simulator's level.
        verbs: Optional verbs that this server offers: "log", "delete", "cancel" ...
        asks: Whether a question to a person is open at this moment.
        polled: Whether the server has to be asked from time to time, as it cannot tell of
            changes unasked just now.
    """

    name: str
    kind: str
    where: str
    state: ServerState = ServerState.OFFLINE
    message: str = ""
    latency: float | None = None
    last_seen: float | None = None
    next_try: float | None = None
    workspace: str = ""
    input_names: tuple[str, ...] = ()
    level: int = 1
    verbs: frozenset[str] = field(default_factory=frozenset)
    asks: bool = False
    polled: bool = False


@dataclass(frozen=True, slots=True)
class JobRow:
    """One job as it is known now, from the record and the last look.

    Attributes:
        key: The row's number in the record: what cursor, marks and dialogs hold on to.
        server: The profile's name.
        job_id: The job's digits.
        level: The simulator's level.
        batch: What one submit sent together, such as a CSV file's name.
        inputs: The coordinates (ints where they were given as ints).
        status: Where the job stands.
        output: The number, once it was read.
        output_error: Why there is no number although the job completed, or "".
        exit_code: The simulator's exit code, where somebody witnessed the end.
        created: When it was set up here; seconds since 1970, our clock.
        submitted: When the server accepted it; seconds since 1970, the server's clock.
        started: Likewise, when it started there.
        finished: Likewise, when it ended there.
        last_seen: When the server last told about it; seconds since 1970, our clock.
        try_of: The id of the job that this one tries again, or "".
        try_number: 1, or more where it tries again.
        note: What a person should know ("end not witnessed", "gone from server").
        error: Why it could not be submitted or cancelled, or "".
        output_read: When its output file was last read; seconds since 1970, our clock.
        workspace: The resolved absolute path of the workspace; before the first contact what
            the profile says ("" where it says nothing).
        workspace_known: Whether `workspace` is the resolved path.
        current: False where the job belongs to a workspace that the profile no longer names,
            or where there is no such profile any more.
    """

    key: int
    server: str
    job_id: str
    level: int
    batch: str
    inputs: tuple[float, ...]
    status: JobStatus
    output: float | None = None
    output_error: str = ""
    exit_code: int | None = None
    created: float = 0.0
    submitted: float | None = None
    started: float | None = None
    finished: float | None = None
    last_seen: float | None = None
    try_of: str = ""
    try_number: int = 1
    note: str = ""
    error: str = ""
    output_read: float | None = None
    workspace: str = ""
    workspace_known: bool = False
    current: bool = True

    @property
    def directory(self) -> str:
        """The job's directory on the server, or ""."""
        is_there = self.last_seen is not None and self.workspace_known
        return f"{self.workspace}/{self.job_id}" if is_there else ""

    @property
    def is_terminal(self) -> bool:
        """Whether the job has come to its end."""
        return self.status in TERMINAL_STATUSES

    @property
    def is_pending(self) -> bool:
        """Whether something still has to be sent for it."""
        return self.status in PENDING_STATUSES


@dataclass(frozen=True, slots=True)
class Event:
    """One entry in a job's or a server's history.

    Attributes:
        at: Seconds since 1970, our clock.
        text: What happened, in words.
    """

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class FirstRows:
    """What a table of all jobs shows first, known before the others are read.

    Attributes:
        rows: The first rows, in the table's order.
        id_digits: How many of an id's last digits tell the ids of all jobs apart.
    """

    rows: tuple[JobRow, ...]
    id_digits: int


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed since the last time somebody asked the store.

    Attributes:
        jobs: Rows that are new or different.
        removed: Keys of rows that are no longer there.
        servers: Servers whose view is different.
        gone_servers: Names of servers that are not in the configuration any more.
    """

    jobs: tuple[JobRow, ...] = ()
    removed: tuple[int, ...] = ()
    servers: tuple[ServerView, ...] = ()
    gone_servers: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.jobs or self.removed or self.servers or self.gone_servers)
