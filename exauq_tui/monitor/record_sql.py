"""The record's SQL statements; each runs inside a transaction that the caller holds."""

from __future__ import annotations

import json
import os
import random
import sqlite3
from collections.abc import Iterable, Mapping, Sequence

from exauq_tui.monitor.packed_tokens import PackedTokens
from exauq_tui.monitor.record_ids import reserve_ids
from exauq_tui.monitor.stored_job import (
    COLUMNS,
    SqlValue,
    StoredJob,
    job_from_row,
    job_to_keep,
    job_to_row,
    text_to_sql,
    value_to_sql,
)

_COLUMN_LIST = ", ".join(COLUMNS)
_PLACEHOLDERS = ", ".join("?" * len(COLUMNS))
_APART = 1.0
"""Seconds over which the new ids are spread of jobs whose ids were taken."""


def listed(values: Iterable[object]) -> str:
    """Pack values for `is_in`; one parameter, since SQLite limits their number."""
    return json.dumps(list(values))


def is_in(column: str) -> str:
    """Write the condition that a column has one of the values in `listed`."""
    return f"{column} IN (SELECT value FROM json_each(?))"  # noqa: S608 - a column's name


def select(
    connection: sqlite3.Connection,
    where: str,
    *values: SqlValue,
    tokens: PackedTokens | None = None,
    limit: int = -1,
) -> list[StoredJob]:
    """Read the jobs that meet a condition, oldest first, all or so many at most.

    Where a place for tokens is given they are as `job_to_keep` makes them.
    """
    rows = connection.execute(
        f"SELECT {_COLUMN_LIST} FROM jobs WHERE {where} ORDER BY key LIMIT ?",  # noqa: S608 - no data
        (*values, limit),
    )
    if tokens is not None:
        return [job_to_keep(row, tokens) for row in rows]
    return [job_from_row(row) for row in rows]


def select_keys(connection: sqlite3.Connection, keys: Iterable[int]) -> list[StoredJob]:
    """Read the jobs that have these keys, oldest first."""
    return select(connection, is_in("key"), listed(keys))


def select_ids(
    connection: sqlite3.Connection, server: str, endpoint: str, workspace: str, ids: Iterable[str]
) -> list[StoredJob]:
    """Read the jobs of one workspace that have these ids, oldest first."""
    return select(
        connection,
        f"{is_in('id')} AND server = ? AND endpoint = ? AND workspace = ?",
        listed(ids),
        *map(text_to_sql, (server, endpoint, workspace)),
    )


def insert(connection: sqlite3.Connection, jobs: Iterable[StoredJob]) -> None:
    """Write new jobs."""
    connection.executemany(
        f"INSERT INTO jobs ({_COLUMN_LIST}) VALUES ({_PLACEHOLDERS})",  # noqa: S608 - no data
        map(job_to_row, jobs),
    )


def change(
    connection: sqlite3.Connection, keys: Iterable[int], fields: Mapping[str, object]
) -> None:
    """Give the same values to some fields of some jobs."""
    settings = ", ".join(f"{name} = ?" for name in fields)
    connection.execute(
        f"UPDATE jobs SET {settings} WHERE {is_in('key')}",  # noqa: S608 - names of our fields
        (*(value_to_sql(name, value) for name, value in fields.items()), listed(keys)),
    )


def change_each(
    connection: sqlite3.Connection, jobs: Sequence[StoredJob], names: Sequence[str]
) -> None:
    """Write the same fields of several jobs, each with values of its own."""
    settings = ", ".join(f"{name} = ?" for name in names)
    connection.executemany(
        f"UPDATE jobs SET {settings} WHERE key = ?",  # noqa: S608 - names of our fields
        ((*(value_to_sql(name, getattr(job, name)) for name in names), job.key) for job in jobs),
    )


def remove(connection: sqlite3.Connection, keys: Iterable[int], revision: int) -> list[int]:
    """Delete jobs with their histories; other processes learn of it by a tombstone.

    Returns:
        The keys that were there.
    """
    packed = listed(keys)
    found = connection.execute(
        f"SELECT key FROM jobs WHERE {is_in('key')} ORDER BY key",  # noqa: S608 - no data
        (packed,),
    ).fetchall()
    connection.executemany(
        "INSERT INTO removed (key, revision) VALUES (?, ?)", ((key, revision) for (key,) in found)
    )
    for table in ("jobs", "events"):
        connection.execute(f"DELETE FROM {table} WHERE {is_in('key')}", (packed,))  # noqa: S608
    return [key for (key,) in found]


def renumber(connection: sqlite3.Connection, job: StoredJob, now: float, revision: int) -> None:
    """Give a job that was not sent a new id and token, since its id is taken on the server."""
    # Whoever else lost to the same jobs must not go on to want the same id again.
    moment = now + random.uniform(0.0, _APART)  # noqa: S311 - no secret
    job_id = reserve_ids(connection, moment, 1)[0]
    fields = {"id": job_id, "token": new_token(), "sends": 0, "revision": revision}
    change(connection, [job.key], fields | {"lease_owner": "", "lease_until": None})
    text = f"Id {job.job_id} is taken on the server by another job: now {job_id}"
    add_events(connection, now, [(job.key, text)])


def add_events(
    connection: sqlite3.Connection, now: float, events: Iterable[tuple[int, str]]
) -> None:
    """Write lines (job's key, text) of histories."""
    connection.executemany(
        "INSERT INTO events (key, at, text) VALUES (?, ?, ?)",
        ((key, now, text_to_sql(text)) for key, text in events),
    )


def next_key(connection: sqlite3.Connection) -> int:
    """The first key that no job ever had."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'jobs'").fetchone()
    return 1 if row is None else int(row[0]) + 1


def revision(connection: sqlite3.Connection) -> int:
    """The revision of the latest change."""
    row = connection.execute("SELECT value FROM meta WHERE name = 'revision'").fetchone()
    return int(row[0])


def next_revision(connection: sqlite3.Connection) -> int:
    """Count one change, and tell its revision."""
    connection.execute("UPDATE meta SET value = value + 1 WHERE name = 'revision'")
    return revision(connection)


def new_token() -> str:
    """Make a token by which a server knows one submission."""
    # What `secrets` does, which brings hashes along that take their time when it is imported.
    return os.urandom(8).hex()
