"""The record's file: opening it safely, its schema, and transactions between processes."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from exauq_tui.errors import RecordError

APPLICATION_ID = 0x45585155
"""What SQLite's header says that the file is ("EXQU")."""

BUSY_SECONDS = 5.0
"""How long to wait for another process that writes."""

_MAGIC = b"SQLite format 3\0"

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE jobs (
            key INTEGER PRIMARY KEY AUTOINCREMENT,  -- never reused: screens hold on to it
            server TEXT NOT NULL,
            endpoint TEXT NOT NULL,
            workspace TEXT NOT NULL,
            workspace_known INTEGER NOT NULL,
            id TEXT NOT NULL,
            level INTEGER NOT NULL,
            batch TEXT NOT NULL,
            input TEXT NOT NULL,
            status TEXT NOT NULL,
            output TEXT,
            output_text TEXT,
            output_error TEXT NOT NULL,
            exit_code INTEGER,
            created REAL NOT NULL,
            submitted REAL,
            started REAL,
            finished REAL,
            last_seen REAL,
            try_of TEXT NOT NULL,
            try_number INTEGER NOT NULL,
            token TEXT NOT NULL,
            error TEXT NOT NULL,
            note TEXT NOT NULL,
            lease_owner TEXT NOT NULL,
            lease_until REAL,
            sends INTEGER NOT NULL,
            revision INTEGER NOT NULL,
            UNIQUE (id, server, endpoint, workspace)
        )
        """,
        "CREATE INDEX jobs_by_status ON jobs (status)",
        "CREATE INDEX jobs_by_revision ON jobs (revision)",
        "CREATE TABLE removed (key INTEGER PRIMARY KEY, revision INTEGER NOT NULL)",
        "CREATE INDEX removed_by_revision ON removed (revision)",
        "CREATE TABLE events (key INTEGER NOT NULL, at REAL NOT NULL, text TEXT NOT NULL)",
        "CREATE INDEX events_by_key ON events (key)",
        """
        CREATE TABLE places (
            server TEXT NOT NULL,
            endpoint TEXT NOT NULL,
            configured TEXT NOT NULL,
            resolved TEXT NOT NULL,
            PRIMARY KEY (server, endpoint, configured)
        )
        """,
        # stretches of milliseconds whose ids were given away, both ends included
        "CREATE TABLE ids (last INTEGER PRIMARY KEY, first INTEGER NOT NULL)",
        "CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL)",
        "INSERT INTO meta VALUES ('revision', 0)",
    ),
    (
        "ALTER TABLE jobs ADD COLUMN output_read REAL",
        "CREATE INDEX jobs_by_try ON jobs (try_of) WHERE try_of != ''",
        "CREATE TABLE server_events (server TEXT NOT NULL, at REAL NOT NULL, text TEXT NOT NULL)",
        "CREATE INDEX server_events_by_server ON server_events (server)",
    ),
)
"""One tuple of statements per version of the schema: entry n leads from version n to n + 1.

An entry that was released is never changed; a new one is added.
"""


class RecordFile:
    """An open record and its transactions; safe between threads and between processes.

    Args:
        path: The file; it is made, readable by its owner alone, where it is missing.
        migrations: The schema's history.

    Raises:
        RecordError: The file cannot be used; it was not changed.
    """

    def __init__(self, path: Path, migrations: Sequence[Sequence[str]] = MIGRATIONS) -> None:
        self.path = path
        self._lock = threading.RLock()
        _make_private(path)
        with self._translated("opened"):
            self._connection = _connect(path, migrations)
        self._inode = path.stat().st_ino

    def close(self) -> None:
        """Close the file; any later use raises `RecordError`."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give a connection that sees one moment of the record."""
        with self._lock, self._translated("read"):
            self._connection.execute("BEGIN")
            try:
                yield self._connection
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give a connection whose changes are on the disk at the end, or not made at all."""
        with self._lock, self._translated("written"):
            self._check_it_is_in_place()
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            finally:
                # SQLite itself has rolled back after some errors, such as a full disk
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def _check_it_is_in_place(self) -> None:
        """Refuse to write into a file that somebody moved or deleted: it would be lost."""
        try:
            in_place = self.path.stat().st_ino == self._inode
        except OSError:
            in_place = False
        if not in_place:
            raise RecordError(
                f"the record of jobs {self.path} was moved or deleted while it was in use, so "
                "nothing can be kept: quit and start again"
            )

    @contextmanager
    def _translated(self, verb: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise RecordError(_explain(self.path, verb, error)) from error
        except OverflowError as error:
            raise RecordError(f"the record of jobs cannot hold such a number: {error}") from error


def move_aside(path: Path, now: float | None = None) -> Path:
    """Rename a record that cannot be used, so that the next start makes a new one.

    Only for a person who asked for it. No program may have the record open.

    Args:
        path: The record.
        now: Seconds since 1970, for the new name.

    Returns:
        The new path.

    Raises:
        RecordError: It could not be renamed.
    """
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    number = 1
    target = path.with_name(f"{path.name}.aside-{stamp}")
    while target.exists():
        number += 1
        target = path.with_name(f"{path.name}.aside-{stamp}-{number}")
    try:
        # The newest changes are in -wal. The main file goes last: SQLite would empty a -wal
        # that stands beside a record made anew.
        for suffix in ("-wal", "-shm", ""):
            source = path.with_name(path.name + suffix)
            if source.exists() or not suffix:
                source.rename(target.with_name(target.name + suffix))
    except OSError as error:
        raise RecordError(
            f"the record of jobs {path} could not be moved aside: {error.strerror}"
        ) from error
    return target


def _make_private(path: Path) -> None:
    """Make the file and its directory where they are missing, for the owner's eyes only."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # SQLite gives its -wal and -shm files the mode of the main file
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
        # in this order: who begins a record at this moment writes the main file's head first
        wal = path.with_name(path.name + "-wal")
        has_changes = wal.exists() and wal.stat().st_size > 0
        with path.open("rb") as stream:
            head = stream.read(len(_MAGIC))
    except OSError as error:
        raise RecordError(
            f"the record of jobs cannot be kept in {path}: {error.strerror}; make that place "
            "writable, or set EXAUQ_TUI_DATA to a directory that is"
        ) from error
    if has_changes and not head:  # SQLite would throw the changes away
        raise RecordError(_damaged(path, f"it is empty, but changes to it are left in {wal.name}"))
    if head and head != _MAGIC:  # SQLite would write over a file of a few bytes
        raise RecordError(_foreign(path))


