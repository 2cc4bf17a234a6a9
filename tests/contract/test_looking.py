"""Looking: what changed since the last time, and what cannot be trusted."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from exauq_tui.hardware import JobId, JobStatus
from exauq_tui.hardware.interface import Look
from exauq_tui.hardware.script_jobs import ScriptJobs
from tests.contract.machines import (
    WAITS,
    Machine,
    end_of,
    ends_of,
    job,
    run,
    wait_for_start,
    wait_until,
)


def statuses(look: Look) -> dict[str, JobStatus]:
    return {str(report.job_id): report.status for report in look.reports}


def journal(machine: Machine) -> Path:
    return machine.workspace / ".exauq-tui" / "journal"


def test_the_first_look_tells_everything_and_the_next_only_what_changed(machine: Machine) -> None:
    there = machine.interface(machine.script(WAITS))
    there.submit_jobs([job(1), job(2)])
    for number in (1, 2):
        wait_for_start(machine, number)
    first = there.look()
    assert first.complete
    assert statuses(first) == {"1": JobStatus.RUNNING, "2": JobStatus.RUNNING}
    quiet = there.look(first.cursor)
    assert not quiet.complete
    assert quiet.reports == ()
    machine.let_go(1)
    end_of(there, 1)
    cursor = quiet.cursor
    changes: dict[str, JobStatus] = {}

    def told() -> bool:
        nonlocal cursor
        look = there.look(cursor)
        assert not look.complete
        cursor = look.cursor
        changes.update(statuses(look))
        return bool(changes)

    wait_until(told, "the news")
    assert changes == {"1": JobStatus.COMPLETED}
    assert there.look(cursor).reports == ()
    machine.let_go(2)
    end_of(there, 2)


def test_a_change_tells_the_times_the_exit_code_and_a_short_output(machine: Machine) -> None:
    there = machine.interface(machine.script('echo 2.75 >"$2"; exit 4'))
    there.make_workspace()
    cursor = there.look().cursor
    there.submit_jobs_once([job(1)], {JobId(1): "abc123"})
    end_of(there, 1)
    wait_until(
        lambda: statuses(there.look(cursor)) == {"1": JobStatus.COMPLETED}, "the journal's line"
    )
    (report,) = there.look(cursor).reports
    assert (report.exit_code, report.output_text, report.token) == (4, "2.75", "abc123")
    assert report.submitted is not None
    assert report.started is not None
    assert report.finished is not None
    assert report.submitted <= report.started <= report.finished
    (complete,) = there.look().reports
    assert complete == report


def test_deleted_jobs_are_told_as_deleted(machine: Machine) -> None:
    there = machine.interface()
    run(there, 1, 2)
    cursor = there.look().cursor
    there.delete_remote_job_dir(JobId(1))
    look = there.look(cursor)
    assert (look.complete, look.reports, look.deleted) == (False, (), (JobId(1),))
    run(there, 1)
    look = there.look(cursor)
    assert JobId(1) not in look.deleted
    assert set(statuses(look)) == {"1"}
    assert set(statuses(there.look())) == {"1", "2"}


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "5",
        "null",
        "[]",
        "{}",
        '"text"',
        '{"workspace": 1}',
        '{"workspace": "WS"}',
        '{"workspace": "WS", "generation": 1, "offset": "x", "due": 1e99, "foreign": false}',
        '{"workspace": "WS", "generation": "other", "offset": 5, "due": 1e99, "foreign": false}',
        '{"workspace": "WS", "generation": "-", "offset": 5, "due": 1e99, "foreign": false}',
    ],
)
def test_a_cursor_of_no_use_gives_everything(here: Machine, cursor: str) -> None:
    there = here.interface()
    run(there, 1)
    look = there.look(cursor.replace("WS", str(here.workspace)))
    assert look.complete
    assert set(statuses(look)) == {"1"}


def test_a_cursor_of_another_workspace_gives_everything(here: Machine) -> None:
    first, second = here.interface(), here.interface(workspace=here.root / "other")
    run(first, 1)
    run(second, 2)
    assert set(statuses(second.look(first.look().cursor))) == {"2"}


def test_a_workspace_that_is_gone_is_a_complete_look_without_jobs(machine: Machine) -> None:
    there = machine.interface()
    assert there.look() == Look("", complete=True, reports=())
    run(there, 1)
    cursor = there.look().cursor
    shutil.rmtree(machine.workspace)
    for look in (there.look(cursor), there.look()):
        assert look.complete
        assert look.reports == ()


def test_a_directory_that_somebody_removed_is_missing_from_a_complete_look(
    machine: Machine,
) -> None:
    there = machine.interface()
    run(there, 1, 2)
    shutil.rmtree(machine.job_dir(1))
    look = there.look()
    assert look.complete
    assert set(statuses(look)) == {"2"}


def damaged_looks(there: ScriptJobs, cursor: str, number: int) -> None:
    """Whatever became of the journal: this look and the following ones tell the truth."""
    look = there.look(cursor)
    known = statuses(look)
    if not look.complete:
        # A line that follows its flag may come after the first look, and tells what that told.
        assert set(known.values()) <= {JobStatus.COMPLETED}
    there.submit_job(job(number))
    end_of(there, number)

    def caught_up() -> bool:
        nonlocal look
        look = there.look(look.cursor)
        assert set(statuses(look)) <= {"1", "2", str(number)}
        known.update(statuses(look))
        return known.get(str(number)) is JobStatus.COMPLETED

    wait_until(caught_up, "the news after the damage")
    assert set(there.look().reports) >= set(look.reports)


JOURNALS: dict[str, Callable[[Path], object]] = {
    "removed": lambda path: path.unlink(),
    "emptied": lambda path: path.write_bytes(b""),
    "cut off in a line": lambda path: path.write_bytes(path.read_bytes()[:-7]),
    "cut off between lines": lambda path: path.write_bytes(
        b"".join(path.read_bytes().splitlines(keepends=True)[:2])
    ),
    "replaced": lambda path: path.write_text("exauq-journal 1 other\n" + "9 R - - - - - - \n" * 99),
    "of the same name but shorter lines": lambda path: path.write_bytes(
        path.read_bytes().splitlines(keepends=True)[0] + b"999999 R 1 2 - - token - \n" * 400
    ),
    "without its first line": lambda path: path.write_bytes(
        b"".join(path.read_bytes().splitlines(keepends=True)[1:])
    ),
}


@pytest.mark.parametrize("damage", JOURNALS.values(), ids=JOURNALS)
def test_a_journal_that_was_changed_under_us_misleads_nobody(
    here: Machine, damage: Callable[[Path], object]
) -> None:
    there = here.interface()
    run(there, 1, 2)
    cursor = there.look().cursor
    damage(journal(here))
    damaged_looks(there, cursor, 3)


@pytest.mark.parametrize(
    "line",
    [
        b"garbage\n",
        b"1 Z 1 2 3 0 t - \n",
        b"\n",
        b"\0\0\0\0\n",
        b"\xff\xfe\n",
        b"1 C x\n",
        b"9" * 5000,
    ],
)
def test_a_garbage_line_gives_everything_and_is_then_passed_over(
    here: Machine, line: bytes
) -> None:
    there = here.interface()
    run(there, 1, 2)
    cursor = there.look().cursor
    with journal(here).open("ab") as file:
        file.write(line)
    if line.strip(b"\0\n") and line.endswith(b"\n"):
        look = there.look(cursor)
        assert look.complete
        assert set(statuses(look)) == {"1", "2"}
        assert not there.look(look.cursor).complete
    elif not line.endswith(b"\n"):
        assert there.look(cursor).reports == ()  # half a line, so far
    damaged_looks(there, cursor, 3)


def test_half_a_line_counts_when_it_is_whole(here: Machine) -> None:
    there = here.interface()
    run(there, 1)
    # The flag that tells of an end comes before the line in the journal.
    wait_until(lambda: b"\n1 C " in journal(here).read_bytes(), "the last line of the job")
    cursor = there.look().cursor
    with journal(here).open("ab", buffering=0) as file:
        file.write(b"77 R 1 2 - ")
        look = there.look(cursor)
        assert (look.complete, look.reports) == (False, ())
        file.write(b"- token - \n")
    assert statuses(there.look(look.cursor)) == {"77": JobStatus.RUNNING}


def test_a_complete_look_is_due_again_after_a_while(here: Machine) -> None:
    there = here.interface()
    run(there, 1)
    look = there.look()
    cursor = json.loads(look.cursor)
    assert not there.look(json.dumps(cursor)).complete
    cursor["due"] = 0.0
    assert there.look(json.dumps(cursor)).complete


def test_an_end_that_nobody_wrote_down_is_found_by_a_complete_look(machine: Machine) -> None:
    there = machine.interface(machine.script(WAITS))
    there.submit_job(job(1))
    wait_for_start(machine, 1)
    first = there.look()
    os.killpg(int((machine.job_dir(1) / "PID").read_text()), 9)
    wait_until(lambda: statuses(there.look()) == {"1": JobStatus.FAILED}, "the end to be found")
    # And it was written down, so that others need not find it.
    assert statuses(there.look(first.cursor)) == {"1": JobStatus.FAILED}


def test_many_jobs_are_told_in_one_look(machine: Machine) -> None:
    there = machine.interface()
    numbers = range(1, 81)
    results = there.submit_jobs([job(number) for number in numbers])
    assert set(results.values()) == {None}
    ends_of(there, numbers)
    look = there.look()
    assert set(statuses(look)) == {str(number) for number in numbers}
    assert set(statuses(look).values()) == {JobStatus.COMPLETED}


def test_entries_that_are_no_jobs_are_not_told_and_not_counted(machine: Machine) -> None:
    there = machine.interface()
    run(there, 1)
    for name in ("results", "12a", "007", ".hidden", "..odd", "new\nline", "-n", "é"):
        (machine.workspace / name).mkdir()
    (machine.workspace / "99").write_text("a file")
    assert set(statuses(there.look())) == {"1"}
    summary = there.describe_workspace()
    assert (summary.path, summary.jobs, summary.running) == (str(machine.workspace), 1, 0)
    assert sorted(summary.others) == sorted(
        ["results", "12a", "007", ".hidden", "..odd", "new\nline", "-n", "é", "99"]
    )
