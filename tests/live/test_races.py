"""Several dashboards and an EXAUQ-Toolbox at once in one workspace, over the same ids.

Two fleets share a record, as two dashboards of one person do; a third has a record of its own,
as a colleague's has; and a client of EXAUQ-Toolbox makes jobs by `mkdir`. The records' clocks
stand at whole seconds, so that all of them make their ids from the same few moments.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

import pytest

from exauq_tui.hardware.status import JobStatus
from exauq_tui.jobs import Input
from exauq_tui.monitor.fleet import Fleet
from exauq_tui.monitor.record_ids import id_from_milliseconds
from exauq_tui.monitor.snapshot import ServerState
from tests.contract.machines import Machine, processes_of
from tests.contract.toolbox import Toolbox
from tests.live.conftest import MakeSite
from tests.live.errands import left_in
from tests.live.ledger import FOR_EVER, QUICK, SIMULATOR, UNTIL_GO, Ledger
from tests.live.site import Site
from tests.live.sshd import Sshd
from tests.live.witness import Witness
from tests.unit.fake_interfaces import stands, until

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("quick_retries")]

CANCELLED, COMPLETED = JobStatus.CANCELLED, JobStatus.COMPLETED

Shown = dict[str, JobStatus]


class Office:
    """Three fleets and a Toolbox in one workspace, each with a witness."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.rounds = 0
        self.ledger = Ledger(site.directory)
        records = ("mine", "mine", "a colleague's")
        self.fleets = [site.fleet(record=name, record_clock=self.clock) for name in records]
        self.witnesses = [Witness(fleet, site.workspace) for fleet in self.fleets]
        machine = Machine("ssh", site.sshd.home, site.directory, site.sshd)
        machine.workspace = site.workspace
        self.toolbox = Toolbox(machine)
        for fleet in self.fleets:
            stands(fleet, ServerState.UP)

    def clock(self) -> float:
        """The time, by a clock that is seldom right: everybody's ids begin at the same moments.

        A second later in each round. By a right clock too the id of a job that was deleted comes
        back to nobody, so that no cancel which is still on its way meets another job.
        """
        return float(int(time.time()) + self.rounds)

    def at_once(self, *actions: Callable[[], object]) -> None:
        """Do several things at the same moment."""
        gate = threading.Barrier(len(actions))

        def act(action: Callable[[], object]) -> None:
            gate.wait(30)
            action()

        with ThreadPoolExecutor(len(actions)) as workers:
            for result in [workers.submit(act, action) for action in actions]:
                result.result(60)

    def make_by_toolbox(self, inputs: Sequence[Input]) -> None:
        """Make jobs as a client of EXAUQ-Toolbox does, with the ids that the others want too."""
        number = 0
        for data in inputs:
            while True:
                number += 1
                job_id = id_from_milliseconds(1000 * int(self.clock()) + number)
                with suppress(FileExistsError):
                    self.toolbox.submit(int(job_id), SIMULATOR, *data)
                    break

    def agree(self, expected: Shown) -> None:
        """Wait until every fleet shows just these jobs, by their inputs, in these statuses."""
        # What a Toolbox makes is told by nobody: one who wants it at once looks, by `r`.
        for fleet in self.fleets:
            fleet.look_now()
        for fleet in self.fleets:
            with suppress(AssertionError):
                until(lambda fleet=fleet: shown_by(fleet) == expected)  # type: ignore[misc]
            assert shown_by(fleet) == expected, self.told(fleet)
            assert len(fleet.rows()) == len(expected)

    def told(self, fleet: Fleet) -> str:
        """What the fleet has, and what the server: for the message of a failure."""
        lines = [f"fleet {self.fleets.index(fleet)}"]
        for other in self.fleets:
            view = other.server("hpc1")
            lines.append(f"{view.state.value} {view.message}, {len(other.rows())} rows")
        for other in self.fleets:
            lines.append(f"--- {self.fleets.index(other)}")
            for each in other.rows():
                events = "; ".join(event.text for event in other.events(each.key))
                lines.append(
                    f"{each.key} {each.job_id} {each.inputs[:2]} {each.status.value}: {events}"
                )
        for path in sorted(self.site.workspace.glob("[0-9]*")):
            words = [(path / name) for name in ("token", "input.csv")]
            lines.append(f"{path.name} " + " ".join(w.read_text() for w in words if w.exists()))
        return "\n".join(lines)

    def check(self, sent: Sequence[Input]) -> None:
        """See that each job that was ever sent ran once, and that nothing was shown amiss."""
        assert self.ledger.runs() == Counter(name_of(data) for data in sent)
        lies = [lie for witness in self.witnesses for lie in witness.lies]
        assert lies == [], "\n".join(lies)

    def close(self) -> None:
        for fleet, witness in zip(self.fleets, self.witnesses, strict=True):
            fleet.stop()
            witness.stop()


