"""Servers, connections and agents that die in the middle of a verb: the fleet gets over it.

The trouble comes at a moment of the time that the undisturbed verb takes, one in each of as many
stretches of equal length; the seed is the name of the test.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from exauq_tui.monitor.snapshot import ServerState
from tests.contract.machines import alive, check_often, wait_briefly
from tests.live.conftest import MakeSite
from tests.live.cuts import spread
from tests.live.errands import ERRANDS, Desk
from tests.live.ledger import SIMULATOR
from tests.live.outage import agents, cut_connections, end
from tests.live.sshd import Sshd
from tests.live.steps import Steps
from tests.live.visits import VERBS, Visit
from tests.unit.fake_interfaces import stands, until

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("quick_retries")]


@pytest.fixture
def desk(quiet_sshd: Sshd, make_site: MakeSite) -> Iterator[Desk]:
    made = Desk(make_site(quiet_sshd, program="bash", simulator=SIMULATOR))
    yield made
    made.close()


@pytest.fixture
def steps(quiet_sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> Steps:
    """Strike at a certain command; asked for before whoever connects."""
    made = Steps(quiet_sshd.home, monkeypatch)
    check_often(monkeypatch, 0.5)
    wait_briefly(monkeypatch)
    return made


def _kill_agents(desk: Desk) -> None:
    for pid in agents(desk.site.sshd):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _restart_sshd(desk: Desk) -> None:
    end(desk.site.sshd)
    desk.site.sshd.start()


def _end_connections(desk: Desk) -> None:
    cut_connections(desk.site.sshd)


TROUBLES: dict[str, Callable[[Desk], None]] = {
    "the agent is killed": _kill_agents,
    "the server dies and comes back": _restart_sshd,
    "its half of the connection is killed": _end_connections,
}


@contextmanager
def meanwhile(delay: float, strike: Callable[[], None]) -> Iterator[None]:
    """Have something happen `delay` seconds from now; it has happened when this is left."""
    timer = threading.Timer(delay, strike)
    timer.start()
    yield
    timer.join()


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES)
@pytest.mark.parametrize("name", ERRANDS)
@pytest.mark.parametrize("count", [1, pytest.param(15, marks=pytest.mark.long)])
def test_a_fleet_gets_over_what_dies_in_the_middle_of_a_verb(
    desk: Desk, name: str, trouble: Callable[[Desk], None], count: int
) -> None:
    errand = ERRANDS[name]
    keys = errand.prepare(desk)
    begun = time.monotonic()
    errand.run(desk, keys)
    took = time.monotonic() - begun
    chance = random.Random(f"{name}, {trouble.__name__}")
    for number in range(count):
        keys = errand.prepare(desk)
        with meanwhile(took * (number + chance.random()) / count, lambda: trouble(desk)):
            errand.run(desk, keys)
        stands(desk.fleet, ServerState.UP)
    desk.check()
    desk.tidy()
    desk.check()


REQUESTS = {
    "submit": ("make", "submit"),
    "resubmit": ("jobs", "delete", "submit"),
    "cancel": ("cancel",),
    "delete": ("delete",),
    "look": ("snapshot", "delta"),
    "delete the workspace": ("erase",),
}
"""What the library's verbs are made of."""


@pytest.mark.parametrize("count", [2, pytest.param(30, marks=pytest.mark.long)])
@pytest.mark.parametrize(
    ("name", "request_"), [(name, each) for name, some in REQUESTS.items() for each in some]
)
def test_a_verb_is_done_once_although_its_agent_dies_at_any_of_its_commands(
    steps: Steps, quiet_sshd: Sshd, make_site: MakeSite, name: str, request_: str, count: int
) -> None:
    site = make_site(quiet_sshd, program="bash", simulator=SIMULATOR)
    verb = VERBS[name]

    def visit(number: int, step: int) -> None:
        here = Visit(site, number)
        verb.prepare(here)
        steps.strike(request_, step)
        with here.reach() as there:
            verb.say(there, here)
            assert steps.struck is not None
            verb.check(there, here)
        with here.reach() as there:
            there.connect()  # clears away
            here.leaves_nothing()

    visit(1, 0)
    assert steps.count is not None
    for number, step in enumerate(spread(1, steps.count + 1, count, name), start=2):
        visit(number, step)


