"""The record's file: private, shared, refused where it must be, brought up to date."""

from __future__ import annotations

import sqlite3
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from exauq_tui.errors import RecordError
from exauq_tui.monitor.record import Record
from exauq_tui.monitor.record_file import MIGRATIONS, RecordFile, move_aside
from exauq_tui.monitor.stored_job import (
    JobUpdate,
)
from tests.unit.record_kit import Clock, add, lease, texts


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "jobs.sqlite3"


@pytest.fixture
def record(path: Path, clock: Clock) -> Record:
    return Record.open(path, clock)


@pytest.fixture
def other(record: Record, clock: Clock) -> Record:
    """What another process has open."""
    return Record.open(record.path, clock)


# The file


def test_the_file_is_for_its_owners_eyes_only(record: Record, path: Path) -> None:
    add(record)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
    assert set(modes) >= {"jobs.sqlite3", "jobs.sqlite3-wal"}
    assert set(modes.values()) == {0o600}


def test_threads_share_one_record(record: Record) -> None:
    barrier = threading.Barrier(8)

    def work(number: int) -> set[int]:
        barrier.wait()
        keys = set()
        for _ in range(10):
            (job,) = add(record)
            record.apply([JobUpdate(job.key, note=str(number), event="x")])
            assert record.get([job.key])[0].note == str(number)
            keys |= {each.key for each in lease(record, f"{number}")}
            record.since(0)
        return keys

    with ThreadPoolExecutor(8) as pool:
        leased = list(pool.map(work, range(8)))
    jobs = record.load()
    assert len({job.job_id for job in jobs}) == 80
    assert set().union(*leased) == {job.key for job in jobs}
    assert sum(map(len, leased)) == 80


def test_a_record_can_be_begun_by_many_at_the_same_moment(tmp_path: Path) -> None:
    barrier = threading.Barrier(6)

    def begin(path: Path) -> None:
        barrier.wait()
        Record.open(path).close()

    with ThreadPoolExecutor(6) as pool:
        for turn in range(15):
            assert list(pool.map(begin, [tmp_path / f"{turn}.sqlite3"] * 6)) == [None] * 6


def test_an_error_in_the_middle_changes_nothing(record: Record) -> None:
    jobs = add(record, 2)
    with pytest.raises(RecordError):
        record.apply([JobUpdate(jobs[0].key, note="x"), JobUpdate(jobs[1].key, exit_code=2**70)])
    assert record.load() == jobs
    assert add(record)[0].key == jobs[1].key + 1


def test_a_closed_record_says_so(record: Record) -> None:
    record.close()
    with pytest.raises(RecordError, match="closed"):
        record.load()
    with pytest.raises(RecordError, match="closed"):
        add(record)


def refused(path: Path) -> str:
    """Why a file is refused; it stays as it is."""
    before = path.read_bytes()
    with pytest.raises(RecordError) as raised:
        Record.open(path)
    assert path.read_bytes() == before
    assert str(path) in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize("content", [b"x", b"not a database, but long enough" * 100])
