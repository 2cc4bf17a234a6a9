"""What a fleet tells of the past, from the record."""

from __future__ import annotations

from exauq_tui.monitor.record import Record
from exauq_tui.monitor.server_history import ServerHistory
from exauq_tui.monitor.snapshot import Event, JobRow
from exauq_tui.monitor.store import Store


class Recollection:
    """The part of a fleet that tells of the past; see `FleetVerbs`."""

    _record: Record
    _store: Store
    _history: ServerHistory

    def events(self, key: int) -> tuple[Event, ...]:
        """A job's history, oldest first."""
        return self._record.events(key)

    def server_events(self, server: str) -> tuple[Event, ...]:
        """What happened with a server, oldest first."""
        self._history.flush()
        return self._record.server_events(server)

    def tries(self, key: int) -> tuple[JobRow, ...]:
        """All jobs that tried what one job tries, itself among them, in their order."""
        return self._store.rows_of([job.key for job in self._record.tries(key)])

    def output_text(self, key: int) -> str | None:
        """The start of a job's output file, as it was last read."""
        for job in self._record.get([key]):
            return job.output_text
        return None
