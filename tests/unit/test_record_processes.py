"""The record of jobs between processes that race, die, or meet a full disk."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from exauq_tui.jobs import Input
from exauq_tui.monitor.record import Record

TIMEOUT = 120

HEAD = """
import json, sys
from pathlib import Path
from exauq_tui.errors import RecordError
from exauq_tui.jobs import Input
from exauq_tui.monitor.record import Record

PLACE = ("hpc1", "alice@hpc1:22", "/w")
path, name = Path(sys.argv[1]), sys.argv[2]

def say(value):
    print(json.dumps(value), flush=True)

def add(count):
    return [job.job_id for job in record.add_jobs(*PLACE, True, [Input(1, 2)] * count)]
"""

ADD = """
record = Record.open(path)
say("ready")
input()
say([job_id for _ in range(20) for job_id in add(10)])
"""

OPEN_ANEW = """
say("ready")
input()
record = Record.open(path)
say(add(1))
"""

LEASE = """
record = Record.open(path)
say("ready")
input()
taken = []
while jobs := record.lease(*PLACE, name, 300, 7, "submit"):
    jobs = [job for job in jobs if job.key not in taken]
    taken += [job.key for job in jobs]
    record.apply([JobUpdate(job.key, status=JobStatus.SUBMITTED) for job in jobs], release=name)
say(taken)
"""
LEASE = f"""
from exauq_tui.hardware.status import JobStatus
from exauq_tui.monitor.stored_job import JobUpdate
{LEASE}"""

ADD_FOR_EVER = """
record = Record.open(path)
while True:
    say(add(3))
"""

FULL_DISK = """
import resource
record = Record.open(path)
say(add(50))
limit = path.with_name(path.name + "-wal").stat().st_size + 20000
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
done = []
try:
    while True:
        done += add(5)
except RecordError as error:
    say(done)
    say(str(error))
say(len(record.load()))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
say(add(5))
"""

NO_ROOM_AT_ALL = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
try:
    Record.open(path)
except RecordError as error:
    say(str(error))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
record = Record.open(path)
say(add(5))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "jobs.sqlite3"


def start(script: str, path: Path, name: str = "") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HEAD + script, str(path), name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def race(script: str, path: Path, count: int) -> list[list[Any]]:
    """Run a script in several processes, which begin together; what each of them says."""
    processes = [start(script, path, f"process {number}") for number in range(count)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == '"ready"\n'
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=TIMEOUT)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * count
    return [json.loads(answer) for answer in answers]


def run(script: str, path: Path) -> list[object]:
    process = start(script, path)
    answer, _ = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0
    return [json.loads(line) for line in answer.splitlines()]


def test_processes_never_get_the_same_id(path: Path) -> None:
    answers = race(ADD, path, 3)
    ids = [job_id for answer in answers for job_id in answer]
    assert len(ids) == len(set(ids)) == 600
    with Record.open(path) as record:
        assert {job.job_id for job in record.load()} == set(ids)


def test_processes_that_begin_one_record_at_once_share_it(path: Path) -> None:
    ids = [job_id for answer in race(OPEN_ANEW, path, 6) for job_id in answer]
    with Record.open(path) as record:
        assert {job.job_id for job in record.load()} == set(ids)
    assert len(set(ids)) == 6


def test_each_job_is_leased_by_one_process(path: Path) -> None:
    with Record.open(path) as record:
        jobs = record.add_jobs("hpc1", "alice@hpc1:22", "/w", True, [Input(1)] * 300)
    answers = race(LEASE, path, 3)
    taken = sorted(key for answer in answers for key in answer)
    assert taken == [job.key for job in jobs]
    with Record.open(path) as record:
        assert {job.sends for job in record.load()} == {1}


@pytest.mark.parametrize("lines", [1, 17, 60])
def test_a_process_that_is_killed_loses_nothing_that_it_acknowledged(
    path: Path, lines: int
) -> None:
    process = start(ADD_FOR_EVER, path)
    assert process.stdout is not None
    acknowledged = [process.stdout.readline() for _ in range(lines)]
    process.kill()
    acknowledged += process.stdout.read().splitlines()
    process.wait(TIMEOUT)
    process.stdout.close()
    if process.stdin is not None:
        process.stdin.close()
    batches = [json.loads(line) for line in acknowledged]
    ids = [job_id for batch in batches for job_id in batch]
    with Record.open(path) as record:
        jobs = record.load()
        assert {job.job_id for job in jobs} >= set(ids)
        # the last batch may be written and not acknowledged, but then whole
        assert len(jobs) - len(ids) in (0, 3)
        assert all(record.events(job.key) for job in jobs)
        assert record.add_jobs("hpc1", "e", "/w", True, [Input(1)])[0].job_id not in ids


def test_a_disk_that_runs_full_loses_nothing(path: Path) -> None:
    first, done, error, count, later = run(FULL_DISK, path)
    assert isinstance(first, list)
    assert isinstance(done, list)
    assert isinstance(later, list)
    assert "nothing was changed" in str(error)
    assert "disk is full" in str(error)
    assert count == len(first) + len(done)
    with Record.open(path) as record:
        assert {job.job_id for job in record.load()} == {*first, *done, *later}


def test_a_record_that_could_not_be_begun_for_lack_of_room_is_begun_later(path: Path) -> None:
    error, ids = run(NO_ROOM_AT_ALL, path)
    assert "disk is full" in str(error)
    assert isinstance(ids, list)
    with Record.open(path) as record:
        assert [job.job_id for job in record.load()] == ids
