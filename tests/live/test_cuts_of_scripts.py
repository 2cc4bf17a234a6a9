"""The library alone, cut at every point: a script that says it again has it done once."""

from __future__ import annotations

import pytest

from exauq_tui.hardware.status import JobStatus
from tests.figures import Tell
from tests.live.conftest import MakeSite
from tests.live.cuts import carried, points, some
from tests.live.ledger import SIMULATOR, UNTIL_GO
from tests.live.proxy import Direction, Proxy
from tests.live.sshd import Sshd
from tests.live.visits import VERBS, Visit, say
from tests.unit.fake_interfaces import until

pytestmark = pytest.mark.live


@pytest.mark.parametrize(
    "count", [3, pytest.param(None, marks=pytest.mark.long)], ids=["few", "all"]
)
@pytest.mark.parametrize("direction", Direction, ids=lambda way: way.name.lower())
@pytest.mark.parametrize("name", VERBS)
def test_what_was_cut_off_anywhere_is_done_once_when_it_is_said_again(
    quiet_sshd: Sshd,
    proxy: Proxy,
    make_site: MakeSite,
    name: str,
    direction: Direction,
    count: int | None,
    tell: Tell,
) -> None:
    site = make_site(quiet_sshd, port=proxy.port, program="bash", simulator=SIMULATOR)
    verb = VERBS[name]
    visit = Visit(site, 1)
    verb.prepare(visit)
    with visit.reach() as there:
        there.connect()
        connected = carried(proxy, direction)
        verb.say(there, visit)
        whole = carried(proxy, direction)
        verb.check(there, visit)
    if name in ("submit", "submit by another"):
        where = points(proxy, direction, 0, whole)
    else:  # connecting is alike for all verbs
        where = [
            point for point in points(proxy, direction, 0, whole, times=2) if point >= connected
        ]
    where = some(where, count, name)
    for number, point in enumerate(where, start=2):
        visit = Visit(site, number)
        verb.prepare(visit)
        proxy.cut_after(point, direction)
        say(verb, visit)
        proxy.never_cut()
        visit.leaves_nothing()
    assert proxy.traffic().cuts >= max(1, len(where) // 3)
    if count is None:
        tell(points=len(where), cuts=proxy.traffic().cuts)


def test_a_link_that_breaks_again_and_again_is_no_reason_to_push_no_more(
    quiet_sshd: Sshd, proxy: Proxy, make_site: MakeSite
) -> None:
    site = make_site(quiet_sshd, port=proxy.port, program="bash", simulator=SIMULATOR)
    visit = Visit(site, 1)
    visit.have(UNTIL_GO, JobStatus.RUNNING, JobStatus.RUNNING, JobStatus.SUBMITTED)
    with visit.reach() as there:
        there.on_news(lambda: None)
        for _ in range(5):
            cursor = there.look().cursor
            assert there.is_pushing
            proxy.cut()
            until(lambda: not there.is_pushing, "the end of the connection")
            assert there.look(cursor).reports == ()