def name_of(inputs: Sequence[float]) -> str:
    """The name of a job that is the same in the ledger and in every record."""
    if len(inputs) < 2:
        return f"{inputs}"
    return f"{int(inputs[0])},{int(inputs[1])}"


def shown_by(fleet: Fleet) -> Shown:
    return {name_of(each.inputs): each.status for each in fleet.rows()}


def keys_of(fleet: Fleet, *kinds: int) -> list[int]:
    return [each.key for each in fleet.rows() if not kinds or each.inputs[0] in kinds]


@pytest.fixture
def office(quiet_sshd: Sshd, make_site: MakeSite) -> Iterator[Office]:
    made = Office(make_site(quiet_sshd, program="bash", simulator=SIMULATOR))
    yield made
    made.close()


@pytest.mark.parametrize("rounds", [2, pytest.param(40, marks=pytest.mark.long)])
def test_all_that_is_done_at_once_in_one_workspace_is_done_once_and_seen_by_all(
    office: Office, rounds: int
) -> None:
    numbers = itertools.count(1)
    sent: list[Input] = []

    def inputs() -> list[Input]:
        kinds = [QUICK, FOR_EVER, QUICK, UNTIL_GO, FOR_EVER, QUICK]
        new = [Input(kind, next(numbers)) for kind in kinds]
        sent.extend(new)
        return new

    for _ in range(rounds):
        first = len(sent)
        office.rounds += 1
        office.at_once(
            *(partial(fleet.submit, "hpc1", inputs()) for fleet in office.fleets),
            partial(office.make_by_toolbox, inputs()),
        )
        ours = sent[first:]
        running = {
            name_of(data): COMPLETED if data[0] == QUICK else JobStatus.RUNNING for data in ours
        }
        office.agree(running)
        for data in ours:
            office.ledger.let_go(int(data[1]))
        office.at_once(
            *(partial(fleet.cancel, keys_of(fleet, FOR_EVER)) for fleet in office.fleets)
        )
        office.agree({name: CANCELLED if name[0] == "9" else COMPLETED for name in running})
        ids = office.ledger.ids()
        ours_there = {path.parent.name for path in office.site.workspace.glob("*/token")}
        assert office.ledger.alive(ids & ours_there) == set()
        # Of others' jobs, what left the session can be known to one who ends them and not to
        # another: whoever says first that all is over may be the latter.
        until(lambda ids=ids: office.ledger.alive(ids) == set())  # type: ignore[misc]
        for witness in office.witnesses:
            witness.doomed |= office.ledger.ids()
        deletions = [fleet.delete_jobs(keys_of(fleet)) for fleet in office.fleets]
        for deletion in deletions:
            assert set(deletion.result(60).values()) <= {""}
        office.agree({})
    office.check(sent)
    until(lambda: left_in(office.site.workspace) == [], "an empty workspace")
    until(lambda: processes_of(office.site.directory) == [], "the end of all processes")
