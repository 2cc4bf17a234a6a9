"""Submitting: which server gets a job, whether it takes it, and that it is recorded, then sent."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from exauq_tui.errors import InputError
from exauq_tui.hardware.status import TERMINAL_STATUSES
from exauq_tui.jobs import Input
from exauq_tui.monitor.evidence import is_gone
from exauq_tui.monitor.input_index import InputIndex
from exauq_tui.monitor.record_adding import Order
from exauq_tui.monitor.roster import Roster
from exauq_tui.monitor.stored_job import StoredJob
from exauq_tui.monitor.tools import Tools
from exauq_tui.monitor.verbs import Destination

_log = logging.getLogger(__name__)


class Submissions:
    """The part of a fleet that submits; see `FleetVerbs` for the meaning of the verbs.

    Args:
        roster: The servers.
        tools: Where jobs are recorded, and whether they may be.
    """

    def __init__(self, roster: Roster, tools: Tools) -> None:
        self._roster = roster
        self._tools = tools
        self._record = tools.record
        self._store = tools.store
        self._index = InputIndex(tools.store)

    def submit(self, server: str, inputs: Sequence[Input], batch: str) -> tuple[int, ...]:
        """Record jobs as Pending submit and have them sent."""
        self._check(server, inputs)
        return self._add([self._order(server, inputs, batch)])[0]

    def submit_to_level(
        self, level: int, inputs: Sequence[Input], batch: str
    ) -> Mapping[str, tuple[int, ...]]:
        """Share jobs out among the servers of a level, and record them as `submit` does."""
        shares: defaultdict[str, list[Input]] = defaultdict(list)
        for server, data in zip(self._share(level, len(inputs)), inputs, strict=True):
            shares[server].append(data)
        for server, part in shares.items():
            self._check(server, part)
        orders = [self._order(server, part, batch) for server, part in shares.items()]
        return dict(zip(shares, self._add(orders), strict=True))

    def share_out(self, level: int, count: int) -> Mapping[str, int]:
        """Tell how many of so many jobs each server would get by `submit_to_level` now."""
        return Counter(self._share(level, count))

    def find_runs(
        self, destination: Destination, inputs: Sequence[Input]
    ) -> tuple[int | None, ...]:
        """Tell for each input which job ran it, or is to run it, already."""
        level, names = destination.level, None
        if destination.server:
            asked = self._roster.get(destination.server).profile
            level, names = asked.level, asked.input_names
        profiles = [each.profile for each in self._roster.pollers.values()]
        same = {
            each.name
            for each in profiles
            if each.level == level and names in (None, each.input_names)
        }
        self._store.sync()  # another process may have submitted a moment ago
        found = self._index.find(inputs)
        return tuple(
            next((job.key for job in jobs if job.level == level and job.server in same), None)
            for jobs in found
        )

    def resubmit(self, keys: Sequence[int]) -> tuple[int, ...]:
        """Submit the inputs of jobs that ended, or are gone, once more, under new ids."""
        by_batch: defaultdict[tuple[str, str], list[StoredJob]] = defaultdict(list)
        for job in self._store.jobs(keys):
            if job.status not in TERMINAL_STATUSES and not is_gone(job.note):
                raise InputError(
                    f"job {job.job_id} is {job.status.value}: only a job that ended can be "
                    "submitted again"
                )
            if not job.inputs:
                raise InputError(f"job {job.job_id} has no known input to submit again")
            self._roster.get(job.server)
            by_batch[job.server, job.batch].append(job)
        orders = [
            self._order(server, [Input(*job.inputs) for job in jobs], batch, jobs)
            for (server, batch), jobs in by_batch.items()
        ]
        return tuple(key for added in self._add(orders) for key in added)

    def _share(self, level: int, count: int) -> list[str]:
        # Here, as the first picture does without it.
        from exauq_tui.monitor.placing import Candidate, share_out  # noqa: PLC0415

        profiles = [
            each.profile for each in self._roster.pollers.values() if each.profile.level == level
        ]
        names = {each.input_names for each in profiles if each.input_names}
        if len(names) > 1:
            told = "; ".join(f"{each.name} {', '.join(each.input_names)}" for each in profiles)
            raise InputError(f"the servers of level {level} take different inputs: {told}")
        candidates = [
            Candidate(
                each.name,
                self._store.view(each.name).state,
                self._store.active(each.name),
                each.max_running or 0,
            )
            for each in profiles
        ]
        return share_out(candidates, count)

    def _check(self, server: str, inputs: Sequence[Input]) -> None:
        """Refuse inputs that a server's simulator does not take."""
        names = self._roster.get(server).profile.input_names
        for number, data in enumerate(inputs, start=1):
            if not len(data):
                raise InputError(f"input {number} has no numbers: give at least one")
            if names and len(data) != len(names):
                raise InputError(
                    f"input {number} has {len(data)} numbers, but {server} takes "
                    f"{len(names)}: {', '.join(names)}"
                )

    def _order(
        self, server: str, inputs: Sequence[Input], batch: str, try_of: Sequence[StoredJob] = ()
    ) -> Order:
        target = self._store.target(server)
        place, level = target.place, self._roster.get(server).profile.level
        return Order(
            server, place.endpoint, place.workspace, target.is_known, inputs, level, batch, try_of
        )

    def _add(self, orders: Sequence[Order]) -> list[tuple[int, ...]]:
        """Record all of it or nothing, and have it sent."""
        self._tools.must_be_allowed()
        added = self._record.add_orders(orders)
        self._store.sync()
        for order in orders:
            again = " again" if order.try_of else ""
            _log.info("%d jobs to be submitted%s to %s", len(order.inputs), again, order.server)
            self._roster.get(order.server).wake()
        return [tuple(job.key for job in jobs) for jobs in added]
