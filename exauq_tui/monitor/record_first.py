"""The rows that a table shows first, read from the record without all the others.

A hundred thousand rows take seconds to read; the few of them that fit on a screen do not.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from exauq_tui.hardware.status import TERMINAL_STATUSES, JobStatus
from exauq_tui.monitor import record_sql as sql
from exauq_tui.monitor.evidence import GONE
from exauq_tui.monitor.spans import MAY_RUN
from exauq_tui.monitor.stored_job import StoredJob, inputs_from_csv

FEW = 300
"""As many jobs as this are read at once: their first rows would not be there much sooner."""

STATUS_ORDER = (
    JobStatus.FAILED,
    JobStatus.FAILED_SUBMIT,
    JobStatus.FAILED_CANCEL,
    JobStatus.PENDING_CANCEL,
    JobStatus.RUNNING,
    JobStatus.SUBMITTED,
    JobStatus.PENDING_SUBMIT,
    JobStatus.CANCELLED,
    JobStatus.COMPLETED,
)
"""What comes first where jobs are ordered by their status: what needs somebody."""


@dataclass(frozen=True, slots=True)
class TableOrder:
    """How a table of all jobs is ordered.

    Attributes:
        sort: What by: "age", "status", "output", ..., or "input:" and a position from 0.
        descending: Whether large values come first.
        folds: Whether an ended job that was tried again stands behind its later try.
    """

    sort: str = "age"
    descending: bool = True
    folds: bool = True


@dataclass(frozen=True, slots=True)
class FirstJobs:
    """The first jobs of a table.

    Attributes:
        jobs: These jobs, in the table's order.
        id_digits: How many of an id's last digits tell the ids of all jobs apart.
    """

    jobs: tuple[StoredJob, ...]
    id_digits: int


def _names(statuses: frozenset[JobStatus]) -> str:
    return ", ".join(f"'{status.name}'" for status in sorted(statuses, key=lambda each: each.name))


_RANK = " ".join(f"WHEN '{status.name}' THEN {rank}" for rank, status in enumerate(STATUS_ORDER))
_HAS_RUN = "started IS NOT NULL AND finished IS NOT NULL"
_RUNS = (
    f"started IS NOT NULL AND finished IS NULL AND status IN ({_names(MAY_RUN)})"
    f" AND substr(note, 1, {len(GONE)}) != '{GONE}'"
)
_OUTPUT = (
    "CASE output WHEN 'nan' THEN NULL WHEN 'inf' THEN 9e999 WHEN '-inf' THEN -9e999"
    " ELSE CAST(output AS REAL) END"
)

_VALUES: Mapping[str, tuple[str, ...]] = {
    "age": ("nullif(created, 0)",),
    "status": (f"CASE status {_RANK} END", "created"),
    "id": ("length(id)", "id"),
    "server": ("server", "created"),
    "batch": ("nullif(batch, '')", "created"),
    "output": (_OUTPUT,),
    "run": (
        f"CASE WHEN {_HAS_RUN} THEN 0 WHEN {_RUNS} THEN 1 END",
        f"CASE WHEN {_HAS_RUN} THEN finished - started ELSE -started END",
    ),
    "level": ("level", "created"),
    "try": ("try_number", "created"),
    "exit": ("exit_code",),
    "started": ("started",),
    "finished": ("finished",),
}
"""What SQLite orders by, as the table does: where the first is NULL, the row comes last."""

_IS_LAST_TRY = (
    f"NOT (status IN ({_names(TERMINAL_STATUSES)}) AND EXISTS (SELECT 1 FROM jobs AS later"  # noqa: S608 - no data
    " WHERE later.try_of != '' AND later.try_of = jobs.id AND later.input = jobs.input"
    " AND later.key != jobs.key))"
)


def read(connection: sqlite3.Connection, order: TableOrder, limit: int) -> FirstJobs | None:
    """Read the jobs that a table shows first.

    Args:
        connection: The record, in a transaction.
        order: How the table is ordered.
        limit: How many jobs.

    Returns:
        The jobs; None where there are so few jobs that all can be read at once.

    Raises:
        KeyError: There is no such order.
    """
    values, terms = _VALUES.get(order.sort), []
    if values is None:
        kind, _, position = order.sort.partition(":")
        if kind != "input" or not position.isdecimal():
            raise KeyError(order.sort)
        connection.create_function("nth_input", 2, _nth_input, deterministic=True)
        values = (f"nth_input(input, {int(position)})",)
    (count,) = connection.execute("SELECT count(*) FROM jobs").fetchone()
    if count <= max(FEW, limit):
        return None
    terms = [f"{values[0]} IS NULL", *(f"{value} {_way(order)}" for value in (*values, "key"))]
    where = _IS_LAST_TRY if order.folds else "1"
    keys = [
        key
        for (key,) in connection.execute(
            f"SELECT key FROM jobs WHERE {where} ORDER BY {', '.join(terms)} LIMIT ?",  # noqa: S608 - no data
            (limit,),
        )
    ]
    found = {job.key: job for job in sql.select_keys(connection, keys)}
    return FirstJobs(tuple(found[key] for key in keys), _id_digits(connection))


def _way(order: TableOrder) -> str:
    return "DESC" if order.descending else "ASC"


def _nth_input(csv: str, position: int) -> float | None:
    """One number of an input; None where it has none there, or one that has no place."""
    inputs = inputs_from_csv(csv)
    try:
        value = float(inputs[position])
    except IndexError:
        return None
    except OverflowError:  # of an int of hundreds of digits
        value = math.inf if inputs[position] > 0 else -math.inf
    return None if math.isnan(value) else value


def _id_digits(connection: sqlite3.Connection) -> int:
    """How many of the last digits tell all ids apart; as the table counts them, 6 at least."""
    (ids,) = connection.execute("SELECT count(DISTINCT id) FROM jobs").fetchone()
    digits = 6
    while True:
        (ends,) = connection.execute(
            "SELECT count(DISTINCT substr(id, ?)) FROM jobs", (-digits,)
        ).fetchone()
        if ends == ids:
            return digits
        digits += 1
