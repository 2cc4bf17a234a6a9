"""How what was learnt or asked changes jobs; parts of the record, inside its transactions."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from exauq_tui.hardware.status import TERMINAL_STATUSES, JobStatus
from exauq_tui.monitor import record_sql as sql
from exauq_tui.monitor.stored_job import CancelRequest, JobUpdate, StoredJob, text_to_sql

LONGEST_LEASE = 3600.0
"""A lease that ends later than this from now was taken by a wrong clock, and counts as over."""

_IS_WAITING = (
    "status = ? AND server = ? AND endpoint = ? AND workspace = ? AND (lease_until IS NULL "
    "OR lease_until <= ? OR lease_until > ? OR lease_owner = ?) ORDER BY key LIMIT ?"
)


def write_updates(
    connection: sqlite3.Connection, now: float, updates: Sequence[JobUpdate]
) -> list[StoredJob]:
    """Write those updates that count, each upon what the ones before it left.

    Returns:
        The jobs that changed.
    """
    jobs = {job.key: job for job in sql.select_keys(connection, {each.key for each in updates})}
    changed: defaultdict[int, set[str]] = defaultdict(set)
    events = []
    revision = 0
    for update in updates:
        job = jobs.get(update.key)
        if job is None or not update.counts_for(job):
            continue
        changes = update.changes_of(job)
        if changes:
            revision = revision or sql.next_revision(connection)
            jobs[job.key] = replace(job, **changes, revision=revision)
            changed[job.key] |= changes.keys()
        if update.event:
            events.append((job.key, update.event))
    sql.add_events(connection, now, events)
    result = [jobs[key] for key in changed]
    alike: defaultdict[tuple[str, ...], list[StoredJob]] = defaultdict(list)
    for job in result:
        alike[*sorted(changed[job.key]), "revision"].append(job)
    for names, group in alike.items():
        sql.change_each(connection, group, names)
    return result


def request_cancel(
    connection: sqlite3.Connection, now: float, keys: Iterable[int]
) -> CancelRequest:
    """Mark jobs Pending cancel or, where certainly never sent, Cancelled."""
    jobs = sql.select_keys(connection, keys)
    left = [job.key for job in jobs if job.status in TERMINAL_STATUSES]
    asked = [job.key for job in jobs if job.status not in TERMINAL_STATUSES]
    unsent, sent = [], []
    for job in jobs:
        if job.status is JobStatus.PENDING_SUBMIT and not job.may_be_sent:
            unsent.append(job.key)
        elif job.status not in TERMINAL_STATUSES | {JobStatus.PENDING_CANCEL}:
            sent.append(job.key)
    if unsent or sent:
        revision = sql.next_revision(connection)
        _cancel_unsent(connection, now, unsent, revision)
        new = {"status": JobStatus.PENDING_CANCEL, "error": "", "revision": revision}
        sql.change(connection, sent, new)
        sql.add_events(connection, now, ((key, "Asked to cancel") for key in sent))
    return CancelRequest(sql.select_keys(connection, asked), sql.select_keys(connection, left))


def find_waiting(
    connection: sqlite3.Connection,
    now: float,
    status: JobStatus,
    place: tuple[str, str, str],
    owner: str,
    limit: int,
) -> list[int]:
    """The keys of jobs of a pending status that nobody but `owner` holds, oldest first."""
    rows = connection.execute(
        f"SELECT key FROM jobs WHERE {_IS_WAITING}",  # noqa: S608 - no data in it
        (status.name, *map(text_to_sql, place), now, now + LONGEST_LEASE, owner, limit),
    )
    return [key for (key,) in rows]


def take_leases(
    connection: sqlite3.Connection, keys: Sequence[int], owner: str, until: float, *, sends: bool
) -> None:
    """Give somebody the leases of some jobs; `sends` counts a send for each."""
    sql.change(connection, keys, {"lease_owner": owner, "lease_until": until})
    if sends:
        connection.execute(
            f"UPDATE jobs SET sends = sends + 1 WHERE {sql.is_in('key')}",  # noqa: S608
            (sql.listed(keys),),
        )


def end_leases(
    connection: sqlite3.Connection,
    now: float,
    owner: str,
    keys: Iterable[int] | None = None,
    *,
    unsent: bool = False,
) -> list[StoredJob]:
    """End leases of somebody; `unsent` takes back the send that was counted for each.

    Returns:
        Jobs that became Cancelled, since they were asked to meanwhile and were not sent.
    """
    query, values = "SELECT key FROM jobs WHERE lease_owner = ?", [text_to_sql(owner)]
    if keys is not None:
        query, values = f"{query} AND {sql.is_in('key')}", [*values, sql.listed(keys)]
    held = [key for (key,) in connection.execute(query, values)]
    if not held:
        return []
    sql.change(connection, held, {"lease_owner": "", "lease_until": None})
    if not unsent:
        return []
    connection.execute(
        f"UPDATE jobs SET sends = max(0, sends - 1) WHERE {sql.is_in('key')}",  # noqa: S608
        (sql.listed(held),),
    )
    waiting = f"status = ? AND sends = 0 AND {sql.is_in('key')}"
    pending = JobStatus.PENDING_CANCEL.name
    cancelled = [job.key for job in sql.select(connection, waiting, pending, sql.listed(held))]
    if cancelled:
        _cancel_unsent(connection, now, cancelled, sql.next_revision(connection))
    return sql.select_keys(connection, cancelled)


def _cancel_unsent(
    connection: sqlite3.Connection, now: float, keys: Sequence[int], revision: int
) -> None:
    new = {"status": JobStatus.CANCELLED, "error": "", "revision": revision}
    sql.change(connection, keys, new)
    sql.add_events(connection, now, ((key, "Cancelled before it was sent") for key in keys))
