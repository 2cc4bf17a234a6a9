"""Full disks at either end of a fleet: what a person sees, and that nothing is lost or doubled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from exauq_tui.errors import RecordError
from exauq_tui.hardware.status import JobStatus
from exauq_tui.jobs import Input
from exauq_tui.monitor.fleet import Fleet
from exauq_tui.monitor.snapshot import ServerState
from tests.live.conftest import MakeSite
from tests.live.disks import fill, small_disk, use_up_inodes
from tests.live.site import Site
from tests.live.sshd import Sshd
from tests.unit.fake_interfaces import TIMEOUT, reaches, row, stands, until

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("quick_retries")]

NO_SPACE = "No space left on device"
COMPLETED = JobStatus.COMPLETED

# Each writes its input to the ledger and, where there is room, to its output; the second one
# when it may.
_BEGINS = 'read -r line <"$1"; echo "$line" >>"${0%/*}/ledger"; '
QUICK = _BEGINS + 'echo "$line" >"$2"\n'
WAITS = _BEGINS + 'until [ -e "${0%/*}/go" ]; do sleep 0.05; done; echo "$line" >"$2"\n'


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB."""
    with small_disk(tmp_path / "disk", 8192) as place:
        yield place


@pytest.fixture
def few_inodes(tmp_path: Path) -> Iterator[Path]:
    """A file system for 200 files and directories."""
    with small_disk(tmp_path / "disk", 8192, inodes=200) as place:
        yield place


@pytest.fixture
def site(make_site: MakeSite, sshd: Sshd) -> Site:
    return make_site(sshd, program="bash", simulator=QUICK)


def fleet_on(disk: Path, site: Site) -> Fleet:
    """Make a fleet whose workspace is on a disk, and let it come up."""
    site.workspace = disk / "ws"
    site.profile = replace(site.profile, workspace_dir=str(site.workspace))
    fleet = site.fleet()
    stands(fleet, ServerState.UP)
    return fleet


def texts(fleet: Fleet, key: int) -> list[str]:
    return [event.text for event in fleet.events(key)]


def test_jobs_that_a_full_disk_refuses_are_kept_and_run_once_when_there_is_room(
    disk: Path, site: Site
) -> None:
    fleet = fleet_on(disk, site)
    (first,) = fleet.submit("hpc1", [Input(1)])
    reaches(fleet, first, COMPLETED)
    filler = fill(disk)
    keys = fleet.submit("hpc1", [Input(n) for n in range(2, 14)], batch="dozen")
    for key in keys:
        now = reaches(fleet, key, JobStatus.FAILED_SUBMIT)
        assert NO_SPACE in now.error
        assert now.job_id in now.error
        assert NO_SPACE in texts(fleet, key)[-1]
    assert [entry.name for entry in site.workspace.glob("[0-9]*")] == [row(fleet, first).job_id]
    fleet.stop()
    fleet = site.fleet()  # the record tells the same to whoever comes next
    for number, key in enumerate(keys, 2):
        now = row(fleet, key)
        assert now.status is JobStatus.FAILED_SUBMIT
        assert (now.inputs, now.batch) == ((number,), "dozen")
    filler.unlink()
    for number, key in enumerate(fleet.resubmit(keys), 2):
        reaches(fleet, key, COMPLETED)
        until(lambda key=key, number=number: row(fleet, key).output == number)  # type: ignore[misc]
    assert Counter(site.ledger()) == Counter(str(n) for n in range(1, 14))


@pytest.mark.parametrize(
    "leave", [12, *(pytest.param(blocks, marks=pytest.mark.long) for blocks in range(1, 48, 2))]
)
def test_on_a_disk_that_fills_up_meanwhile_no_job_gets_a_number_that_it_did_not_write(
    disk: Path, site: Site, leave: int
) -> None:
    fleet = fleet_on(disk, site)
    (first,) = fleet.submit("hpc1", [Input(1)])
    reaches(fleet, first, COMPLETED)
    filler = fill(disk, leave)
    keys = fleet.submit("hpc1", [Input(n) for n in range(2, 14)])
    ended = (COMPLETED, JobStatus.FAILED, JobStatus.FAILED_SUBMIT)
    refused = []
    for number, key in enumerate(keys, 2):
        now = until_told(fleet, key, *ended)
        if now is JobStatus.FAILED_SUBMIT:
            assert NO_SPACE in row(fleet, key).error
            refused.append(key)
        elif now is COMPLETED:
            until(lambda key=key: row(fleet, key).output or row(fleet, key).output_error)  # type: ignore[misc]
            assert row(fleet, key).output in (None, number)
    assert refused != []
    filler.unlink()
    for key in fleet.resubmit(refused):
        reaches(fleet, key, COMPLETED)
    assert max(Counter(site.ledger()).values()) == 1


