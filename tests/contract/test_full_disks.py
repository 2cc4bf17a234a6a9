"""Full disks and used-up inodes: what is refused in words, and how jobs end that meet them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from exauq_tui.errors import HardwareInterfaceFailureError, SimulatorOutputParsingError
from exauq_tui.hardware import JobId, JobStatus
from tests.contract.machines import (
    AnyInterface,
    Machine,
    alive,
    end_of,
    ends_of,
    job,
    run,
    wait_for_start,
    wait_until,
)
from tests.live.disks import fill, small_disk, use_up_inodes

NO_SPACE = "No space left on device"

WAITS_OUTSIDE = 'echo started; until [ -e "${0%/*}/go" ]; do sleep 0.05; done\n'
"""A simulator that waits for a file beside it, where there is room."""


@pytest.fixture
def disk(machine: Machine) -> Iterator[Path]:
    """A file system of 1 MiB, on which the machine's workspace is to be."""
    with small_disk(machine.root / "disk", 1024) as place:
        machine.workspace = place / "ws"
        yield place
        machine.clean_up()


@pytest.fixture
def few_inodes(machine: Machine) -> Iterator[Path]:
    """A file system for 150 files and directories, on which the workspace is to be."""
    with small_disk(machine.root / "disk", 4096, inodes=150) as place:
        machine.workspace = place / "ws"
        yield place
        machine.clean_up()


def jobs_there(machine: Machine) -> set[str]:
    return {entry.name for entry in machine.workspace.iterdir()} - {".exauq-tui"}


def claims(machine: Machine) -> list[Path]:
    return list((machine.workspace / ".exauq-tui").glob("claim-*"))


def started(machine: Machine, text: str, *numbers: int) -> AnyInterface:
    there = machine.interface(machine.script(text), cancel_grace=1.0)
    assert set(there.submit_jobs([job(number) for number in numbers]).values()) == {None}
    for number in numbers:
        wait_for_start(machine, number)
    return there


def go(machine: Machine) -> None:
    (machine.root / "go").touch()


def note_of(there: AnyInterface, number: int) -> str:
    (note,) = [each.note for each in there.look().reports if each.job_id == JobId(number)]
    return note


def test_a_submission_fails_in_words_and_harms_nothing(machine: Machine, disk: Path) -> None:
    there = machine.interface()
    run(there, 1)
    filler = fill(disk)
    results = there.submit_jobs([job(number) for number in (2, 3)])
    for error in results.values():
        assert isinstance(error, HardwareInterfaceFailureError)
        assert NO_SPACE in str(error)
    assert jobs_there(machine) == {"1"}
    wait_until(lambda: not claims(machine), "the end of what was set aside")
    assert there.get_job_output(JobId(1)) == 1.5
    assert {str(seen.job_id) for seen in there.look().reports} == {"1"}
    with pytest.raises(ValueError, match="already submitted"):
        there.submit_job(job(1))
    filler.unlink()
    run(there, 2, 3)
    assert there.get_job_output(JobId(3)) == 1.5


@pytest.mark.parametrize("leave", [1, 2, 3, 4, 6, 9])
def test_on_a_disk_that_fills_up_meanwhile_each_job_is_whole_or_not_there(
    machine: Machine, disk: Path, leave: int
) -> None:
    there = machine.interface()
    run(there, 1)
    filler = fill(disk, leave)
    numbers = range(2, 8)
    results = there.submit_jobs([job(number) for number in numbers])
    refused = [job_id for job_id, error in results.items() if error is not None]
    assert refused != []
    for job_id in refused:
        assert NO_SPACE in str(results[job_id])
        assert not machine.job_dir(str(job_id)).exists()
    filler.unlink()
    accepted = [str(job_id) for job_id in results if job_id not in refused]
    assert set(run(there, *map(str, refused)).values()) == {JobStatus.COMPLETED}
    # Those that were accepted ended too, as well as they could.
    ends_of(there, list(accepted))
    assert there.get_job_output(JobId(1)) == 1.5


def test_what_needs_more_room_than_there_is_is_refused_in_the_disk_s_words(
    machine: Machine, disk: Path
) -> None:
    there = machine.interface()
    run(there, 1)
    filler = fill(disk, leave=3)
    results = there.submit_jobs([job(number) for number in range(2, 1002)])
    assert {NO_SPACE in str(error) for error in results.values()} == {True}
    assert jobs_there(machine) == {"1"}
    filler.unlink()


def test_a_workspace_that_has_no_room_is_refused_in_words_and_made_later(
    machine: Machine, disk: Path
) -> None:
    there = machine.interface()
    filler = fill(disk)
    for _ in range(2):
        with pytest.raises(HardwareInterfaceFailureError, match=NO_SPACE):
            there.submit_job(job(1))
        # Room for the directories, and not for what goes into them.
        os.truncate(filler, filler.stat().st_size - 3 * 4096)
    filler.unlink()
    run(there, 1)
    assert there.get_job_output(JobId(1)) == 1.5


