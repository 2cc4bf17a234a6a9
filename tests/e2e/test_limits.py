"""How many jobs run at once follows `max_running` while they run, by whichever way it is set."""

from __future__ import annotations

from pathlib import Path

import pytest

from exauq_tui.hardware import UnixServerScriptInterface
from exauq_tui.hardware.status import JobStatus
from exauq_tui.jobs import Input
from tests.e2e.conftest import OpenFleet
from tests.e2e.site import Site
from tests.e2e.terminal import wait_until
from tests.e2e.test_main_job import make_points
from tests.live.sshd import Sshd

TIMED, WAITING = 48, 12


def slot_holders(site: Site) -> int:
    """How many jobs have a slot, whether or not they told the ledger that they began."""
    slots = (site.workspace / ".exauq-tui" / "slots").read_text().split()
    return sum(not (site.workspace / job_id / "COMPLETED").exists() for job_id in set(slots))


def set_limit(site: Site, sshd: Sshd, limit: int) -> None:
    """Set the limit by the library's keyword, which connecting does."""
    UnixServerScriptInterface(
        sshd.user,
        sshd.host,
        "python3",
        site.directory / "simulator.py",
        "lab",
        1,
        site.workspace,
        sshd.keys.ed25519,
        port=sshd.port,
        known_hosts=sshd.known_hosts,
        max_running=limit,
    ).close()


@pytest.mark.live
def test_a_limit_that_is_raised_lowered_and_taken_away_counts_at_once_and_loses_no_job(
    place: Path, sshd: Sshd, open_fleet: OpenFleet
) -> None:
    site = Site(place, sshd, max_running=2)
    ledger = site.ledger
    points = make_points(TIMED, seed=23, seconds=(0.2, 0.6))
    points += make_points(WAITING, seed=24, seconds=(60.0, 60.0))  # they wait for the gate
    fleet = open_fleet()
    fleet.submit("lab", [Input(*point) for point in points])
    wait_until(lambda: ledger.ends().total() >= 6, "six jobs have ended")
    assert ledger.most_at_once() == 2

    set_limit(site, sshd, 5)
    wait_until(lambda: ledger.most_at_once() == 5, "five jobs run at once")
    began = ledger.starts().total()
    wait_until(lambda: ledger.starts().total() >= began + 5, "five more have begun")
    assert ledger.most_at_once() == 5

    site.configure(max_running=1)  # what a person writes into the profile ...
    wait_until(lambda: fleet.server("lab").workspace, "the first fleet is there")
    open_fleet()  # ... counts from the next connection on
    limit = site.workspace / ".exauq-tui" / "max_running"
    wait_until(lambda: limit.read_text() == "1\n", "the limit is set")
    wait_until(lambda: slot_holders(site) <= 1, "one job runs at most")
    since, began = ledger.length(), ledger.starts().total()
    wait_until(lambda: ledger.starts().total() >= began + 5, "five more have begun")
    assert ledger.most_at_once(since) == 1

    set_limit(site, sshd, 0)
    wait_until(lambda: len(ledger.running()) == WAITING, "all that wait run at once")
    site.gate.touch()

    wait_until(lambda: all(row.output is not None for row in fleet.rows()), "all outputs are known")
    assert {row.status for row in fleet.rows()} == {JobStatus.COMPLETED}
    assert set(ledger.starts().values()) == {1}
    assert set(ledger.ends()) == set(points)
