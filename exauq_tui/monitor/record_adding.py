"""Writing new jobs into the record: orders for one server each, all in one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from exauq_tui.hardware.status import JobStatus
from exauq_tui.jobs import Input
from exauq_tui.monitor import record_sql as sql
from exauq_tui.monitor.record_ids import reserve_ids
from exauq_tui.monitor.stored_job import StoredJob, plain_inputs


@dataclass(frozen=True, slots=True)
class Order:
    """Jobs for one server that are set up together.

    Attributes:
        server: The profile's name.
        endpoint: Where the profile points.
        workspace: The workspace's absolute path or, before the first contact, what the
            profile says ("" where it says nothing).
        workspace_known: Whether `workspace` is the absolute path.
        inputs: One input vector per job.
        level: The simulator's level.
        batch: What they are sent together as.
        try_of: The jobs that these try again, one for each input, or none.

    Raises:
        ValueError: There is not one job to try again for each input.
    """

    server: str
    endpoint: str
    workspace: str
    workspace_known: bool
    inputs: Sequence[Input]
    level: int = 1
    batch: str = ""
    try_of: Sequence[StoredJob] = ()

    def __post_init__(self) -> None:
        if self.try_of and len(self.try_of) != len(self.inputs):
            raise ValueError(f"{len(self.inputs)} inputs cannot try {len(self.try_of)} jobs again")


def add(
    connection: sqlite3.Connection, now: float, orders: Sequence[Order]
) -> list[list[StoredJob]]:
    """Write the jobs of some orders as Pending submit; inside a transaction.

    Args:
        connection: A connection to the record.
        now: Seconds since 1970.
        orders: What to write, none of them empty.

    Returns:
        The jobs of each order, in the order of its inputs.
    """
    key = sql.next_key(connection)
    revision = sql.next_revision(connection)
    added = []
    for order in orders:
        jobs = _set_up(order, reserve_ids(connection, now, len(order.inputs)), now, key, revision)
        sql.insert(connection, jobs)
        texts = (f"Set up to try {job.try_of} again" if order.try_of else "Set up" for job in jobs)
        sql.add_events(connection, now, zip((job.key for job in jobs), texts, strict=True))
        key += len(jobs)
        added.append(jobs)
    return added


def _set_up(
    order: Order, ids: Sequence[str], now: float, first_key: int, revision: int
) -> list[StoredJob]:
    tries = order.try_of
    return [
        StoredJob(
            key=first_key + position,
            server=order.server,
            endpoint=order.endpoint,
            workspace=order.workspace,
            workspace_known=order.workspace_known,
            job_id=job_id,
            level=order.level,
            batch=order.batch,
            inputs=plain_inputs(order.inputs[position]),
            status=JobStatus.PENDING_SUBMIT,
            created=now,
            try_of=tries[position].job_id if tries else "",
            try_number=tries[position].try_number + 1 if tries else 1,
            token=sql.new_token(),
            revision=revision,
        )
        for position, job_id in enumerate(ids)
    ]
