"""Opens the record in a thread, while something else that takes its time goes on."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from pathlib import Path

from exauq_tui.monitor.record import Record
from exauq_tui.monitor.record_first import FirstJobs, TableOrder

Opened = tuple[Record, FirstJobs | None]
"""The record, and what a table shows of it first; None where there are few jobs altogether."""


def open_ahead(path: Path, order: TableOrder, limit: int) -> Future[Opened]:
    """Begin to open a record and to read the first jobs of a table.

    Args:
        path: The record's file.
        order: How the table is ordered.
        limit: How many jobs it shows.

    Returns:
        What will hold both, or the error (a `RecordError`, if it was foreseen) for which the
        record cannot be used.
    """
    future: Future[Opened] = Future()

    def run() -> None:
        record = None
        try:
            record = Record(path)
            future.set_result((record, record.first(order, limit)))
        except BaseException as error:  # noqa: BLE001 - handed to the one who would wait for ever
            if record is not None:
                record.close()
            future.set_exception(error)

    threading.Thread(target=run, name="opening", daemon=True).start()
    return future
