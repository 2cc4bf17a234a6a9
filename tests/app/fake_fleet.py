"""A fleet in memory: does at once what it is asked, and writes down what that was."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Any, TypeVar

from exauq_tui.config import ServerProfile
from exauq_tui.errors import InputError
from exauq_tui.hardware.diagnosis import Finding
from exauq_tui.hardware.interface import LogChunk, WorkspaceSummary
from exauq_tui.hardware.status import JobStatus
from exauq_tui.jobs import Input
from exauq_tui.monitor.interfaces import where_of
from exauq_tui.monitor.placing import Candidate, share_out
from exauq_tui.monitor.snapshot import Changes, Event, FirstRows, JobRow, ServerState, ServerView
from exauq_tui.monitor.verbs import CancelResult, Destination

NOW = 1_794_564_000.0
"""2026-11-13 10:00:00 UTC."""

T = TypeVar("T")


def done(value: T) -> Future[T]:
    """A Future that was fulfilled."""
    future: Future[T] = Future()
    future.set_result(value)
    return future


def failed(error: Exception) -> Future[Any]:
    """A Future that failed."""
    future: Future[Any] = Future()
    future.set_exception(error)
    return future


def server(name: str = "hpc1", **changes: Any) -> ServerView:
    """A server that is up, or as the changes have it."""
    if changes.get("state", ServerState.UP) is not ServerState.UP:
        changes.setdefault("next_try", None)
    view = ServerView(
        name=name,
        kind="unix",
        where=f"alice@{name}",
        state=ServerState.UP,
        latency=0.082,
        last_seen=NOW - 1,
        next_try=NOW + 2,
        workspace=f"/home/alice/{name}-workspace",
        input_names=("x1", "x2", "x3"),
        verbs=frozenset({"log", "delete", "cancel"}),
    )
    return replace(view, **changes)


def job(key: int, status: JobStatus = JobStatus.RUNNING, **changes: Any) -> JobRow:
    """A job with times and inputs that follow from its key."""
    created = NOW - 3600 + 10 * key
    row = JobRow(
        key=key,
        server="hpc1",
        job_id=f"20261113090{key:06d}",
        level=1,
        batch="design.csv",
        inputs=(0.25 + key / 100, -1.5, key % 7),
        status=status,
        created=created,
        workspace="/home/alice/hpc1-workspace",
        workspace_known=True,
    )
    if status is not JobStatus.PENDING_SUBMIT and status is not JobStatus.FAILED_SUBMIT:
        row = replace(row, submitted=created + 1, last_seen=NOW - 1)
    if status not in (JobStatus.PENDING_SUBMIT, JobStatus.FAILED_SUBMIT, JobStatus.SUBMITTED):
        row = replace(row, started=created + 2)
    if status in (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED):
        row = replace(row, finished=created + 254)
    if status is JobStatus.COMPLETED:
        row = replace(row, exit_code=0, output=14.8812 - key / 8)
    if status is JobStatus.FAILED:
        row = replace(row, exit_code=1)
    return replace(row, **changes)


class FakeFleet:
    """Implements `FleetVerbs` over two dictionaries.

    Attributes:
        calls: Each verb that was called, with its arguments, in order.
        logs: What each job printed.
        histories: What happened to jobs, and `server_histories` with servers.
        texts: What stands in output files.
        errors: Verb to the exception that it raises instead of doing anything.
        findings: What an examination tells.
        first: What is known before all rows, and `may_load` that these are let through.
        examining: What it returns, where it is to be under way still.
    """

    def __init__(
        self, rows: Sequence[JobRow] = (), servers: Sequence[ServerView] | None = None
    ) -> None:
        self.jobs = {row.key: row for row in rows}
        self.views = {view.name: view for view in ((server(),) if servers is None else servers)}
        self.calls: list[tuple[Any, ...]] = []
        self.logs: dict[int, bytes] = {}
        self.errors: dict[str, Exception] = {}
        self.summary = WorkspaceSummary("/home/alice/hpc1-workspace", 12, 2, ("notes.txt",))
        self.findings: tuple[Finding, ...] = ()
        self.examining: Future[tuple[Finding, ...]] | None = None
        self.histories: dict[int, tuple[Event, ...]] = {}
        self.server_histories: dict[str, tuple[Event, ...]] = {}
        self.texts: dict[int, str] = {}
        self.first: FirstRows | None = None
        self.may_load = threading.Event()
        self.may_load.set()
        self.stopped = threading.Event()
        self.listener: Callable[[], None] | None = None
        self._jobs: dict[int, JobRow] = {}
        self._removed: list[int] = []
        self._views: dict[str, ServerView] = {}
        self._gone: list[str] = []
        self._next = max(self.jobs, default=0) + 1

    # What a test does

    def change(
        self,
        *rows: JobRow,
        removed: Sequence[int] = (),
        servers: Sequence[ServerView] = (),
    ) -> None:
        """Let something happen on the servers."""
        for row in rows:
            self.jobs[row.key] = self._jobs[row.key] = row
        for key in removed:
            self.jobs.pop(key, None)
            self._removed.append(key)
        for view in servers:
            self.views[view.name] = self._views[view.name] = view
        if self.listener is not None:
            self.listener()

    def called(self, verb: str) -> list[tuple[Any, ...]]:
        """The arguments of each call of one verb."""
        return [tuple(call[1:]) for call in self.calls if call[0] == verb]

    def _called(self, verb: str, *arguments: Any) -> None:
        self.calls.append((verb, *arguments))
        if verb in self.errors:
            raise self.errors[verb]

    # FleetVerbs

    def start(self) -> None:
        self._called("start")

    def stop(self) -> None:
        self._called("stop")
        self.stopped.set()

    def set_listener(self, listener: Callable[[], None] | None) -> None:
        self.listener = listener

    def servers(self) -> tuple[ServerView, ...]:
        return tuple(self.views.values())

    def rows(self) -> tuple[JobRow, ...]:
        return tuple(self.jobs.values())

    def first_rows(self) -> FirstRows | None:
        return self.first

    def load(self) -> tuple[JobRow, ...]:
        self._called("load")
        assert self.may_load.wait(300)
        self._jobs, self._removed = {}, []
        return self.rows()

    def drain(self) -> Changes:
        changes = Changes(
            tuple(self._jobs.values()),
            tuple(self._removed),
            tuple(self._views.values()),
            tuple(self._gone),
        )
        self._jobs, self._removed, self._views, self._gone = {}, [], {}, []
        return changes

    def submit(self, server: str, inputs: Sequence[Input], *, batch: str = "") -> tuple[int, ...]:
        self._called("submit", server, tuple(inputs), batch)
        if server not in self.views:
            raise InputError(f"there is no server {server}")
        new = []
        for point in inputs:
            row = job(
                self._next,
                JobStatus.PENDING_SUBMIT,
                server=server,
                inputs=tuple(point),
                batch=batch,
                created=NOW,
                workspace_known=False,
            )
            self._next += 1
            new.append(row)
        self.change(*new)
        return tuple(row.key for row in new)

    def submit_to_level(
        self, level: int, inputs: Sequence[Input], *, batch: str = ""
    ) -> Mapping[str, tuple[int, ...]]:
        self._called("submit_to_level", level, tuple(inputs), batch)
        names = self._share(level, len(inputs))
        new = {}
        for name in dict.fromkeys(names):
            part = [point for point, to in zip(inputs, names, strict=True) if to == name]
            new[name] = self.submit(name, part, batch=batch)
        return new

    def share_out(self, level: int, count: int) -> Mapping[str, int]:
        return Counter(self._share(level, count))

    def _share(self, level: int, count: int) -> list[str]:
        candidates = [
            Candidate(
                view.name,
                view.state,
                sum(row.server == view.name and not row.is_terminal for row in self.jobs.values()),
            )
            for view in self.views.values()
            if view.level == level
        ]
        return share_out(candidates, count)

    def find_runs(
        self, destination: Destination, inputs: Sequence[Input]
    ) -> tuple[int | None, ...]:
        self._called("find_runs", destination, tuple(inputs))
        brings = (
            JobStatus.PENDING_SUBMIT,
            JobStatus.SUBMITTED,
            JobStatus.RUNNING,
            JobStatus.COMPLETED,
        )
        known = {row.inputs: row.key for row in self.jobs.values() if row.status in brings}
        return tuple(known.get(tuple(data)) for data in inputs)

    def resubmit(self, keys: Sequence[int]) -> tuple[int, ...]:
        self._called("resubmit", tuple(keys))
        new = [
            job(
                self._next + offset,
                JobStatus.PENDING_SUBMIT,
                inputs=self.jobs[key].inputs,
                try_of=self.jobs[key].job_id,
                try_number=2,
            )
            for offset, key in enumerate(keys)
        ]
        self._next += len(new)
        self.change(*new)
        return tuple(row.key for row in new)

    def cancel(self, keys: Sequence[int]) -> CancelResult:
        self._called("cancel", tuple(keys))
        asked = tuple(key for key in keys if not self.jobs[key].is_terminal)
        self.change(*(replace(self.jobs[key], status=JobStatus.PENDING_CANCEL) for key in asked))
        return CancelResult(asked, tuple(key for key in keys if key not in asked))

    def fetch_outputs(self, keys: Sequence[int]) -> Future[Mapping[int, float | str]]:
        self._called("fetch_outputs", tuple(keys))
        results: dict[int, float | str] = {}
        for key in keys:
            output = self.jobs[key].output
            results[key] = "the output file is empty" if output is None else output
        return done(results)

    def read_log(self, key: int, offset: int, limit: int) -> Future[LogChunk]:
        try:
            self._called("read_log", key, offset, limit)
        except Exception as error:  # noqa: BLE001 - handed on as a real fleet does
            return failed(error)
        log = self.logs.get(key, b"")
        start = max(0, len(log) + offset) if offset < 0 else offset
        return done(LogChunk(start, log[start : start + limit], len(log)))

    def delete_jobs(self, keys: Sequence[int]) -> Future[Mapping[int, str]]:
        self._called("delete_jobs", tuple(keys))
        self.change(removed=tuple(keys))
        return done(dict.fromkeys(keys, ""))

    def describe_workspace(self, server: str) -> Future[WorkspaceSummary]:
        try:
            self._called("describe_workspace", server)
        except Exception as error:  # noqa: BLE001 - handed on as a real fleet does
            return failed(error)
        return done(self.summary)

    def delete_workspace(self, server: str) -> Future[None]:
        self._called("delete_workspace", server)
        return done(None)

    def look_now(self, server: str | None = None) -> None:
        self._called("look_now", server)

    def connect(self, server: str) -> None:
        self._called("connect", server)

    def disconnect(self, server: str) -> None:
        self._called("disconnect", server)

    def add_server(self, profile: ServerProfile) -> None:
        self._called("add_server", profile)
        self.change(servers=[_view_of(profile)])

    def replace_server(self, profile: ServerProfile) -> None:
        self._called("replace_server", profile)
        self.change(servers=[_view_of(profile)])

    def remove_server(self, server: str) -> None:
        self._called("remove_server", server)
        del self.views[server]
        self._views.pop(server, None)
        self._gone.append(server)
        self.change()

    def diagnose(self, server: str, tell: Callable[[Finding], None]) -> Future[tuple[Finding, ...]]:
        self._called("diagnose", server)
        for finding in self.findings:
            tell(finding)
        if self.examining is not None:
            return self.examining
        return done(self.findings)

    def events(self, key: int) -> tuple[Event, ...]:
        self._called("events", key)
        return self.histories.get(key, (Event(NOW - 300, "Submitted"), Event(NOW - 240, "Running")))

    def server_events(self, server: str) -> tuple[Event, ...]:
        self._called("server_events", server)
        return self.server_histories.get(server, ())

    def tries(self, key: int) -> tuple[JobRow, ...]:
        self._called("tries", key)
        first = self.jobs[key]
        ids = {row.job_id: row for row in self.jobs.values()}
        while first.try_of in ids:
            first = ids[first.try_of]
        found = [first]
        for row in found:
            found += [each for each in self.jobs.values() if each.try_of == row.job_id]
        return tuple(found)

    def output_text(self, key: int) -> str | None:
        self._called("output_text", key)
        return self.texts.get(key)


def _view_of(profile: ServerProfile) -> ServerView:
    return server(
        profile.name,
        kind=profile.kind,
        where=where_of(profile),
        state=ServerState.CONNECTING,
        latency=None,
        last_seen=None,
        workspace="",
        input_names=profile.input_names,
        level=profile.level,
    )


def some_jobs() -> list[JobRow]:
    """Jobs of every status, as in the middle of a batch."""
    wheel = [
        JobStatus.COMPLETED,
        JobStatus.COMPLETED,
        JobStatus.COMPLETED,
        JobStatus.FAILED,
        JobStatus.COMPLETED,
        JobStatus.CANCELLED,
        JobStatus.COMPLETED,
        JobStatus.FAILED_SUBMIT,
    ]
    ended = [job(key, wheel[key % len(wheel)]) for key in range(1, 25)]
    live = [job(key, JobStatus.RUNNING, created=NOW - 400 + key) for key in range(25, 29)]
    live += [job(29, JobStatus.PENDING_CANCEL), job(30, JobStatus.FAILED_CANCEL)]
    live += [job(key, JobStatus.SUBMITTED, created=NOW - 60 + key) for key in range(31, 37)]
    live += [job(key, JobStatus.PENDING_SUBMIT, created=NOW - 40 + key) for key in range(37, 39)]
    return [*ended, *live]
