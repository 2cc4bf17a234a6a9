"""The fleet: all servers, their threads, and the verbs that screen and command line share."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from exauq_tui.config import ServerProfile
from exauq_tui.errors import InputError, RecordError
from exauq_tui.hardware.status import TERMINAL_STATUSES, JobStatus
from exauq_tui.jobs import Input, JobId
from exauq_tui.monitor.errands import delete, deleter, failed, fetch, joined
from exauq_tui.monitor.evidence import GONE, is_gone
from exauq_tui.monitor.interfaces import MakeInterface, make_interface
from exauq_tui.monitor.pacing import SleepWatch
from exauq_tui.monitor.recollection import Recollection
from exauq_tui.monitor.record import Record
from exauq_tui.monitor.record_first import FirstJobs
from exauq_tui.monitor.roster import Roster
from exauq_tui.monitor.server_history import ServerHistory
from exauq_tui.monitor.snapshot import Changes, FirstRows, JobRow, ServerView
from exauq_tui.monitor.store import Store
from exauq_tui.monitor.stored_job import StoredJob
from exauq_tui.monitor.submitting import Submissions
from exauq_tui.monitor.tools import Tools
from exauq_tui.monitor.verbs import CancelResult, Destination, Prompter

if TYPE_CHECKING:
    from exauq_tui.hardware.interface import LogChunk, WorkspaceSummary
    from exauq_tui.monitor.contact import Contact
    from exauq_tui.monitor.examining import Findings, Tell
    from exauq_tui.monitor.poller import Poller

_log = logging.getLogger(__name__)

NOT_CONFIGURED = "is not in the configuration any more: add it to reach what is there"

_TICK = 0.5
_BREATH = 0.001
"""Seconds between pieces of the record in which keys are heard."""

_STOP_WITHIN = 0.5


class Fleet(Recollection):
    """All servers of a configuration; see `FleetVerbs` for the meaning of the verbs.

    Args:
        profiles: The servers.
        record: The record of jobs, open.
        prompter: Asks a person for passwords and about host keys.
        refresh: Seconds between looks.
        own_known_hosts: Where accepted host keys are kept, or None to keep none.
        make: Builds interfaces from profiles.
        clock: Gives seconds since 1970.
        shows_all: Whether jobs of servers that are not among the profiles are known as well.
        first: The first jobs of the table, where the record is only to be read by `load`.
        read_only: Whether every verb that changes something is refused, and nothing is sent that
            waits to be sent.
    """

    def __init__(
        self,
        profiles: Sequence[ServerProfile],
        record: Record,
        prompter: Prompter,
        *,
        refresh: float = 2.0,
        own_known_hosts: Path | None = None,
        make: MakeInterface = make_interface,
        clock: Callable[[], float] = time.time,
        shows_all: bool = False,
        read_only: bool = False,
        first: FirstJobs | None = None,
    ) -> None:
        self._record = record
        self._first = first
        self._store = Store(record, [profile.name for profile in profiles], shows_all=shows_all)
        self._history = ServerHistory(record, clock)
        self._tools = Tools(
            record,
            self._store,
            prompter,
            make,
            own_known_hosts,
            refresh,
            clock,
            self._history,
            read_only,
        )
        self._roster = Roster(profiles, self._tools)
        self._submissions = Submissions(self._roster, self._tools)
        if first is None:
            self._store.sync()
        self._sleep = SleepWatch(clock)
        self._stopping = threading.Event()
        self._ticker = threading.Thread(target=self._tick, name="fleet-ticker", daemon=True)

    def start(self) -> None:
        """Start one thread per server."""
        self._roster.start()
        self._ticker.start()

    def stop(self) -> None:
        """Stop promptly, whatever a socket is doing; work not sent stays in the record."""
        self._stopping.set()
        self._store.set_listener(None)
        deadline = time.monotonic() + _STOP_WITHIN
        self._roster.stop(deadline)
        if self._ticker.is_alive():
            self._ticker.join(max(0.0, deadline - time.monotonic()))
        self._history.flush()

    def _tick(self) -> None:
        """See to what no server's thread can: overdue answers, news from other processes."""
        told = ""
        while not self._stopping.wait(_TICK):
            has_slept = self._sleep.has_slept()
            for poller in self._pollers.values():
                if has_slept:
                    poller.awoke()
                poller.check_stale()
            self._history.flush()
            try:
                self._store.sync()
            except RecordError as error:
                if str(error) != told and not self._stopping.is_set():
                    told = str(error)
                    _log.warning("no news from other processes: %s", told)
            else:
                told = ""

    # Changes of the configuration

    def add_server(self, profile: ServerProfile) -> None:
        """Deal with one more server from now on, and with the jobs that are recorded for it."""
        self._tools.must_be_allowed()
        self._roster.add(profile)

    def replace_server(self, profile: ServerProfile) -> None:
        """Deal with a server by another profile of the same name."""
        self._tools.must_be_allowed()
        self._roster.replace(profile)

    def remove_server(self, server: str) -> None:
        """Deal with a server no longer; its jobs stay where they are, and in the record."""
        self._tools.must_be_allowed()
        self._roster.remove(server)

    @property
    def _pollers(self) -> Mapping[str, Poller]:
        return self._roster.pollers

    def _poller(self, server: str) -> Poller:
        return self._roster.get(server)

    # What there is

    def set_listener(self, listener: Callable[[], None] | None) -> None:
        """Set what is called, from any thread, once when something changed after a drain."""
        self._store.set_listener(listener)

    def servers(self) -> tuple[ServerView, ...]:
        """All servers, in the order of the configuration."""
        return self._store.views()

    def server(self, name: str) -> ServerView:
        """One server as it stands now."""
        return self._store.view(name)

    def rows(self) -> tuple[JobRow, ...]:
        """All jobs that are known, oldest first."""
        return self._store.rows()

    def first_rows(self) -> FirstRows | None:
        """What a table shows first, where that was read before all jobs."""
        first, self._first = self._first, None
        if first is None:
            return None
        return FirstRows(tuple(map(self._store.as_shown, first.jobs)), first.id_digits)

    def load(self) -> tuple[JobRow, ...]:
        """Read all jobs, where that is still to be done; `drain` tells what changes after that."""
        return self._store.load(_BREATH)

    def drain(self) -> Changes:
        """What changed since the last call."""
        return self._store.drain()

    def send_pending(self, server: str) -> Future[None]:
        """Have what is pending sent now; done once the server was asked for all of it."""
        return self._poller(server).call(lambda _: None)  # served after what is pending

    def look_now(self, server: str | None = None) -> None:
        """Look, or try to connect, at once."""
        for name, poller in self._pollers.items():
            if server in (None, name):
                poller.look_now()

    def connect(self, server: str) -> None:
        """Connect to a server that a person had disconnected; elsewhere try at once."""
        self._poller(server).connect()

    def disconnect(self, server: str) -> None:
        """Drop a server's connection, and make none until somebody says `connect`."""
        self._poller(server).disconnect()

    def diagnose(self, server: str, tell: Tell) -> Future[Findings]:
        """Examine a server step by step."""
        return self._poller(server).diagnose(tell)

    # Submitting and cancelling: the record first

    def submit(self, server: str, inputs: Sequence[Input], *, batch: str = "") -> tuple[int, ...]:
        """Record jobs as Pending submit and have them sent."""
        return self._submissions.submit(server, inputs, batch)

    def submit_to_level(
        self, level: int, inputs: Sequence[Input], *, batch: str = ""
    ) -> Mapping[str, tuple[int, ...]]:
        """Share jobs out among the servers of a level, and record them as `submit` does."""
        return self._submissions.submit_to_level(level, inputs, batch)

    def share_out(self, level: int, count: int) -> Mapping[str, int]:
        """Tell how many of so many jobs each server would get by `submit_to_level` now."""
        return self._submissions.share_out(level, count)

    def find_runs(
        self, destination: Destination, inputs: Sequence[Input]
    ) -> tuple[int | None, ...]:
        """Tell for each input which job ran it, or is to run it, already."""
        return self._submissions.find_runs(destination, inputs)

    def resubmit(self, keys: Sequence[int]) -> tuple[int, ...]:
        """Submit the inputs of jobs that ended, or are gone, once more, under new ids."""
        return self._submissions.resubmit(keys)

    def cancel(self, keys: Sequence[int]) -> CancelResult:
        """Record jobs as Pending cancel and have the request sent."""
        self._tools.must_be_allowed()
        jobs = self._store.jobs(keys)
        # What was never sent is called off here, wherever it was meant for.
        reachable = [job.key for job in jobs if self._is_current(job) or not job.may_be_sent]
        result = self._record.request_cancel(reachable)
        self._store.sync()
        for server, count in Counter(job.server for job in result.asked).items():
            _log.info("%d jobs to be cancelled on %s", count, server)
            if server in self._pollers:
                self._pollers[server].wake()
        asked = {job.key for job in result.asked}
        return CancelResult(
            tuple(job.key for job in result.asked),
            tuple(job.key for job in jobs if job.key not in asked),
        )

    def _is_current(self, job: StoredJob) -> bool:
        """Whether the job is where its profile points now, so that it can be dealt with."""
        poller = self._pollers.get(job.server)
        if poller is None:
            return False
        place = self._store.target(job.server).place
        workspaces = {place.workspace, *([] if job.workspace_known else [poller.configured])}
        return job.endpoint == place.endpoint and job.workspace in workspaces

    # Verbs carried out on the servers' threads

    def fetch_outputs(self, keys: Sequence[int]) -> Future[Mapping[int, float | str]]:
        """Read outputs now; a str says why there is no number."""
        known: dict[int, float | str] = {}
        wanted: defaultdict[str, list[StoredJob]] = defaultdict(list)
        for job in self._store.jobs(keys):
            if job.output is not None:
                known[job.key] = job.output
            elif job.status is not JobStatus.COMPLETED:
                known[job.key] = f"the job is {job.status.value}"
            elif job.server not in self._pollers:
                known[job.key] = job.output_error or f"{job.server} {NOT_CONFIGURED}"
            elif not self._is_current(job) or is_gone(job.note):
                known[job.key] = job.output_error or f"its output is {GONE}"
            else:
                wanted[job.server].append(job)
        parts = [
            (jobs, self._poller(server).call(partial(fetch, jobs)))
            for server, jobs in wanted.items()
        ]
        return joined(known, parts)

    def read_log(self, key: int, offset: int, limit: int) -> Future[LogChunk]:
        """Read a piece of a job's log; a negative offset counts from the end."""
        jobs = self._store.jobs([key])
        if jobs and jobs[0].server not in self._pollers:
            return failed(InputError(f"{jobs[0].server} {NOT_CONFIGURED}"))
        if not jobs or not self._is_current(jobs[0]):
            return failed(InputError("the job is not on this server any more"))
        job = jobs[0]
        if is_gone(job.note):
            return failed(InputError(f"its log is {GONE}"))

        def read(contact: Contact) -> LogChunk:
            # Here, on a server's own thread: the screen is there before it is needed.
            from exauq_tui.hardware.interface import ReadsLogs  # noqa: PLC0415

            if not isinstance(contact.interface, ReadsLogs):
                raise InputError(f"{job.server} gives no access to logs")
            return contact.interface.read_job_log(JobId(job.job_id), offset, limit)

        return self._poller(job.server).call(read)

    def delete_jobs(self, keys: Sequence[int]) -> Future[Mapping[int, str]]:
        """Delete job directories and their rows."""
        self._tools.must_be_allowed()
        results: dict[int, str] = {}
        local: list[int] = []
        wanted: defaultdict[str, list[StoredJob]] = defaultdict(list)
        for job in self._store.jobs(keys):
            if job.status not in TERMINAL_STATUSES and not is_gone(job.note):
                is_there = job.server in self._pollers or not job.may_be_sent
                words = "cancel it first" if is_there else f"{job.server} {NOT_CONFIGURED}"
                results[job.key] = f"the job is {job.status.value}: {words}"
            elif not job.may_be_sent or is_gone(job.note) or job.server not in self._pollers:
                local.append(job.key)
            elif not self._is_current(job):
                results[job.key] = f"the profile points elsewhere now than to {job.workspace}"
            else:
                wanted[job.server].append(job)
        self._record.delete(local)
        results.update(dict.fromkeys(local, ""))
        self._store.sync()
        parts = [
            (jobs, self._poller(server).call(partial(delete, jobs)))
            for server, jobs in wanted.items()
        ]
        return joined(results, parts)

    def describe_workspace(self, server: str) -> Future[WorkspaceSummary]:
        """Tell what `delete_workspace` would delete."""
        return self._poller(server).call(lambda contact: deleter(contact).describe_workspace())

    def delete_workspace(self, server: str) -> Future[None]:
        """Delete the workspace on the server; the rows stay, marked gone."""
        self._tools.must_be_allowed()

        def erase(contact: Contact) -> None:
            _log.info("the workspace %s on %s is deleted", contact.place.workspace, server)
            deleter(contact).delete_workspace()
            contact.cursor = None

        poller = self._poller(server)
        result = poller.call(erase)

        def look_after(done: Future[None]) -> None:
            if done.exception() is None:
                poller.look_now()

        result.add_done_callback(look_after)
        return result
