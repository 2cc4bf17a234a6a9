"""The local record of jobs: truth for what was not sent yet, memory of what was last known.

Whatever a person asks for is on the disk before a server hears of it. Several processes may
use one record: each change is one transaction, and a lease on a job whose verb is pending
lets only one of them send it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from exauq_tui.errors import RecordError
from exauq_tui.hardware.status import JobStatus
from exauq_tui.jobs import Input
from exauq_tui.monitor import record_adding, record_first
from exauq_tui.monitor import record_history as history
from exauq_tui.monitor import record_places as places
from exauq_tui.monitor import record_sql as sql
from exauq_tui.monitor import record_updates as changes
from exauq_tui.monitor.packed_tokens import PackedTokens
from exauq_tui.monitor.record_adding import Order
from exauq_tui.monitor.record_file import RecordFile
from exauq_tui.monitor.record_first import FirstJobs, TableOrder
from exauq_tui.monitor.snapshot import Event
from exauq_tui.monitor.stored_job import (
    CancelRequest,
    JobUpdate,
    News,
    StoredJob,
    job_from_report,
    text_from_sql,
)

if TYPE_CHECKING:
    from exauq_tui.hardware.interface import JobReport

_NEVER_THERE = frozenset({JobStatus.PENDING_SUBMIT, JobStatus.FAILED_SUBMIT, JobStatus.CANCELLED})


class Record:
    """The record of jobs; safe between threads and between processes.

    Every method raises `RecordError` where the file cannot be read or written; a method that
    raised has changed nothing, and one that returned has its changes on the disk.

    Args:
        path: The file, made where it is missing.
        clock: Gives seconds since 1970.

    Raises:
        RecordError: The place is not writable, the disk is full, or the file is damaged, of
            another program, or of a newer version; it is left as it was.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._file = RecordFile(path)
        self._clock = clock

    @classmethod
    def open(cls, path: Path, clock: Callable[[], float] = time.time) -> Record:
        """Open a record, or begin one: the same as calling the class."""
        return cls(path, clock)

    @property
    def path(self) -> Path:
        """The file."""
        return self._file.path

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Record:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def load(self, servers: Collection[str] | None = None) -> list[StoredJob]:
        """Read all jobs (of some servers where given), oldest first."""
        with self._file.reading() as connection:
            if servers is None:
                return sql.select(connection, "1")
            return sql.select(connection, sql.is_in("server"), sql.listed(servers))

    def some(self, after: int, limit: int, tokens: PackedTokens | None = None) -> list[StoredJob]:
        """Read the jobs whose keys follow after one (0 for the first), so many at most.

        Args:
            after: That key.
            limit: How many.
            tokens: As in `since`.
        """
        with self._file.reading() as connection:
            return sql.select(connection, "key > ?", after, limit=limit, tokens=tokens)

    def first(self, order: TableOrder, limit: int) -> FirstJobs | None:
        """Read the jobs that a table shows first; None where there are few jobs altogether.

        Raises:
            KeyError: There is no such order.
        """
        with self._file.reading() as connection:
            return record_first.read(connection, order, limit)

    def get(self, keys: Iterable[int]) -> list[StoredJob]:
        """Read some jobs, oldest first; those that are not there are left out."""
        with self._file.reading() as connection:
            return sql.select_keys(connection, keys)

    def revision(self) -> int:
        """Tell a number that grows with each change of any job, by whatever process."""
        with self._file.reading() as connection:
            return sql.revision(connection)

    def since(self, revision: int, tokens: PackedTokens | None = None) -> News:
        """Read what changed after a revision, by whatever process.

        Taking and releasing a lease is no change.

        Args:
            revision: That revision.
            tokens: Where given, jobs are as `job_to_keep` makes them, and it has their tokens.
        """
        with self._file.reading() as connection:
            now = sql.revision(connection)
            if now == revision:
                return News([], [], now)
            removed = connection.execute(
                "SELECT key FROM removed WHERE revision > ? ORDER BY key", (revision,)
            ).fetchall()
            jobs = sql.select(connection, "revision > ?", revision, tokens=tokens)
            return News(jobs, [key for (key,) in removed], now)

    def events(self, key: int) -> tuple[Event, ...]:
        """Read a job's history, oldest first."""
        with self._file.reading() as connection:
            rows = connection.execute(
                "SELECT at, text FROM events WHERE key = ? ORDER BY rowid", (key,)
            )
            return tuple(Event(at, text_from_sql(text)) for at, text in rows)

    def server_events(self, server: str) -> tuple[Event, ...]:
        """Read what happened with a server, oldest first."""
        with self._file.reading() as connection:
            return history.server_events(connection, server)

    def add_server_events(self, events: Sequence[tuple[str, Event]]) -> None:
        """Write what happened with servers; of each the newest `record_history.KEPT` are kept."""
        with self._file.writing() as connection:
            history.add_server_events(connection, events)

    def tries(self, key: int) -> list[StoredJob]:
        """Read all jobs that tried what one job tries, itself among them, in their order."""
        with self._file.reading() as connection:
            return history.tries(connection, key)

    def add_event(self, key: int, text: str) -> None:
        """Add a line to a job's history."""
        with self._file.writing() as connection:
            sql.add_events(connection, self._clock(), [(key, text)])

    def add_jobs(
        self,
        server: str,
        endpoint: str,
        workspace: str,
        workspace_known: bool,
        inputs: Sequence[Input],
        level: int = 1,
        batch: str = "",
        try_of: Sequence[StoredJob] = (),
    ) -> list[StoredJob]:
        """Write the new jobs of one `Order` as Pending submit, with ids and tokens of their own.

        Returns:
            The new jobs, in the order of the inputs.
        """
        order = Order(server, endpoint, workspace, workspace_known, inputs, level, batch, try_of)
        return self.add_orders([order])[0]

    def add_orders(self, orders: Sequence[Order]) -> list[list[StoredJob]]:
        """Write new jobs for several servers, all of them or none.

        Returns:
            The new jobs of each order, in the order of its inputs.
        """
        if not any(order.inputs for order in orders):
            return [[] for _ in orders]
        with self._file.writing() as connection:
            return record_adding.add(connection, self._clock(), orders)

    def adopt(
        self,
        server: str,
        endpoint: str,
        workspace: str,
        found: Sequence[tuple[JobReport, Input | None]],
        level: int = 1,
    ) -> list[StoredJob]:
        """Take in jobs that were found in a workspace.

        Args:
            server: The profile's name.
            endpoint: Where the profile points.
            workspace: The workspace's absolute path.
            found: What the server says of each job, and its input where that can be read.
            level: The simulator's level.

        Returns:
            The rows of all these jobs, oldest first; those that the record had already are
            as they were.
        """
        now = self._clock()
        by_id = {str(report.job_id): (report, data) for report, data in found}
        with self._file.writing() as connection:
            known = sql.select_ids(connection, server, endpoint, workspace, by_id)
            fresh = [by_id[job_id] for job_id in by_id.keys() - {job.job_id for job in known}]
            if not fresh:
                return known
            first_key = sql.next_key(connection)
            revision = sql.next_revision(connection)
            fresh.sort(key=lambda pair: (len(str(pair[0].job_id)), str(pair[0].job_id)))
            jobs = [
                replace(
                    job_from_report(report, data, now),
                    key=key,
                    server=server,
                    endpoint=endpoint,
                    workspace=workspace,
                    level=level,
                    revision=revision,
                )
                for key, (report, data) in enumerate(fresh, first_key)
            ]
            sql.insert(connection, jobs)
            texts = [(job.key, f"Found on the server: {job.status.value}") for job in jobs]
            sql.add_events(connection, now, texts)
        return known + jobs

    def apply(self, updates: Sequence[JobUpdate], release: str = "") -> list[StoredJob]:
        """Write what was learnt about jobs, in one transaction.

        An update does not count where its job is gone or has none of the expected statuses.
        Several updates of one job are taken in their order.

        Args:
            updates: What was learnt.
            release: Whose leases on these jobs end by it, whether or not the updates count.

        Returns:
            The jobs that changed.
        """
        if not updates:
            return []
        now = self._clock()
        with self._file.writing() as connection:
            if release:
                changes.end_leases(connection, now, release, {update.key for update in updates})
            return changes.write_updates(connection, now, updates)

    def request_cancel(self, keys: Iterable[int]) -> CancelRequest:
        """Write that jobs are to be cancelled.

        A job that certainly was never sent is Cancelled at once. One whose submission was
        begun becomes Pending cancel, with `StoredJob.may_be_sent`, and can be leased for the
        cancel only when the lease for the submission is over.
        """
        with self._file.writing() as connection:
            return changes.request_cancel(connection, self._clock(), keys)

    def lease(
        self,
        server: str,
        endpoint: str,
        workspace: str,
        owner: str,
        seconds: float,
        limit: int,
        kind: Literal["submit", "cancel"],
    ) -> list[StoredJob]:
        """Take jobs whose verb is pending, so that nobody else sends it meanwhile.

        Jobs that the owner holds already are among them. Leasing for a submission counts one
        send (`StoredJob.sends`) before anything can have left.

        Args:
            server: The profile's name.
            endpoint: Where the profile points.
            workspace: As the jobs have it: the absolute path once it was bound.
            owner: Who sends, unique among all processes and threads.
            seconds: How long the lease holds unless released, an hour at most.
            limit: How many jobs at most.
            kind: Which verb.

        Returns:
            The jobs, oldest first, as they are after it.
        """
        now = self._clock()
        pending = JobStatus.PENDING_SUBMIT if kind == "submit" else JobStatus.PENDING_CANCEL
        wanted = (now, pending, (server, endpoint, workspace), owner, limit)
        with self._file.reading() as connection:
            if not changes.find_waiting(connection, *wanted):
                return []  # mostly so: spares the other processes a wait for the write lock
        until = now + min(seconds, changes.LONGEST_LEASE)
        with self._file.writing() as connection:
            keys = changes.find_waiting(connection, *wanted)
            changes.take_leases(connection, keys, owner, until, sends=kind == "submit")
            return sql.select_keys(connection, keys)

    def release(
        self, owner: str, keys: Iterable[int] | None = None, *, unsent: bool = False
    ) -> list[StoredJob]:
        """End leases.

        Args:
            owner: Who took them.
            keys: Of which jobs; all that the owner holds where None.
            unsent: True where they were taken for submissions of which certainly nothing
                left, so that the sends counted for them are taken back.

        Returns:
            Jobs that became Cancelled by it: asked to cancel meanwhile, and never sent.
        """
        with self._file.writing() as connection:
            return changes.end_leases(connection, self._clock(), owner, keys, unsent=unsent)

    def reidentify(self, key: int) -> StoredJob:
        """Give a job a new id and token, where its id belongs to another job on the server.

        Its lease ends: it has to be leased again. A job that is, or was, on the server is left
        as it is.

        Raises:
            RecordError: The job is not in the record any more.
        """
        with self._file.writing() as connection:
            found = sql.select_keys(connection, [key])
            if not found:
                raise RecordError(f"job number {key} is not in the record any more")
            if found[0].last_seen is not None or found[0].status not in _NEVER_THERE:
                return found[0]
            sql.renumber(connection, found[0], self._clock(), sql.next_revision(connection))
            return sql.select_keys(connection, [key])[0]

    def delete(self, keys: Iterable[int]) -> list[int]:
        """Delete jobs from the record, with their histories.

        Returns:
            The keys that were there.
        """
        with self._file.writing() as connection:
            return sql.remove(connection, keys, sql.next_revision(connection))

    def place(self, server: str, endpoint: str, configured: str) -> str | None:
        """Tell which path a profile's workspace ("" for none given) was last bound to."""
        with self._file.reading() as connection:
            return places.find(connection, server, endpoint, configured)

    def claim_place(self, server: str, endpoint: str, configured: str, resolved: str) -> str:
        """Keep a workspace that was just made for a profile, unless another process was first.

        Returns:
            The workspace to use: `resolved`, or the other's.
        """
        with self._file.writing() as connection:
            standing = places.find(connection, server, endpoint, configured)
            if standing is None:
                places.keep(connection, server, endpoint, configured, resolved)
            return resolved if standing is None else standing

    def forget_place(self, server: str, endpoint: str, configured: str) -> None:
        """Forget what `place` tells, such as after a workspace was deleted; jobs stay."""
        with self._file.writing() as connection:
            places.forget(connection, server, endpoint, configured)

    def bind_workspace(
        self, server: str, endpoint: str, configured: str, resolved: str
    ) -> list[StoredJob]:
        """Learn, at a contact, the path that a profile's workspace stands for.

        Jobs that wait for it get the path; jobs of other workspaces keep theirs.

        Args:
            server: The profile's name.
            endpoint: Where the profile points.
            configured: What the profile says, "" where nothing.
            resolved: The absolute path on the server.

        Returns:
            The jobs that changed.
        """
        place = (server, endpoint, configured, resolved)
        with self._file.writing() as connection:
            if places.find(connection, *place[:3]) != resolved:
                places.keep(connection, *place)
            return places.bind_jobs(connection, self._clock(), *place)
