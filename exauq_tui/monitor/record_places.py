"""Which path on a server the workspace of a profile stands for; parts of the record."""

from __future__ import annotations

import sqlite3

from exauq_tui.monitor import record_sql as sql
from exauq_tui.monitor.stored_job import StoredJob, text_from_sql, text_to_sql

_IS_PLACE = "server = ? AND endpoint = ? AND configured = ?"


def find(connection: sqlite3.Connection, server: str, endpoint: str, configured: str) -> str | None:
    """Tell the path that was kept, or None."""
    row = connection.execute(
        f"SELECT resolved FROM places WHERE {_IS_PLACE}",  # noqa: S608 - no data in it
        _texts(server, endpoint, configured),
    ).fetchone()
    return None if row is None else text_from_sql(row[0])


def keep(
    connection: sqlite3.Connection, server: str, endpoint: str, configured: str, resolved: str
) -> None:
    """Keep a path, instead of what was kept before."""
    connection.execute(
        "INSERT OR REPLACE INTO places VALUES (?, ?, ?, ?)",
        _texts(server, endpoint, configured, resolved),
    )


def forget(connection: sqlite3.Connection, server: str, endpoint: str, configured: str) -> None:
    """Forget a path."""
    connection.execute(
        f"DELETE FROM places WHERE {_IS_PLACE}",  # noqa: S608 - no data in it
        _texts(server, endpoint, configured),
    )


def bind_jobs(
    connection: sqlite3.Connection,
    now: float,
    server: str,
    endpoint: str,
    configured: str,
    resolved: str,
) -> list[StoredJob]:
    """Give a path to the jobs that were set up before it was known.

    Returns:
        The jobs that changed.
    """
    waiting = sql.select(
        connection,
        "server = ? AND endpoint = ? AND workspace = ? AND NOT workspace_known",
        *_texts(server, endpoint, configured),
    )
    if not waiting:
        return []
    revision = sql.next_revision(connection)
    ids = [job.job_id for job in waiting]
    there = {job.job_id: job for job in sql.select_ids(connection, server, endpoint, resolved, ids)}
    for job in waiting:
        other = there.get(job.job_id)
        if other is None or other.key == job.key:
            continue
        if other.token == job.token:
            # our own job, found there after it was sent and before its row was bound
            sql.remove(connection, [other.key], revision)
        else:
            sql.renumber(connection, job, now, revision)
    keys = [job.key for job in waiting]
    fields = {"workspace": resolved, "workspace_known": True, "revision": revision}
    sql.change(connection, keys, fields)
    return sql.select_keys(connection, keys)


def _texts(*texts: str) -> tuple[str | bytes, ...]:
    return tuple(map(text_to_sql, texts))
