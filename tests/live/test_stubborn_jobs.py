"""Jobs that do not want to end, cancelled from the dashboard on a real server."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from exauq_tui.hardware.script_ending import CANCEL_GRACE
from exauq_tui.hardware.status import JobStatus
from exauq_tui.jobs import Input
from exauq_tui.monitor.fleet import Fleet
from tests.app.harness import Dashboard, until
from tests.contract.machines import alive, every_process
from tests.live.site import Site
from tests.live.sshd import Account, StartSshd
from tests.unit.fake_interfaces import row

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("quick_retries")]

# What a job does depends on its input; what it starts and is to end is noted.
SIMULATOR = r"""
here=${0%/*}
note() { echo "$1" >>"$here/pids"; }
lasts() { while :; do sleep 0.1; done; }
case ${3-} in
    daemon) note $$; exec sleep 1000 ;;
    [0-9]*) [[ $3 -lt 20000 ]] && bash "$0" - - $(($3 + 1)) & exit ;;
esac
read -r line <"$1"
case $line in
    1) note $$; trap '' TERM ;;
    2) for i in {1..50}; do sleep 1000 & note $!; done ;;
    3) setsid sleep 1000 & note $! ;;
    4) (setsid bash "$0" - - daemon &) ;;
    5) set -m; sleep 1000 & note $! ;;
    6) trap 'setsid sleep 1000 & note $!; exit' TERM ;;
    7) trap '' TERM; bash "$0" - - 1 & ;;
    8) "$here/elevate" --reuid=0 --clear-groups sleep 1000 & echo $! >"$here/survivor" ;;
esac
echo started
lasts
"""
STUBBORN, SURVIVOR = range(1, 8), 8


@pytest.fixture
def site(start_password_sshd: StartSshd, account: Account) -> Iterator[Site]:
    """A site of an ordinary account that can start a process of root's: one it cannot end."""
    sshd = start_password_sshd()
    directory = sshd.directory / "site"
    directory.mkdir()
    site = Site(directory, sshd, program="bash", simulator=SIMULATOR)
    elevate = site.directory / "elevate"
    program = shutil.which("setpriv")
    assert program is not None
    shutil.copy(program, elevate)
    elevate.chmod(0o4755)
    shutil.chown(site.directory, account.name)
    yield site
    for name in ("survivor", "pids"):
        for pid in numbers(site.directory / name):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    site.close()


def numbers(path: Path) -> list[int]:
    return [int(word) for word in path.read_text().split()] if path.exists() else []


def have_started(fleet: Fleet) -> bool:
    directories = [Path(each.directory) for each in fleet.rows() if each.directory]
    logs = [log for directory in directories for log in directory.glob("*.out")]
    return len(logs) == SURVIVOR and all(log.stat().st_size for log in logs)


async def test_stubborn_jobs_cost_one_grace_and_survivors_are_told_by_their_pids(
    site: Site,
) -> None:
    fleet = site.fleet(start=False)
    app = Dashboard(fleet, clock=time.time)
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        keys = fleet.submit("hpc1", [Input(number) for number in (*STUBBORN, SURVIVOR)])
        await until(pilot, lambda: have_started(fleet), 60)
        await until(pilot, lambda: app.model.counts[JobStatus.RUNNING] == len(keys), 60)
        chain = int((Path(row(fleet, keys[6]).directory) / "PGID").read_text())
        begun = time.monotonic()
        await pilot.press("a", "c", "y")
        await until(pilot, lambda: "⋯ Pending cancel" in app.text())
        await until(pilot, lambda: app.model.counts[JobStatus.CANCELLED] == len(STUBBORN), 60)
        took = time.monotonic() - begun
        assert CANCEL_GRACE <= took < 2 * CANCEL_GRACE + 5
        with suppress(ProcessLookupError):
            os.killpg(chain, signal.SIGSTOP)  # so that what there may be can be seen
        assert [pid for pid, *_, session in every_process() if session == chain] == []
        assert [pid for pid in numbers(site.directory / "pids") if alive(pid)] == []

        # What survives is told in the table and, by its number, beside it.
        await until(pilot, lambda: app.model.counts[JobStatus.FAILED_CANCEL] == 1, 60)
        (survivor,) = numbers(site.directory / "survivor")
        assert alive(survivor)
        now = row(fleet, keys[-1])
        assert now.error.startswith("still running: process")
        assert str(survivor) in now.error.split()
        await pilot.press("g")
        await until(pilot, lambda: app.lines()[1].startswith("▸▪ ‼ Failed cancel"))
        assert f"process {survivor}" in app.text()

        # It stays watched.
        os.kill(survivor, signal.SIGKILL)
        await pilot.press("r")
        await until(pilot, lambda: app.model.counts[JobStatus.CANCELLED] == len(keys), 60)
        assert row(fleet, keys[-1]).error == ""
        assert "still running" not in app.text()
