"""The connection cut at every point of every verb: nothing is lost, doubled or made up.

A proxy cuts the connection after so many bytes in one direction: within each piece and after each
piece of what the undisturbed verb takes, or at a few of these points.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from exauq_tui.hardware.status import JobStatus
from exauq_tui.jobs import Input
from exauq_tui.monitor.snapshot import ServerState
from tests.figures import Tell
from tests.live.conftest import MakeSite
from tests.live.cuts import carried, points, some
from tests.live.errands import ERRANDS, Desk, left_in
from tests.live.ledger import QUICK, SIMULATOR, Ledger
from tests.live.proxy import Direction, Proxy
from tests.live.sshd import Sshd
from tests.unit.fake_interfaces import reaches, stands, until

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("quick_retries")]

either_way = pytest.mark.parametrize("direction", Direction, ids=lambda way: way.name.lower())
few_or_all = pytest.mark.parametrize(
    "count", [2, pytest.param(None, marks=pytest.mark.long)], ids=["few", "all"]
)


@pytest.fixture
def desk(quiet_sshd: Sshd, proxy: Proxy, make_site: MakeSite) -> Iterator[Desk]:
    made = Desk(make_site(quiet_sshd, port=proxy.port, program="bash", simulator=SIMULATOR))
    yield made
    made.close()


def sweep(
    desk: Desk,
    proxy: Proxy,
    direction: Direction,
    count: int | None,
    prepare: Callable[[], tuple[int, ...]],
    run: Callable[[tuple[int, ...]], None],
    tell: Tell,
    times: int = 1,
) -> None:
    """Do something once undisturbed, then for each point or as often as is told, cut there."""
    if count is None:
        run(prepare())  # the first time takes more, such as making the workspace
    keys = prepare()
    before = carried(proxy, direction)
    run(keys)
    where = points(proxy, direction, before, carried(proxy, direction), times)
    where = some(where, count, direction.name)
    for point in where:
        keys = prepare()
        proxy.cut_after(point, direction)
        run(keys)
        proxy.never_cut()
        stands(desk.fleet, ServerState.UP)
    desk.check()
    # What comes by itself, such as news, is not the same each time.
    assert proxy.traffic().cuts >= max(1, len(where) // 3)
    if count is None:
        tell(points=len(where), cuts=proxy.traffic().cuts)
    desk.tidy()
    desk.check()


@few_or_all
@either_way
@pytest.mark.parametrize("name", ERRANDS)
def test_a_fleet_gets_over_a_cut_anywhere_in_a_verb(
    desk: Desk, proxy: Proxy, name: str, direction: Direction, count: int | None, tell: Tell
) -> None:
    errand = ERRANDS[name]
    sweep(
        desk,
        proxy,
        direction,
        count,
        lambda: errand.prepare(desk),
        lambda keys: errand.run(desk, keys),
        tell,
        times=4,
    )


@few_or_all
@either_way
def test_a_fleet_gets_over_a_cut_anywhere_while_it_connects(
    desk: Desk, proxy: Proxy, direction: Direction, count: int | None, tell: Tell
) -> None:
    waiting = ERRANDS["refresh"]

    def prepare() -> tuple[int, ...]:
        keys = waiting.prepare(desk)
        proxy.cut()
        return keys

    def run(keys: tuple[int, ...]) -> None:
        keys += desk.submit(QUICK)
        waiting.run(desk, keys)

    sweep(desk, proxy, direction, count, prepare, run, tell)


@few_or_all
@either_way
def test_a_fleet_makes_one_workspace_wherever_it_is_cut_meanwhile(
    quiet_sshd: Sshd, proxy: Proxy, make_site: MakeSite, direction: Direction, count: int | None
) -> None:
    site = make_site(quiet_sshd, port=proxy.port, program="bash", simulator=SIMULATOR)
    profile = replace(site.profile, workspace_dir=None)
    ledger = Ledger(site.directory)

    def submit(number: int) -> list[int]:
        """Make the first contact and a workspace; give where that can be cut."""
        fleet = site.fleet(profile, record=f"record {number}", start=False)
        (key,) = fleet.submit("hpc1", [Input(QUICK, number)])
        before = carried(proxy, direction)
        fleet.start()
        job = reaches(fleet, key, JobStatus.COMPLETED)
        proxy.never_cut()
        taken = points(proxy, direction, before, carried(proxy, direction))
        made = list(site.directory.glob("exauq*"))
        assert len(made) == number, made
        assert [path for path in made if str(path) in job.directory] != []
        fleet.stop()
        return taken

    where = some(submit(1), count, direction.name)
    for number, point in enumerate(where, start=2):
        proxy.cut_after(point, direction)
        submit(number)
    assert set(ledger.runs().values()) == {1}
    assert len(ledger.runs()) == len(where) + 1
    workspaces = list(site.directory.glob("exauq*"))
    until(lambda: all(len(left_in(each)) == 1 for each in workspaces), "one job in each of them")
