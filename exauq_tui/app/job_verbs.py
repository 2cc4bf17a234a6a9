"""What people ask for, from the key to the fleet: choose targets, ask, do, and tell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from exauq_tui.app import format as fmt
from exauq_tui.app.screens.dialogs import TypeToConfirmDialog
from exauq_tui.app.submit_verbs import SubmitVerbs
from exauq_tui.app.talk import nothing
from exauq_tui.app.threads import answer, in_thread
from exauq_tui.hardware.interface import WorkspaceSummary
from exauq_tui.hardware.status import JobStatus
from exauq_tui.monitor.evidence import is_gone
from exauq_tui.monitor.snapshot import JobRow

_SHOWN_OTHERS = 8


class JobVerbs(SubmitVerbs):
    """Carries out the verbs on jobs and servers."""

    # Cancelling

    async def cancel(self) -> None:
        """Cancel jobs that have not ended."""
        rows = self._target_rows()
        live = [row for row in rows if not row.is_terminal]
        if not rows:
            return
        if not live:
            many = len(rows) > 1
            self._tell(f"{'These jobs have' if many else 'This job has'} ended already.", "warning")
            return
        keys = tuple(row.key for row in live)
        notes = self._notes(rows, live, "have ended and are left alone")
        jobs = fmt.count(len(live), "job")
        await self._confirm(
            f"Cancel {jobs}?", live, f"Cancel {jobs}", notes, lambda: self._cancel(keys)
        )

    async def _cancel(self, keys: Sequence[int]) -> None:
        result = await in_thread(lambda: self._fleet.cancel(keys))
        text = f"{fmt.count(len(result.asked), 'job')} asked to stop"
        if result.left:
            text += f"; {fmt.count(len(result.left), 'job')} had ended"
        self._tell(text)

    # Outputs

    def fetch_outputs(self) -> None:
        """Read the outputs of completed jobs."""
        rows = self._target_rows()
        done = [row for row in rows if row.status is JobStatus.COMPLETED]
        if not rows:
            return
        if not done:
            self._tell("Only completed jobs have an output.", "warning")
            return
        self._run(self._fetch(tuple(row.key for row in done)))

    async def _fetch(self, keys: Sequence[int]) -> None:
        results = await answer(self._fleet.fetch_outputs(keys))
        numbers = [value for value in results.values() if not isinstance(value, str)]
        reasons = {key: value for key, value in results.items() if isinstance(value, str)}
        if len(results) == 1 and numbers:
            self._tell(f"Output: {fmt.number(numbers[0])}")
        elif numbers:
            key = self._app.commands.first_key("export")
            self._tell(f"{fmt.count(len(numbers), 'output')} read; {key} exports them")
        self._tell_reasons("could not be read", reasons)

    # Deleting

    async def delete_jobs(self) -> None:
        """Delete the directories of jobs that have ended."""
        rows = self._target_rows()
        ended = [row for row in rows if row.is_terminal or is_gone(row.note)]
        if not rows:
            return
        if not ended:
            self._tell("Jobs that may still run are not deleted: cancel them first.", "warning")
            return
        keys = tuple(row.key for row in ended)
        notes = self._notes(rows, ended, "have not ended and are left alone")
        unfetched = _unfetched(ended)
        if unfetched:
            notes.append(f"{fmt.count(unfetched, 'output')} of these never fetched (o fetches).")
        notes.append("Directories on the server are removed for good, with input, log and output.")
        jobs = fmt.count(len(ended), "job")
        dialog = TypeToConfirmDialog(
            f"Delete {jobs}",
            str(len(ended)),
            "the number of jobs",
            [self._line(row) for row in ended],
            f"Delete {jobs}",
            notes,
        )
        await self._open(dialog, lambda yes: self._delete_jobs(keys) if yes else nothing())

    async def _delete_jobs(self, keys: Sequence[int]) -> None:
        results = await answer(self._fleet.delete_jobs(keys))
        reasons = {key: reason for key, reason in results.items() if reason}
        if len(results) > len(reasons):
            self._tell(f"{fmt.count(len(results) - len(reasons), 'job')} deleted")
        self._tell_reasons("not deleted", reasons)

    def delete_workspace(self, server: str | None) -> None:
        """Look at what a workspace holds, ask for its name, and delete it."""
        if server is None:
            self._tell("Choose a server first (w).", "warning")
            return
        self._tell(f"Looking at the workspace on {fmt.safe(server)} …")
        self._run(self._ask_workspace(server))

    async def _ask_workspace(self, server: str) -> None:
        summary = await answer(self._fleet.describe_workspace(server))
        name = summary.path.rstrip("/").rsplit("/", 1)[-1] or summary.path
        unfetched = _unfetched(row for row in self._model.all_rows() if row.server == server)
        dialog = TypeToConfirmDialog(
            f"Delete the workspace of {fmt.safe(server)}",
            name,
            "the workspace's name",
            [summary.path],
            "Delete workspace",
            _workspace_notes(summary, unfetched),
        )
        await self._open(dialog, lambda yes: self._delete_workspace(server) if yes else nothing())

    async def _delete_workspace(self, server: str) -> None:
        await answer(self._fleet.delete_workspace(server))
        self._tell(f"The workspace on {fmt.safe(server)} is deleted.")

    # Servers

    def look_now(self) -> None:
        """Look, or try to connect, at once."""
        self._run(in_thread(self._fleet.look_now))


def _unfetched(rows: Iterable[JobRow]) -> int:
    """How many completed jobs there are whose output could be, and was not, read."""
    return sum(
        row.status is JobStatus.COMPLETED and row.output is None and not is_gone(row.note)
        for row in rows
    )


def _workspace_notes(summary: WorkspaceSummary, unfetched: int) -> list[str]:
    """What a person should know before a workspace is deleted."""
    notes = [f"It holds {fmt.count(summary.jobs, 'job')}."]
    if summary.running:
        verb = "runs or waits" if summary.running == 1 else "run or wait"
        notes[0] += f" {summary.running:,} still {verb}, and will be cut off."
    if unfetched:
        notes.append(f"{fmt.count(unfetched, 'output')} never fetched.")
    if summary.others:
        shown = ", ".join(fmt.safe(name) for name in summary.others[:_SHOWN_OTHERS])
        more = len(summary.others) - _SHOWN_OTHERS
        notes.append(
            f"Also deleted, though not jobs: {shown}" + (f" and {more} more." if more > 0 else ".")
        )
    return notes