def test_a_file_that_is_no_database_is_refused(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    assert "not a record of jobs" in refused(path)


def test_a_database_of_another_program_is_refused(path: Path) -> None:
    path.parent.mkdir()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (x)")
    connection.commit()
    connection.close()
    assert "another program" in refused(path)


@pytest.mark.parametrize("fault", ["cut", "overwritten", "emptied beside changes"])
def test_a_damaged_record_is_refused_and_left(path: Path, fault: str) -> None:
    with Record.open(path) as record:
        add(record, 500)
    size = path.stat().st_size
    if fault == "overwritten":
        with path.open("r+b") as stream:
            stream.seek(size // 2)
            stream.write(b"\xff" * 8192)
    elif fault == "cut":
        with path.open("r+b") as stream:
            stream.truncate(size // 2)
    else:
        path.write_bytes(b"")
        path.with_name(f"{path.name}-wal").write_bytes(b"x" * 100)
    why = refused(path)
    assert "damaged" in why
    assert "move it aside" in why


def test_a_record_of_a_newer_version_is_refused(path: Path) -> None:
    Record.open(path).close()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    assert "newer exauq-tui" in refused(path)


def test_an_empty_file_is_a_new_record(path: Path) -> None:
    path.parent.mkdir()
    path.touch(0o644)
    with Record.open(path) as record:
        assert add(record)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RecordError, match="EXAUQ_TUI_DATA"):
        Record.open(tmp_path / "file" / "jobs.sqlite3")
    with pytest.raises(RecordError, match="cannot be kept"):
        Record.open(tmp_path)


def test_a_record_that_was_moved_away_is_not_written_any_more(record: Record, path: Path) -> None:
    add(record)
    move_aside(path)
    with pytest.raises(RecordError, match="moved or deleted"):
        add(record)
    Record.open(path).close()
    with pytest.raises(RecordError, match="moved or deleted"):
        add(record)


def test_a_record_is_moved_aside_whole(path: Path) -> None:
    record = Record.open(path)
    jobs = add(record, 3)
    aside = move_aside(path, now=0)
    second = Record.open(path)
    assert second.load() == []
    assert aside.name == "jobs.sqlite3.aside-19700101T000000Z"
    assert move_aside(path, now=0).name == "jobs.sqlite3.aside-19700101T000000Z-2"
    record.close()
    second.close()
    with Record.open(aside) as kept:
        assert kept.load() == jobs
    with pytest.raises(RecordError, match="could not be moved aside"):
        move_aside(path)


def test_a_full_disk_changes_nothing_and_says_so(path: Path) -> None:
    file = RecordFile(path)
    with file.reading() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 2}")

    def fill() -> None:
        with file.writing() as connection:
            for _ in range(100):
                connection.execute("INSERT INTO events VALUES (1, 1, ?)", ("x" * 1000,))

    with pytest.raises(RecordError, match="disk is full; nothing was changed"):
        fill()
    with file.reading() as connection:
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (0,)
        connection.execute("PRAGMA max_page_count = 1000000")
    with file.writing() as connection:
        connection.execute("INSERT INTO events VALUES (1, 1, 'x')")
    file.close()


def test_a_record_that_somebody_keeps_locked_is_told(
    record: Record, other: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exauq_tui.monitor.record_file.BUSY_SECONDS", 0.05)
    impatient = Record.open(record.path)
    blocker = RecordFile(record.path)
    with blocker.writing(), pytest.raises(RecordError, match="kept it locked"):
        add(impatient)
    assert add(impatient)


# Migrations

MORE = (*MIGRATIONS, ("ALTER TABLE events ADD COLUMN kind TEXT NOT NULL DEFAULT 'old'",))


def version(path: Path) -> int:
    connection = sqlite3.connect(path)
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    connection.close()
    return int(found)


def test_an_older_record_is_brought_up_to_date_and_keeps_all(path: Path) -> None:
    with Record.open(path) as record:
        add(record, 2)
    file = RecordFile(path, MORE)
    with file.reading() as connection:
        rows = connection.execute("SELECT text, kind FROM events").fetchall()
    file.close()
    assert rows == [("Set up", "old")] * 2
    assert version(path) == len(MORE)


def test_a_new_record_goes_through_all_versions(path: Path) -> None:
    RecordFile(path, MORE).close()
    assert version(path) == len(MORE)


def test_a_migration_that_fails_leaves_the_old_version(path: Path) -> None:
    with Record.open(path) as record:
        jobs = add(record)
    with pytest.raises(RecordError, match="no such table"):
        RecordFile(path, (*MORE, ("DROP TABLE events", "DROP TABLE nonsense")))
    assert version(path) == len(MIGRATIONS)
    with Record.open(path) as record:
        assert record.load() == jobs
        assert texts(record, jobs[0].key) == ["Set up"]


def test_two_that_migrate_at_once_do_it_once(path: Path) -> None:
    Record.open(path).close()
    with ThreadPoolExecutor(4) as pool:
        for file in pool.map(lambda _: RecordFile(path, MORE), range(4)):
            file.close()
    assert version(path) == len(MORE)
