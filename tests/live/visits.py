"""What a script does with the library, to be disturbed: each verb has an end to be reached."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from exauq_tui.errors import ConnectionLostError
from exauq_tui.hardware import UnixServerScriptInterface
from exauq_tui.hardware.status import JobStatus
from exauq_tui.jobs import Input, Job, JobId
from tests.live.errands import LONG, left_in
from tests.live.ledger import FOR_EVER, QUICK, UNTIL_GO, Ledger
from tests.live.site import Site
from tests.unit.fake_interfaces import until

There = UnixServerScriptInterface

COMPLETED, CANCELLED = JobStatus.COMPLETED, JobStatus.CANCELLED
SUBMITTED, RUNNING = JobStatus.SUBMITTED, JobStatus.RUNNING


@dataclass
class Visit:
    """One point of a sweep: three jobs of its own, in a workspace of its own.

    Attributes:
        site: The server.
        number: Of the point.
        tokens: What the jobs are sent with, where that is told.
    """

    site: Site
    number: int
    tokens: dict[JobId, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.workspace = self.site.directory / f"workspace {self.number}"
        self.ids = [JobId(10 * self.number + n) for n in range(3)]
        self.ledger = Ledger(self.site.directory)
        self.tokens |= {job_id: secrets.token_hex(8) for job_id in self.ids}

    def jobs(self, kind: int, turn: int = 0) -> list[Job]:
        """Our jobs, as they are sent the first time or another; one of them is long."""
        first = 100 * self.number + 10 * turn
        inputs = [Input(kind, first + n, *range(LONG if n == 2 else 0)) for n in range(3)]
        return [Job(job_id, data) for job_id, data in zip(self.ids, inputs, strict=True)]

    def runs(self, kind: int, turn: int = 0) -> list[int]:
        """How often each of our jobs ran."""
        runs = self.ledger.runs()
        return [runs[f"{kind},{100 * self.number + 10 * turn + n}"] for n in range(3)]

    def reach(self, *, direct: bool = False) -> There:
        return self.site.interface(self.workspace, direct=direct, max_running=2)

    def have(self, kind: int, *statuses: JobStatus) -> None:
        """Have our jobs there, undisturbed."""
        with self.reach(direct=True) as there:
            assert set(there.submit_jobs(self.jobs(kind)).values()) == {None}
            until(lambda: self.statuses(there) == list(statuses), f"{statuses}")

    def statuses(self, there: There) -> list[JobStatus | Exception]:
        return list(there.get_job_statuses(self.ids).values())

    def ends(self, there: There, status: JobStatus) -> None:
        """Wait until all our jobs are at their end."""
        until(lambda: self.statuses(there) == [status] * 3, f"{status}")
        assert self.ledger.alive(map(str, self.ids)) == set()

    def leaves_nothing(self) -> None:
        """Wait until there is nothing but our jobs in the workspace."""
        names = [name for name in map(str, self.ids) if (self.workspace / name).exists()]
        until(lambda: left_in(self.workspace) == names, f"just jobs in {self.workspace}")


@dataclass(frozen=True)
class Verb:
    """One verb.

    Attributes:
        prepare: Makes what it is about, undisturbed.
        say: Says it, by an object; as a whole, as often as need be.
        check: Sees what came of it.
        anew: Whether another object says it again.
    """

    prepare: Callable[[Visit], None]
    say: Callable[[There, Visit], None]
    check: Callable[[There, Visit], None]
    anew: bool = False


def _nothing(visit: Visit) -> None:
    """Have nothing there."""


def _submit(there: There, visit: Visit) -> None:
    assert set(there.submit_jobs(visit.jobs(QUICK)).values()) == {None}


def _submit_once(there: There, visit: Visit) -> None:
    assert set(there.submit_jobs_once(visit.jobs(QUICK), visit.tokens).values()) == {None}


def _ran_once(there: There, visit: Visit) -> None:
    visit.ends(there, COMPLETED)
    assert visit.runs(QUICK) == [1, 1, 1]


def _have_ended(visit: Visit) -> None:
    visit.have(QUICK, COMPLETED, COMPLETED, COMPLETED)


def _resubmit(there: There, visit: Visit) -> None:
    there.submit_job(visit.jobs(QUICK, turn=1)[2], resubmit=True)


def _ran_once_more(there: There, visit: Visit) -> None:
    _ran_once(there, visit)
    assert visit.runs(QUICK, turn=1) == [0, 0, 1]


def _have_endless(visit: Visit) -> None:
    visit.have(FOR_EVER, RUNNING, RUNNING, SUBMITTED)
    until(lambda: {*map(str, visit.ids[:2])} <= visit.ledger.with_children(), "all processes")


def _cancel(there: There, visit: Visit) -> None:
    assert set(there.cancel_jobs(visit.ids).values()) == {None}


def _cancelled(there: There, visit: Visit) -> None:
    assert visit.statuses(there) == [CANCELLED] * 3
    visit.ends(there, CANCELLED)
    assert visit.runs(FOR_EVER) == [1, 1, 0]


def _delete(there: There, visit: Visit) -> None:
    assert set(there.delete_remote_job_dirs(visit.ids).values()) == {None}


def _deleted(there: There, visit: Visit) -> None:
    assert visit.statuses(there) == [JobStatus.PENDING_SUBMIT] * 3
    assert [job_id for job_id in visit.ids if (visit.workspace / str(job_id)).exists()] == []


def _have_waiting(visit: Visit) -> None:
    visit.have(UNTIL_GO, RUNNING, RUNNING, SUBMITTED)


def _look(there: There, visit: Visit) -> None:
    """Look until all is done; what was seen is never taken back."""
    cursor = there.look().cursor
    for job_id, data in zip(visit.ids, visit.jobs(UNTIL_GO), strict=True):
        visit.ledger.let_go(int(data.data[1]))
        ended = False
        while not ended:
            seen = there.look(cursor)
            cursor = seen.cursor
            ended = any(r.job_id == job_id and r.status is COMPLETED for r in seen.reports)
            ended = ended or there.get_job_status(job_id) is COMPLETED


def _erase(there: There, visit: Visit) -> None:
    there.delete_workspace()


def _erased(there: There, visit: Visit) -> None:
    assert not visit.workspace.exists()
    assert visit.statuses(there) == [JobStatus.PENDING_SUBMIT] * 3


def _seen(there: There, visit: Visit) -> None:
    visit.ends(there, COMPLETED)
    assert visit.runs(UNTIL_GO) == [1, 1, 1]
    jobs = visit.jobs(UNTIL_GO)
    assert there.get_job_outputs(visit.ids) == {job.id: job.data[1] for job in jobs}
    assert there.get_job_inputs(visit.ids) == {job.id: job.data for job in jobs}


VERBS = {
    "submit": Verb(_nothing, _submit, _ran_once),
    "submit by another": Verb(_nothing, _submit_once, _ran_once, anew=True),
    "resubmit": Verb(_have_ended, _resubmit, _ran_once_more),
    "cancel": Verb(_have_endless, _cancel, _cancelled),
    "cancel by another": Verb(_have_endless, _cancel, _cancelled, anew=True),
    "delete": Verb(_have_ended, _delete, _deleted),
    "look": Verb(_have_waiting, _look, _seen, anew=True),
    "delete the workspace": Verb(_have_ended, _erase, _erased, anew=True),
}


def say(verb: Verb, visit: Visit) -> None:
    """Say a verb, and once more where the connection was lost: it is lost just once."""
    there = visit.reach()
    try:
        verb.say(there, visit)
    except ConnectionLostError:
        if verb.anew:
            there.close()
            there = visit.reach()
        verb.say(there, visit)
    verb.check(there, visit)
    there.close()