DOINGS = {
    "submit": ("submit", "fill"),
    "cancel": ("cancel", "stop"),
    "submit and cancel": ("submit", "cancel"),
    "delete": ("delete",),
    "refresh": ("snapshot",),
}
"""What is done on the server for the errands of a fleet."""


@pytest.mark.parametrize("count", [2, pytest.param(25, marks=pytest.mark.long)])
@pytest.mark.parametrize(
    ("name", "doing"), [(name, each) for name, some in DOINGS.items() for each in some]
)
def test_a_fleet_gets_over_the_death_of_whoever_works_for_it_at_any_command(
    steps: Steps, desk: Desk, name: str, doing: str, count: int
) -> None:
    errand = ERRANDS[name]

    def run(step: int) -> None:
        keys = errand.prepare(desk)
        steps.strike(doing, step)
        errand.run(desk, keys)
        stands(desk.fleet, ServerState.UP)
        assert steps.struck is not None

    run(0)
    total = until(lambda: steps.count)
    assert total is not None
    for step in spread(1, total + 1, count, f"{name}, {doing}"):
        run(step)
    desk.check()
    desk.tidy()
    desk.check()


def _thaw_late(desk: Desk, standing: int, is_done: Callable[[], bool]) -> None:
    """Have all done without the agent that stands still, which goes on only then."""
    cut_connections(desk.site.sshd)
    # Where nobody but that one can finish it, nobody else makes as if.
    until(lambda: is_done() or most_sends(desk) > 2)
    os.kill(standing, signal.SIGCONT)


def _kill_frozen(desk: Desk, standing: int, is_done: Callable[[], bool]) -> None:
    with suppress(ProcessLookupError):
        os.kill(standing, signal.SIGKILL)


AFTERWARDS = {"goes on when all is done without it": _thaw_late, "is killed": _kill_frozen}


@pytest.mark.parametrize("count", [1, pytest.param(10, marks=pytest.mark.long)])
@pytest.mark.parametrize("doing", ["submit", "cancel", "delete", "snapshot"])
@pytest.mark.parametrize("afterwards", AFTERWARDS.values(), ids=AFTERWARDS)
def test_an_agent_that_stood_still_at_any_command_does_no_harm(
    steps: Steps,
    desk: Desk,
    afterwards: Callable[[Desk, int, Callable[[], bool]], None],
    doing: str,
    count: int,
) -> None:
    errand = ERRANDS["refresh" if doing == "snapshot" else doing]

    def run(step: int) -> None:
        keys = errand.prepare(desk)
        steps.strike(doing, step, "STOP")
        with ThreadPoolExecutor(1) as worker:
            done = worker.submit(errand.run, desk, keys)
            standing = until(lambda: steps.struck)
            assert standing is not None
            until(lambda: is_stopped(standing) or done.done())
            afterwards(desk, standing, done.done)
            done.result()
        until(lambda: not alive(standing), "the end of the agent that stood still")
        stands(desk.fleet, ServerState.UP)

    keys = errand.prepare(desk)
    steps.strike(doing, 0)
    errand.run(desk, keys)
    total = until(lambda: steps.count)
    assert total is not None
    for step in spread(1, total + 1, count, doing):
        run(step)
    desk.check()
    desk.tidy()
    desk.check()


def test_an_agent_that_stands_still_makes_its_server_stale_until_another_takes_its_place(
    desk: Desk,
) -> None:
    keys = ERRANDS["refresh"].prepare(desk)
    (agent,) = agents(desk.site.sshd)
    os.kill(agent, signal.SIGSTOP)
    stands(desk.fleet, ServerState.STALE)
    os.kill(agent, signal.SIGKILL)
    ERRANDS["refresh"].run(desk, keys)
    stands(desk.fleet, ServerState.UP)
    desk.check()


def is_stopped(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    return False


def most_sends(desk: Desk) -> int:
    """How often the job was sent that was sent most often."""
    jobs = desk.fleet._record.get([each.key for each in desk.fleet.rows()])
    return max((job.sends for job in jobs), default=0)