def until_told(fleet: Fleet, key: int, *statuses: JobStatus) -> JobStatus:
    """Wait for one of some statuses, looking anew: a full disk keeps news from being written."""

    def told() -> bool:
        fleet.look_now()
        return row(fleet, key).status in statuses

    until(told, f"an end of job {key}")
    return row(fleet, key).status


def test_an_output_that_found_no_room_is_told_and_is_no_number(
    disk: Path, make_site: MakeSite, sshd: Sshd
) -> None:
    site = make_site(sshd, program="bash", simulator=WAITS)
    fleet = fleet_on(disk, site)
    keys = fleet.submit("hpc1", [Input(7.25), Input(8.5)])
    for key in keys:
        reaches(fleet, key, JobStatus.RUNNING)
    filler = fill(disk)
    site.go()
    for key in keys:
        until_told(fleet, key, COMPLETED)
        until(lambda key=key: row(fleet, key).output_error)  # type: ignore[misc]
        assert row(fleet, key).output is None
        assert "it is empty" in row(fleet, key).output_error
        assert "it is empty" in str(fleet.fetch_outputs([key]).result(TIMEOUT)[key])
    filler.unlink()
    again = fleet.resubmit(keys)
    for key, number in zip(again, (7.25, 8.5), strict=True):
        reaches(fleet, key, COMPLETED)
        until(lambda key=key, number=number: row(fleet, key).output == number)  # type: ignore[misc]


def test_a_job_that_ends_when_nothing_can_be_written_down_ends_once_it_is_looked_at(
    few_inodes: Path, make_site: MakeSite, sshd: Sshd
) -> None:
    site = make_site(sshd, program="bash", simulator=WAITS)
    fleet = fleet_on(few_inodes, site)
    (key,) = fleet.submit("hpc1", [Input(7.25)])
    reaches(fleet, key, JobStatus.RUNNING)
    files = use_up_inodes(few_inodes)
    assert fleet.cancel([key]).asked == (key,)
    assert NO_SPACE in reaches(fleet, key, JobStatus.FAILED_CANCEL).error
    site.go()
    until_told(fleet, key, JobStatus.FAILED)
    assert row(fleet, key).note == "end not witnessed, output may be partial"
    (refused,) = fleet.submit("hpc1", [Input(9)])
    assert NO_SPACE in reaches(fleet, refused, JobStatus.FAILED_SUBMIT).error
    for path in files.iterdir():
        path.unlink()
    for old, number in ((key, 7.25), (refused, 9)):
        (new,) = fleet.resubmit([old])
        reaches(fleet, new, COMPLETED)
        until(lambda new=new, number=number: row(fleet, new).output == number)  # type: ignore[misc]
    assert row(fleet, key).status is JobStatus.FAILED


def submit_until_refused(fleet: Fleet) -> str:
    """Submit fewer and fewer jobs at once until there is no room for one; give the words."""
    words = ""
    for number in (100, 10, 1):
        for _ in range(1000):
            try:
                fleet.submit("hpc1", [Input(number, n) for n in range(number)])
            except RecordError as error:
                words = str(error)
                break
        else:
            raise AssertionError("there is room without end")
    return words


def test_without_room_for_the_record_nothing_is_sent_and_what_runs_is_told_later(
    disk: Path, make_site: MakeSite, sshd: Sshd
) -> None:
    site = make_site(sshd, program="bash", simulator=WAITS)
    site.records = disk
    fleet = site.fleet()
    (first,) = fleet.submit("hpc1", [Input(7)])
    reaches(fleet, first, JobStatus.RUNNING)
    filler = fill(disk)
    assert "disk is full" in submit_until_refused(fleet)
    accepted = [each.key for each in fleet.rows()]
    site.go()
    assert "disk is full" in stands(fleet, ServerState.FAULT).message
    assert row(fleet, first).status is JobStatus.RUNNING
    filler.unlink()
    (last,) = fleet.submit("hpc1", [Input(8)])
    for key in (*accepted, last):
        reaches(fleet, key, COMPLETED)
    stands(fleet, ServerState.UP)
    assert sorted(each.key for each in fleet.rows()) == sorted([*accepted, last])
    assert sum(Counter(site.ledger()).values()) == len(accepted) + 1