def _connect(path: Path, migrations: Sequence[Sequence[str]]) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        _check_format(connection, path, len(migrations))
        # FULL: what was acknowledged survives a power cut, not only a crash of this program
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA fullfsync = ON")  # macOS: fsync alone stops at the drive
        _use_wal(connection)
        _migrate(connection, migrations)
    except BaseException:
        connection.close()
        raise
    return connection


def _check_format(connection: sqlite3.Connection, path: Path, newest: int) -> None:
    """Refuse, before anything is written, what is not ours, newer than us, or damaged."""
    connection.execute("BEGIN")  # one moment: another process may be making the record
    version = _pragma(connection, "user_version")
    application = _pragma(connection, "application_id")
    has_tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] > 0
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    connection.execute("ROLLBACK")
    if application != APPLICATION_ID and (has_tables or version or application):
        raise RecordError(
            f"{path} is a database of another program, not a record of jobs: it was left as it "
            "is; move it away, or set EXAUQ_TUI_DATA to another directory"
        )
    if version > newest:
        raise RecordError(
            f"the record of jobs {path} has format {version}, of a newer exauq-tui (this one "
            f"knows up to {newest}): it was left as it is; install the newer one again, or set "
            "EXAUQ_TUI_DATA to another directory"
        )
    if found != "ok":
        raise RecordError(_damaged(path, str(found)))


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch to write-ahead logging, where readers and a writer do not wait for each other."""
    deadline = time.monotonic() + BUSY_SECONDS
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            # A file system without shared memory keeps the old mode: slower, as safe.
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            # SQLite does not wait here when another process does the same at the same time
            busy = error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
            if not busy or time.monotonic() > deadline:
                raise
        time.sleep(0.01)


def _migrate(connection: sqlite3.Connection, migrations: Sequence[Sequence[str]]) -> None:
    """Bring the schema up to date in one transaction; another process may do so meanwhile."""
    if _pragma(connection, "user_version") == len(migrations):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _pragma(connection, "user_version")
        for statements in migrations[version:]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        if version < len(migrations):
            connection.execute(f"PRAGMA user_version = {len(migrations)}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _explain(path: Path, verb: str, error: sqlite3.Error) -> str:
    """Say in words what SQLite's error means for the person who reads it."""
    # the low byte is the primary code; errors of the sqlite3 module itself have none
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    start = f"the record of jobs {path} could not be {verb}: "
    if code == sqlite3.SQLITE_NOTADB:
        return _foreign(path)
    if code == sqlite3.SQLITE_CORRUPT:
        return _damaged(path, str(error))
    if code == sqlite3.SQLITE_FULL:
        return start + "the disk is full; nothing was changed; make room and try again"
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return (
            start + f"another program has kept it locked for more than {BUSY_SECONDS:.0f} "
            "seconds; nothing was changed; try again"
        )
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return start + f"{error}; nothing was changed; see who may write there"
    if code == sqlite3.SQLITE_IOERR:
        return start + f"{error}; nothing was changed; see whether the disk is full or at its quota"
    return start + str(error)


def _damaged(path: Path, detail: str) -> str:
    return (
        f"the record of jobs {path} is damaged ({detail}): it was left as it is; move it aside "
        "to start a new one (jobs on servers are found again)"
    )


def _foreign(path: Path) -> str:
    return (
        f"{path} is not a record of jobs (no SQLite database): it was left as it is; move it "
        "away, or set EXAUQ_TUI_DATA to another directory"
    )
