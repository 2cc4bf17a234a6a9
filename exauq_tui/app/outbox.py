"""How far the jobs are that wait to be sent, for the line above the footer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from textual.content import Content

from exauq_tui.app import format as fmt
from exauq_tui.hardware.status import JobStatus
from exauq_tui.monitor.snapshot import Changes, JobRow, ServerState, ServerView

_WORTH_A_LINE = 100
"""Fewer jobs are sent in a moment: a line that comes and goes would only unsettle."""

_BAR = 20


class Outbox:
    """Counts, from changes alone, the jobs that are Pending submit and those that were.

    A job counts from when it is first seen pending until nothing waits for its server.
    """

    def __init__(self) -> None:
        self.recording = 0
        """How many jobs are being written to the record at this moment."""
        self._waiting: dict[int, str] = {}
        self._left: Counter[str] = Counter()
        self._totals: Counter[str] = Counter()

    def load(self, rows: Iterable[JobRow]) -> None:
        """Take over what waits at the start."""
        for row in rows:
            self._see(row)

    def take(self, changes: Changes) -> bool:
        """Take over what changed; whether anything is different."""
        before = (self._totals.copy(), self._left.copy()) if changes.jobs else None
        for row in changes.jobs:
            self._see(row)
        for key in changes.removed:
            self._gone(key)
        for server in [name for name, left in self._left.items() if not left]:
            del self._left[server], self._totals[server]
        return before != (self._totals, self._left)

    def _see(self, row: JobRow) -> None:
        if row.status is not JobStatus.PENDING_SUBMIT:
            self._gone(row.key)
        elif row.key not in self._waiting:
            self._waiting[row.key] = row.server
            self._left[row.server] += 1
            self._totals[row.server] += 1

    def _gone(self, key: int) -> None:
        server = self._waiting.pop(key, None)
        if server is not None:
            self._left[server] -= 1

    @property
    def is_worth_a_line(self) -> bool:
        """Whether there is so much to be sent that people want to see how far it is."""
        return self.recording >= _WORTH_A_LINE or self._totals.total() >= _WORTH_A_LINE

    def text(self, servers: Mapping[str, ServerView]) -> Content:
        """Say how much was sent, and to where."""
        if self.recording:
            return Content.styled(f"Recording {fmt.count(self.recording, 'job')} …", "$accent")
        total, left = self._totals.total(), self._left.total()
        done = (total - left) * _BAR // max(total, 1)
        parts = [
            Content.assemble(
                ("Sending ", "bold"),
                ("━" * done, "$accent"),
                ("━" * (_BAR - done), "$foreground-muted 40%"),
            )
        ]
        for name, count in self._totals.items():
            sent = f"{fmt.safe(name)} {count - self._left[name]:,} of {count:,}"
            view = servers.get(name)
            if view is not None and view.state is not ServerState.UP:
                parts.append(Content.styled(f"{sent} · waits: {view.state.value}", "$warning"))
            else:
                parts.append(Content(sent))
        return Content("   ").join(parts)
