"""All jobs and servers as they are known now, in memory; one lock, and one way in.

Jobs come in from the record alone, also those that another process wrote there: `sync` reads
what changed since it last looked. Readers take frozen values out, all at first and then what
changed. A store that was not read yet is read by the first who asks for what is in it.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from exauq_tui.hardware.status import TERMINAL_STATUSES
from exauq_tui.monitor.dense_map import DenseMap
from exauq_tui.monitor.evidence import is_gone
from exauq_tui.monitor.packed_index import PackedIndex
from exauq_tui.monitor.packed_tokens import PackedTokens
from exauq_tui.monitor.record import Record
from exauq_tui.monitor.snapshot import Changes, JobRow, ServerView
from exauq_tui.monitor.stored_job import StoredJob

_PIECE = 1000
"""How many jobs are read at once at first, while others wait for the record or the store."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where jobs are: an account on a machine, and a workspace there.

    Attributes:
        server: The profile's name.
        endpoint: Where the profile points, such as ``alice@hpc1:22``.
        workspace: The absolute path, or what the profile says while that is not known.
    """

    server: str
    endpoint: str
    workspace: str


@dataclass(frozen=True, slots=True)
class Target:
    """Where new jobs of a server go.

    Attributes:
        place: The place; with the workspace as the profile has it while that is all there is.
        is_known: Whether it has the workspace's absolute path.
    """

    place: Place
    is_known: bool


class Store:
    """The one picture of everything that is known.

    Args:
        record: Where jobs come from.
        servers: The names of the servers that there are.
        shows_all: Whether jobs of other servers are wanted as well, such as those of a profile
            that was removed; else they stay in the record and are not shown.
    """

    def __init__(self, record: Record, servers: Sequence[str], *, shows_all: bool = False) -> None:
        self._record = record
        self._names = frozenset(servers)
        self._shows_all = shows_all
        self._lock = threading.RLock()
        self._sync_lock = threading.Lock()
        self._revision = -1
        self._is_read = False
        self._jobs = DenseMap[StoredJob]()
        # Of jobs that their servers told about: only namesakes are told by them from then on.
        self._tokens = PackedTokens()
        self._by_place: dict[Place, PackedIndex] = {}
        self._views: dict[str, ServerView] = {}
        self._targets: dict[str, Target] = {}
        self._changed_jobs: set[int] = set()
        self._removed: set[int] = set()
        # By place and id: at which revision, and the token of the job that it was.
        self._deletions: dict[tuple[Place, str], tuple[int, str]] = {}
        self._changed_views: set[str] = set()
        # Jobs whose inputs are new since somebody asked; None before the first time.
        self._new_inputs: set[int] | None = None
        self._active: Counter[str] = Counter()
        self._gone_views: set[str] = set()
        self._told = False
        self._listener: Callable[[], None] | None = None

    def set_listener(self, listener: Callable[[], None] | None) -> None:
        """Set what is called, from any thread, once when something changed after a drain."""
        with self._lock:
            self._listener = listener
            self._told = False
        self._tell()

    def sync(self) -> None:
        """Take in what changed in the record, by whatever process."""
        with self._sync_lock:
            if not self._is_read:
                self._read_all()
            news = self._record.since(self._revision, self._tokens)
            if news.revision == self._revision:
                return
            with self._lock:
                self._revision = news.revision
                for key in news.removed:
                    self._forget(key)
                news.jobs.reverse()
                while news.jobs:  # a job that is taken as another one is not kept beside it
                    self._take(news.jobs.pop())
        self._tell()

    def load(self, pause: float = 0.0) -> tuple[JobRow, ...]:
        """Give all jobs, oldest first; from now on `drain` tells what changes after that.

        Args:
            pause: Where they are still to be read: seconds after each piece in which somebody
                else may have the processor.
        """
        with self._sync_lock:
            if not self._is_read:
                self._read_all(pause, is_told=False)
            with self._lock:
                self._changed_jobs.clear()
                self._removed.clear()
                return tuple(self._jobs.every())

    def _read_all(self, pause: float = 0.0, *, is_told: bool = True) -> None:
        """Read all jobs, in pieces; changes made meanwhile are read by the next `sync`.

        Args:
            pause: As in `load`.
            is_told: Whether the jobs are told by the next `drain`.
        """
        revision = self._record.revision()
        last = 0
        while jobs := self._record.some(last, _PIECE, self._tokens):
            last = jobs[-1].key
            with self._lock:
                jobs.reverse()
                while jobs:  # a job that is taken as another one is not kept beside it
                    self._take(jobs.pop(), is_told=is_told)
            if pause:
                time.sleep(pause)
        self._revision = revision
        self._is_read = True

    def _be_read(self) -> None:
        """Wait until all was read: nobody may take a part of it for everything."""
        if not self._is_read:
            self.sync()

    def as_shown(self, job: StoredJob) -> StoredJob:
        """A job of the record as it is in memory and on the screen."""
        return job if self._is_current(_place_of(job)) else replace(job, current=False)

    def _is_wanted(self, job: StoredJob) -> bool:
        return self._shows_all or job.server in self._names

    def _take(self, job: StoredJob, *, is_told: bool = True) -> None:
        if not self._is_wanted(job):
            return
        job = self.as_shown(job)
        place = _place_of(job)
        before = self._jobs.get(job.key)
        is_moved = before is None or (before.job_id, _place_of(before)) != (job.job_id, place)
        if before is not None and is_moved:
            self._forget_place(before)
        self._count(before, job)
        if self._new_inputs is not None and (before is None or before.inputs != job.inputs):
            self._new_inputs.add(job.key)
        self._jobs[job.key] = job
        if is_moved:
            self._by_place.setdefault(place, PackedIndex()).add(job.job_id, job.key)
        if is_told:
            self._changed_jobs.add(job.key)
        self._removed.discard(job.key)

    def _forget(self, key: int) -> None:
        job = self._jobs.pop(key, None)
        if job is None:
            return
        self._forget_place(job)
        self._count(job, None)
        token = job.token or self._tokens.get(key)
        self._tokens.drop(key)
        self._deletions[_place_of(job), job.job_id] = (self._revision, token)
        self._changed_jobs.discard(key)
        self._removed.add(key)

    def _forget_place(self, job: StoredJob) -> None:
        self._by_place[_place_of(job)].remove(job.job_id, job.key)

    def _count(self, before: StoredJob | None, now: StoredJob | None) -> None:
        """Keep the number of active jobs up to date."""
        if before is not None:
            self._active[before.server] -= _is_active(before)
        if now is not None:
            self._active[now.server] += _is_active(now)

    def admit(self, server: str) -> None:
        """Take in a server that was not there at first, with the jobs that it has already."""
        with self._lock:
            if server in self._names:
                return
            self._names |= {server}
            self._gone_views.discard(server)
            if not self._shows_all:
                self._revision = -1  # its jobs had been passed over
        self.sync()

    def dismiss(self, server: str) -> None:
        """Have a server be there no more; its jobs stay, and are not current any more."""
        with self._lock:
            self._names -= {server}
            self._views.pop(server, None)
            self._targets.pop(server, None)
            self._changed_views.discard(server)
            self._gone_views.add(server)
            self._judge_places(server)
        self._tell()

    def set_view(self, view: ServerView) -> None:
        """Take in how a server stands; one that is not there is passed over."""
        with self._lock:
            if self._views.get(view.name) == view or view.name not in self._names:
                return
            self._views[view.name] = view
            self._changed_views.add(view.name)
        self._tell()

    def set_target(self, target: Target) -> None:
        """Take in where a profile points now: jobs elsewhere are not current any more."""
        place = target.place
        with self._lock:
            if place.server not in self._names:
                return
            before = self._targets.get(place.server)
            self._targets[place.server] = target
            if before is not None and before.place == place:
                return
            self._judge_places(place.server)
        self._tell()

    def _tell(self) -> None:
        with self._lock:
            is_news = self._changed_jobs or self._removed or self._changed_views or self._gone_views
            if self._told or self._listener is None or not is_news:
                return
            self._told = True
            listener = self._listener
        listener()

    def drain(self) -> Changes:
        """Take out what changed since the last call."""
        with self._lock:
            self._told = False
            changes = Changes(
                tuple(self._jobs[key] for key in sorted(self._changed_jobs)),
                tuple(sorted(self._removed)),
                tuple(self._views[name] for name in self._changed_views),
                tuple(sorted(self._gone_views)),
            )
            self._changed_jobs.clear()
            self._removed.clear()
            self._changed_views.clear()
            self._gone_views.clear()
            return changes

    def rows(self) -> tuple[JobRow, ...]:
        """All jobs, oldest first."""
        self._be_read()
        with self._lock:
            return tuple(self._jobs.every())

    def rows_of(self, keys: Iterable[int]) -> tuple[JobRow, ...]:
        """Some jobs, in the order asked for; those that are not there are left out."""
        return tuple(self.jobs(keys))

    def views(self) -> tuple[ServerView, ...]:
        """All servers, in the order in which they were set first."""
        with self._lock:
            return tuple(self._views.values())

    def view(self, server: str) -> ServerView:
        """One server."""
        with self._lock:
            return self._views[server]

    def target(self, server: str) -> Target:
        """Where new jobs of one server go, as far as it is known."""
        with self._lock:
            return self._targets[server]

    def jobs(self, keys: Iterable[int]) -> list[StoredJob]:
        """Some jobs, as the record has them; those that are not there are left out."""
        if not self._is_read:
            asked = list(keys)
            found = {job.key: job for job in self._record.get(asked) if self._is_wanted(job)}
            return [self.as_shown(found[key]) for key in asked if key in found]
        with self._lock:
            return [job for job in map(self._jobs.get, keys) if job is not None]

    def jobs_at(self, place: Place) -> dict[str, StoredJob]:
        """The jobs of one place, by their ids."""
        self._be_read()
        with self._lock:
            jobs = [self._jobs[key] for key in sorted(self._by_place.get(place, ()))]
            return {job.job_id: job for job in jobs}

    def find(self, place: Place, ids: Iterable[str]) -> dict[str, StoredJob]:
        """Some jobs of one place, by their ids; those that are not there are left out."""
        self._be_read()
        with self._lock:
            index = self._by_place.get(place, PackedIndex())
            maybe = ((id_, self._jobs[key]) for id_ in ids for key in index.find(id_))
            return {id_: job for id_, job in maybe if job.job_id == id_}

    def token(self, key: int) -> str:
        """The submission token of a job, or "" where none is known."""
        self._be_read()
        with self._lock:
            job = self._jobs.get(key)
            return (job.token if job is not None else "") or self._tokens.get(key)

    def active(self, server: str) -> int:
        """How many jobs of a server have not come to their end, and are not gone from it."""
        self._be_read()
        with self._lock:
            return self._active[server]

    def take_new_inputs(self) -> list[StoredJob]:
        """Tell, for the one who looks jobs up by their inputs, which are new since the last call.

        Returns:
            Jobs that are new or have other inputs than before; at first all jobs.
        """
        self._be_read()
        with self._lock:
            if self._new_inputs is None:
                self._new_inputs = set()
                return self._jobs.every()
            keys, self._new_inputs = self._new_inputs, set()
            return self.jobs(keys)

    @property
    def revision(self) -> int:
        """Up to which change of the record this tells."""
        return self._revision

    def is_deleted(self, place: Place, job_id: str, revision: int) -> bool:
        """Whether the row of a job was deleted after some revision."""
        with self._lock:
            return self._deletions.get((place, job_id), (revision, ""))[0] > revision

    def is_of_deleted(self, place: Place, job_id: str, token: str) -> bool:
        """Whether this very job's row was deleted, whenever that was."""
        with self._lock:
            return self._deletions.get((place, job_id), (0, None))[1] == token

    def has_jobs_at(self, place: Place) -> bool:
        """Whether there is any job at a place."""
        self._be_read()
        with self._lock:
            return bool(self._by_place.get(place))

    def _is_current(self, place: Place) -> bool:
        """Whether a profile points to where a job is."""
        target = self._targets.get(place.server)
        return target is not None and target.place == place

    def _judge_places(self, server: str) -> None:
        """Find out afresh which jobs of a server are current."""
        for place, keys in self._by_place.items():
            if place.server != server:
                continue
            current = self._is_current(place)
            for key in keys:
                if self._jobs[key].current is not current:
                    self._jobs[key] = replace(self._jobs[key], current=current)
                    self._changed_jobs.add(key)


def _is_active(job: StoredJob) -> bool:
    return job.status not in TERMINAL_STATUSES and not is_gone(job.note)


def _place_of(job: StoredJob) -> Place:
    return Place(job.server, job.endpoint, job.workspace)