def test_a_job_whose_end_finds_the_disk_full_still_ends(machine: Machine, disk: Path) -> None:
    there = started(machine, 'echo 2.5 >"$2"; ' + WAITS_OUTSIDE, 1, 2)
    filler = fill(disk)
    go(machine)
    assert set(ends_of(there, [1, 2]).values()) == {JobStatus.COMPLETED}
    assert {seen.status for seen in there.look().reports} == {JobStatus.COMPLETED}
    assert there.get_job_output(JobId(1)) == 2.5
    filler.unlink()
    assert there.get_job_output(JobId(2)) == 2.5
    there.delete_workspace()


def test_an_output_that_found_no_room_is_an_error_and_never_a_number(
    machine: Machine, disk: Path
) -> None:
    there = started(machine, WAITS_OUTSIDE + 'echo 2.5 >"$2"\n', 1)
    filler = fill(disk)
    go(machine)
    assert end_of(there, 1) is JobStatus.COMPLETED
    for _ in range(2):
        with pytest.raises(SimulatorOutputParsingError, match="it is empty"):
            there.get_job_output(JobId(1))
        (report,) = there.look().reports
        assert (report.status, report.output_text) == (JobStatus.COMPLETED, None)
        filler.unlink(missing_ok=True)


def test_cancelling_on_a_full_disk_still_ends_the_job(machine: Machine, disk: Path) -> None:
    there = started(machine, "echo started; while :; do sleep 0.1; done", 1)
    simulator = (machine.job_dir(1) / "SIM").read_text().split()[0]
    filler = fill(disk)
    there.cancel_job(JobId(1))
    assert there.get_job_status(JobId(1)) is JobStatus.CANCELLED
    assert not alive(int(simulator))
    filler.unlink()


@pytest.mark.parametrize("leave", [0, 1, 3, 5, 9, 14])
def test_without_inodes_each_job_is_whole_or_not_there(
    machine: Machine, few_inodes: Path, leave: int
) -> None:
    there = machine.interface()
    run(there, 1)
    files = use_up_inodes(few_inodes, leave)
    numbers = [str(number) for number in range(2, 8)]
    results = there.submit_jobs([job(number) for number in numbers])
    refused = [str(job_id) for job_id, error in results.items() if error is not None]
    assert refused != []
    for number in refused:
        assert NO_SPACE in str(results[JobId(number)])
    accepted = [number for number in numbers if number not in refused]
    assert jobs_there(machine) == {"1", *accepted}
    for path in files.iterdir():
        path.unlink()
    there.close()
    again = machine.interface()  # at the latest whoever connects starts what was accepted
    assert set(run(again, *refused).values()) == {JobStatus.COMPLETED}
    assert set(ends_of(again, list(accepted)).values()) <= {JobStatus.COMPLETED, JobStatus.FAILED}


@pytest.mark.parametrize("with_output", [True, False])
def test_a_job_whose_end_finds_no_inode_ends_by_the_rule_when_it_is_looked_at(
    machine: Machine, few_inodes: Path, with_output: bool
) -> None:
    before, after = ('echo 2.5 >"$2"; ', "") if with_output else ("", 'echo 2.5 >"$2"\n')
    there = started(machine, before + WAITS_OUTSIDE + after, 1)
    files = use_up_inodes(few_inodes)
    go(machine)
    expected = JobStatus.COMPLETED if with_output else JobStatus.FAILED
    assert end_of(there, 1) is expected
    assert note_of(there, 1) == "end not witnessed, output may be partial"
    assert not (machine.job_dir(1) / expected.name).exists()
    assert there.get_job_output(JobId(1)) == (2.5 if with_output else None)
    for path in files.iterdir():
        path.unlink()
    assert there.get_job_status(JobId(1)) is expected
    assert (machine.job_dir(1) / expected.name).exists()
    assert note_of(there, 1) == "end not witnessed, output may be partial"


def test_a_cancel_that_finds_no_inode_is_refused_in_words_and_works_later(
    machine: Machine, few_inodes: Path
) -> None:
    there = started(machine, WAITS_OUTSIDE, 1)
    files = use_up_inodes(few_inodes)
    with pytest.raises(HardwareInterfaceFailureError, match=f"could not be cancelled.*{NO_SPACE}"):
        there.cancel_job(JobId(1))
    assert there.get_job_status(JobId(1)) is JobStatus.RUNNING
    for path in files.iterdir():
        path.unlink()
    there.cancel_job(JobId(1))
    assert there.get_job_status(JobId(1)) is JobStatus.CANCELLED


def test_a_quota_is_told_in_the_server_s_words(
    here: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    shims = here.root / "shims"
    shims.mkdir()
    words = "cannot create directory '7': Disk quota exceeded"
    (shims / "mkdir").write_text(
        f'#!/bin/sh\nfor word; do [ "$word" != 7 ] || {{ echo "mkdir: {words}" >&2; exit 1; }}; '
        'done\nexec /bin/mkdir "$@"\n'
    )
    (shims / "mkdir").chmod(0o755)
    monkeypatch.setenv("PATH", f"{shims}:{os.environ['PATH']}")
    there = here.interface()
    results = there.submit_jobs([job(7)])
    assert str(results[JobId(7)]).endswith(": Disk quota exceeded")
