"""What the record tells of the past: tries of one input, and what happened with servers."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from exauq_tui.monitor import record_sql as sql
from exauq_tui.monitor.snapshot import Event
from exauq_tui.monitor.stored_job import StoredJob, text_from_sql, text_to_sql

KEPT = 500
"""How many events of one server are kept: the newest ones."""

_MOST_TRIES = 200


def tries(connection: sqlite3.Connection, key: int) -> list[StoredJob]:
    """Read all jobs that tried what one job tries, itself among them, in their order."""
    found: dict[int, StoredJob] = {}
    waiting = sql.select_keys(connection, [key])
    while waiting and len(found) < _MOST_TRIES:
        job = waiting.pop()
        if job.key in found:
            continue
        found[job.key] = job
        server = text_to_sql(job.server)
        if job.try_of:
            waiting += sql.select(connection, "id = ? AND server = ?", job.try_of, server)
        # By the index, which has none of the jobs that try nothing again.
        again = "try_of = ? AND try_of != '' AND server = ?"
        waiting += sql.select(connection, again, job.job_id, server)
    return sorted(found.values(), key=lambda job: (job.try_number, job.key))


def server_events(connection: sqlite3.Connection, server: str) -> tuple[Event, ...]:
    """Read what happened with a server, oldest first."""
    rows = connection.execute(
        "SELECT at, text FROM server_events WHERE server = ? ORDER BY rowid",
        (text_to_sql(server),),
    )
    return tuple(Event(at, text_from_sql(text)) for at, text in rows)


def add_server_events(connection: sqlite3.Connection, events: Sequence[tuple[str, Event]]) -> None:
    """Write what happened with servers, and let the oldest of each go where they are many."""
    connection.executemany(
        "INSERT INTO server_events (server, at, text) VALUES (?, ?, ?)",
        ((text_to_sql(server), event.at, text_to_sql(event.text)) for server, event in events),
    )
    for server in _distinct(server for server, _ in events):
        connection.execute(
            "DELETE FROM server_events WHERE server = ?1 AND rowid <= (SELECT rowid FROM "
            "server_events WHERE server = ?1 ORDER BY rowid DESC LIMIT 1 OFFSET ?2)",
            (text_to_sql(server), KEPT),
        )


def _distinct(servers: Iterable[str]) -> Iterable[str]:
    return dict.fromkeys(servers)
