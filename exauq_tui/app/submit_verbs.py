"""Submitting and resubmitting, from the key to the fleet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from exauq_tui.app import format as fmt
from exauq_tui.app.submit_order import Submission, look_again, prepare, send
from exauq_tui.app.submit_text import done
from exauq_tui.app.talk import Talk
from exauq_tui.app.threads import in_thread
from exauq_tui.hardware.status import JobStatus
from exauq_tui.monitor.evidence import GONE, is_gone
from exauq_tui.monitor.snapshot import JobRow

FAILED = frozenset({JobStatus.FAILED, JobStatus.FAILED_SUBMIT})
RESUBMITTABLE = FAILED | {JobStatus.CANCELLED}


class SubmitVerbs(Talk):
    """The verbs that make new jobs."""

    async def submit(self, server: str | None) -> None:
        """Ask what to submit, and submit it."""
        servers = list(self._model.servers.values())
        if not servers:
            self._tell("There is no server to submit to: see the configuration.", "warning")
            return
        names = [view.name for view in servers]
        chosen = server if server in names else names[0]
        from exauq_tui.app.screens.submit import SubmitDialog  # noqa: PLC0415 - not before it is opened

        dialog = SubmitDialog(
            servers,
            chosen,
            lambda wish: prepare(self._fleet, wish),
            lambda wish, before: look_again(self._fleet, wish, before),
            self._model.row,
            lambda: self._model.servers,
        )
        await self._open(dialog, self._submit)

    async def _submit(self, submission: Submission | None) -> None:
        if submission is None:
            return
        with self._recording(len(submission.inputs)):
            new = await in_thread(lambda: send(self._fleet, submission))
        self._tell(done({name: len(keys) for name, keys in new.items()}, submission))
        keys = [key for part in new.values() for key in part]
        if submission.reused:
            keys = [*submission.reused, *keys]
            self._mark_together(keys)
        self._show_new(keys)

    def _mark_together(self, keys: Sequence[int]) -> None:
        """Mark the jobs of one design, those that ran before and those that are new."""
        self._model.set_marks(self._model.marks - set(keys), False)
        self._model.set_marks(keys, True)
        if any(self._model.index_of(key) is None for key in keys):
            self._app.main.action_view_all()

    @contextmanager
    def _recording(self, count: int) -> Iterator[None]:
        """Show that jobs are being recorded, which takes a while where they are many."""
        self._app.main.show_recording(count)
        try:
            yield
        finally:
            self._app.main.show_recording(0)

    async def resubmit(self) -> None:
        """Submit once more what is marked; else the job under the cursor or all failed shown."""
        failed, tried = self._failed_shown()
        row = self._model.cursor_row()
        if self._model.visible_marks() or all(each is row for each in failed):
            await self._ask_resubmit(self._target_rows(), tried)
            return
        this = [] if row is None or not _is_fit(row) else [row]
        from exauq_tui.app.screens.resubmit import ResubmitDialog  # noqa: PLC0415 - not before it is opened

        dialog = ResubmitDialog(
            [self._line(each) for each in this], len(failed), self._notes_of(this, this, tried)
        )
        await self._open(dialog, partial(self._resubmit_choice, this, failed))

    async def _resubmit_choice(
        self, this: Sequence[JobRow], failed: Sequence[JobRow], choice: str | None
    ) -> None:
        from exauq_tui.app.screens.resubmit import ALL  # noqa: PLC0415 - not before it is opened

        if choice == ALL:
            await self._ask_resubmit(failed, frozenset())
        elif choice is not None:
            await self._resubmit(tuple(row.key for row in this))

    def _failed_shown(self) -> tuple[list[JobRow], frozenset[tuple[str, str]]]:
        """The failed jobs that are shown and were not tried again, from the top.

        Returns:
            They, and server and id of every job that another one tries again.
        """
        # One pass over all rows: some 10 ms of 100,000.
        failed: list[JobRow] = []
        tried: set[tuple[str, str]] = set()
        for row in self._model.all_rows():
            if row.try_of:
                tried.add((row.server, row.try_of))
            if row.status in FAILED:
                failed.append(row)
        places = {row.key: self._model.index_of(row.key) for row in failed if _id(row) not in tried}
        shown = sorted((place, key) for key, place in places.items() if place is not None)
        return list(self._model.rows(key for _, key in shown)), frozenset(tried)

    async def _ask_resubmit(
        self, rows: Sequence[JobRow], tried: frozenset[tuple[str, str]]
    ) -> None:
        fit = [row for row in rows if _is_fit(row)]
        if not rows:
            return
        if not fit:
            self._tell("Only jobs that failed or were cancelled can be resubmitted.", "warning")
            return
        keys = tuple(row.key for row in fit)
        jobs = fmt.count(len(fit), "job")
        await self._confirm(
            f"Resubmit {jobs}?",
            fit,
            f"Resubmit {jobs}",
            self._notes_of(rows, fit, tried),
            lambda: self._resubmit(keys),
        )

    def _notes_of(
        self, rows: Sequence[JobRow], fit: Sequence[JobRow], tried: frozenset[tuple[str, str]]
    ) -> list[str]:
        notes = self._notes(rows, fit, "did not fail and are left out")
        again = sum(_id(row) in tried for row in fit)
        if again:
            verb = "was" if again == 1 else "were"
            notes.append(f"{again:,} of these {verb} tried again already.")
        lost = sum(not row.is_terminal for row in fit)
        if lost:
            verb = "is" if lost == 1 else "are"
            notes.append(f"{lost:,} of these {verb} {GONE}, and may still run there.")
        return notes

    async def _resubmit(self, keys: Sequence[int]) -> None:
        with self._recording(len(keys)):
            new = await in_thread(lambda: self._fleet.resubmit(keys))
        self._tell(f"{fmt.count(len(new), 'job')} submitted again")
        self._show_new(new)


def _id(row: JobRow) -> tuple[str, str]:
    return row.server, row.job_id


def _is_fit(row: JobRow) -> bool:
    """Whether a job failed, was cancelled, or is gone with what it was to bring."""
    return row.status in RESUBMITTABLE or (is_gone(row.note) and row.output is None)
