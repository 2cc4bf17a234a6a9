"""What people do with a fleet, to be disturbed: each errand has an end that must be reached."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from exauq_tui.errors import ConnectionLostError
from exauq_tui.hardware.status import JobStatus
from exauq_tui.jobs import Input
from exauq_tui.monitor.snapshot import ServerState
from tests.contract.machines import processes_of
from tests.live.ledger import FOR_EVER, QUICK, UNTIL_GO, Ledger
from tests.live.site import Site
from tests.live.witness import Witness
from tests.unit.fake_interfaces import TIMEOUT, reaches, row, stands, until

_OURS = {
    *("format", "made-for", "journal", "lock", "max_running"),
    *("queue", "queue-done", "queue-launched", "slots"),
}
"""What always is in .exauq-tui, or may be; beside the copies of the program."""

LONG = 4000
"""So many numbers do not fit into one packet of SSH, nor into one read of Bash."""


class Desk:
    """A fleet at work on one server, its ledger, and a witness of all that it shows.

    Args:
        site: The server, with the simulator of `ledger` on it.
        slots: How many jobs run there at once.
    """

    def __init__(self, site: Site, slots: int = 2) -> None:
        self.site = site
        self.ledger = Ledger(site.directory)
        self.fleet = site.fleet(replace(site.profile, max_running=slots))
        self.witness = Witness(self.fleet, site.workspace)
        self._numbers = itertools.count(1)
        self._sent: list[str] = []
        self._called_off: set[str] = set()
        stands(self.fleet, ServerState.UP)

    def submit(self, *kinds: int, length: int = 2) -> tuple[int, ...]:
        """Submit one job of each kind, with an input of its own."""
        numbers = [next(self._numbers) for _ in kinds]
        pairs = list(zip(kinds, numbers, strict=True))
        self._sent += [f"{kind},{number}" for kind, number in pairs]
        rest = range(length - 2)
        return self.fleet.submit("hpc1", [Input(*pair, *rest) for pair in pairs])

    def completed(self, keys: Sequence[int]) -> None:
        """Wait until jobs are Completed, with their outputs."""
        for key in keys:
            number = reaches(self.fleet, key, JobStatus.COMPLETED).inputs[1]
            until(lambda key=key, number=number: row(self.fleet, key).output == number)  # type: ignore[misc]  # bound early

    def running(self, keys: Sequence[int]) -> None:
        """Wait until jobs are Running."""
        for key in keys:
            reaches(self.fleet, key, JobStatus.RUNNING)

    def sending(self, keys: Sequence[int]) -> None:
        """Wait until jobs may have left for the server, whether or not they arrive."""
        until(lambda: all(job.may_be_sent for job in self.fleet._record.get(keys)), "the sending")

    def cancel(self, keys: Sequence[int]) -> None:
        """Cancel jobs, and wait until they are Cancelled and nothing of them is left."""
        self._called_off |= {f"{kind},{number}" for kind, number in map(self._data, keys)}
        assert self.fleet.cancel(keys).left == ()
        for key in keys:
            reaches(self.fleet, key, JobStatus.CANCELLED)
        ids = [row(self.fleet, key).job_id for key in keys]
        assert self.ledger.alive(ids) == set()

    def _data(self, key: int) -> tuple[int, int]:
        kind, number, *_ = row(self.fleet, key).inputs
        return int(kind), int(number)

    def delete(self, keys: Sequence[int]) -> None:
        """Delete jobs, again where a person would because the link was lost."""
        ids = [row(self.fleet, key).job_id for key in keys]
        self.witness.doomed |= set(ids)
        for _ in range(3):
            try:
                results = self.fleet.delete_jobs(keys).result(TIMEOUT)
            except ConnectionLostError:
                stands(self.fleet, ServerState.UP)
                continue
            assert set(results.values()) <= {""}, results
            break
        assert not {each.key for each in self.fleet.rows()} & set(keys)
        assert [name for name in ids if (self.site.workspace / name).exists()] == []

    def check(self) -> None:
        """See that nothing was lost or doubled, and that nothing was shown amiss."""
        runs = self.ledger.runs()
        assert {data: count for data, count in runs.items() if count > 1} == {}
        assert set(self._sent) - set(runs) <= self._called_off
        assert set(runs) <= set(self._sent)
        assert self.witness.lies == [], "\n".join(self.witness.lies)

    def tidy(self) -> None:
        """Delete all jobs, and see that nothing else is left of them."""
        stands(self.fleet, ServerState.UP)
        self.delete([each.key for each in self.fleet.rows()])
        until(lambda: left_in(self.site.workspace) == [], f"nothing in {self.site.workspace}")
        until(lambda: processes_of(self.site.directory) == [], "the end of all processes")

    def close(self) -> None:
        """Stop the fleet; what it showed last is looked at."""
        self.fleet.stop()
        self.witness.stop()


def left_in(workspace: Path) -> list[str]:
    """What is in a workspace beside jobs, and beside what always is.

    The claim of an agent that died before it made anything stays for some seconds, until somebody
    connects after them.
    """
    own = workspace / ".exauq-tui"
    found = [path for path in workspace.iterdir() if path != own] if workspace.exists() else []
    if own.exists():
        found += [
            path
            for path in own.iterdir()
            if path.name not in _OURS and not path.name.startswith(("program-", "recorder-"))
            if not (path.name.startswith("claim-") and _claims_nothing(path))
        ]
    return sorted(str(path.relative_to(workspace)) for path in found)


def _claims_nothing(claim: Path) -> bool:
    try:
        _, names, *_ = claim.read_text().split("\n")
    except (FileNotFoundError, ValueError):
        return False
    return not any((claim.parent.parent / name).exists() for name in names.split())


@dataclass(frozen=True)
class Errand:
    """Something that is done with a fleet.

    Attributes:
        prepare: Makes the jobs that it is about, undisturbed.
        run: Does it, and waits for its end; the trouble comes meanwhile.
    """

    prepare: Callable[[Desk], tuple[int, ...]]
    run: Callable[[Desk, tuple[int, ...]], None]


def _submit(desk: Desk, _: tuple[int, ...]) -> None:
    desk.completed([*desk.submit(QUICK, QUICK), *desk.submit(QUICK, length=LONG)])


def _with_queue(desk: Desk) -> tuple[int, ...]:
    keys = desk.submit(FOR_EVER, FOR_EVER, FOR_EVER, UNTIL_GO)
    desk.running(keys[:2])
    ids = {row(desk.fleet, key).job_id for key in keys[:2]}
    until(lambda: ids <= desk.ledger.with_children(), "all children")
    return keys


def _cancel(desk: Desk, keys: tuple[int, ...]) -> None:
    desk.cancel(keys)


def _submit_and_cancel(desk: Desk, _: tuple[int, ...]) -> None:
    keys = desk.submit(FOR_EVER, FOR_EVER, FOR_EVER)
    desk.sending(keys)
    desk.cancel(keys)


def _ended(desk: Desk) -> tuple[int, ...]:
    keys = desk.submit(QUICK, QUICK)
    desk.completed(keys)
    return keys


def _delete(desk: Desk, keys: tuple[int, ...]) -> None:
    desk.delete(keys)


def _waiting(desk: Desk) -> tuple[int, ...]:
    keys = desk.submit(UNTIL_GO, UNTIL_GO)
    desk.running(keys)
    return keys


def _refresh(desk: Desk, keys: tuple[int, ...]) -> None:
    desk.fleet.look_now()
    for key in keys:
        desk.ledger.let_go(int(row(desk.fleet, key).inputs[1]))
    desk.completed(keys)


ERRANDS = {
    "submit": Errand(lambda desk: (), _submit),
    "cancel": Errand(_with_queue, _cancel),
    "submit and cancel": Errand(lambda desk: (), _submit_and_cancel),
    "delete": Errand(_ended, _delete),
    "refresh": Errand(_waiting, _refresh),
}
