"""What people ask for, from the key to the fleet: choose targets, ask, do, and tell."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from exauq_tui.app import format as fmt
from exauq_tui.app.screens.dialogs import ConfirmDialog, Dialog, TypeToConfirmDialog
from exauq_tui.app.screens.submit import SubmitDialog
from exauq_tui.app.submit_order import Submission, prepare, send
from exauq_tui.app.submit_text import done
from exauq_tui.app.threads import answer, in_thread
from exauq_tui.errors import ExauqTuiError
from exauq_tui.hardware.interface import WorkspaceSummary
from exauq_tui.hardware.status import JobStatus
from exauq_tui.monitor.evidence import GONE, is_gone
from exauq_tui.monitor.snapshot import JobRow

if TYPE_CHECKING:
    from exauq_tui.app.app import ExauqApp

R = TypeVar("R")
T = TypeVar("T")

TYPED_ABOVE = 20
"""More targets than this are confirmed by typing their number."""

RESUBMITTABLE = frozenset({JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.FAILED_SUBMIT})
_SHOWN_REASONS = 3
_SHOWN_OTHERS = 8


class JobVerbs:
    """Carries out the verbs on jobs and servers.

    A dialog holds on to the keys that it lists: what changes behind it changes nothing of
    what is acted upon. The fleet checks each job again before it acts.

    Args:
        app: Where dialogs and messages are shown.
        show_new: Called with the keys of jobs that were just submitted.
    """

    def __init__(self, app: ExauqApp, show_new: Callable[[Sequence[int]], None]) -> None:
        self._app = app
        self._fleet = app.fleet
        self._model = app.model
        self._show_new = show_new

    # Submitting

    async def submit(self, server: str | None) -> None:
        """Ask what to submit, and submit it."""
        servers = list(self._model.servers.values())
        if not servers:
            self._tell("There is no server to submit to: see the configuration.", "warning")
            return
        names = [view.name for view in servers]
        chosen = server if server in names else names[0]
        dialog = SubmitDialog(
            servers, chosen, lambda wish: prepare(self._fleet, wish), self._model.row
        )
        await self._open(dialog, self._submit)

    async def _submit(self, submission: Submission | None) -> None:
        if submission is None:
            return
        new = await in_thread(lambda: send(self._fleet, submission))
        self._tell(done({name: len(keys) for name, keys in new.items()}, submission.reused))
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

    async def resubmit(self) -> None:
        """Submit the inputs of failed, cancelled or vanished jobs once more."""
        rows = self._target_rows()
        fit = [row for row in rows if row.status in RESUBMITTABLE or _is_lost(row)]
        if not fit:
            self._tell("Only jobs that failed or were cancelled can be resubmitted.", "warning")
            return
        keys = tuple(row.key for row in fit)
        notes = self._notes(rows, fit, "did not fail and are left out")
        lost = sum(not row.is_terminal for row in fit)
        if lost:
            verb = "is" if lost == 1 else "are"
            notes.append(f"{lost:,} of these {verb} {GONE}, and may still run there.")
        title = f"Resubmit {fmt.count(len(fit), 'job')}?"
        await self._confirm(
            title,
            fit,
            f"Resubmit {fmt.count(len(fit), 'job')}",
            notes,
            lambda: self._resubmit(keys),
        )

    async def _resubmit(self, keys: Sequence[int]) -> None:
        new = await in_thread(lambda: self._fleet.resubmit(keys))
        self._tell(f"{fmt.count(len(new), 'job')} submitted again")
        self._show_new(new)

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
        await self._open(dialog, lambda yes: self._delete_jobs(keys) if yes else _nothing())

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
        await self._open(dialog, lambda yes: self._delete_workspace(server) if yes else _nothing())

    async def _delete_workspace(self, server: str) -> None:
        await answer(self._fleet.delete_workspace(server))
        self._tell(f"The workspace on {fmt.safe(server)} is deleted.")

    # What they share

    def look_now(self) -> None:
        """Look, or try to connect, at once."""
        self._run(in_thread(self._fleet.look_now))

    def _target_rows(self) -> list[JobRow]:
        rows = list(self._model.rows(self._model.targets()))
        if not rows:
            self._tell("There is no job here.", "warning")
        return rows

    def _notes(self, rows: Sequence[JobRow], taken: Sequence[JobRow], why: str) -> list[str]:
        """What a dialog says about jobs that it does not act upon."""
        notes = []
        if len(taken) < len(rows):
            notes.append(f"{len(rows) - len(taken):,} of {len(rows):,} {why}.")
        hidden = self._model.hidden_marks()
        if hidden:
            notes.append(f"{hidden:,} marked but hidden by view or filter: left out.")
        away = {
            row.server
            for row in taken
            if not is_gone(row.note)
            and fmt.is_stale(
                row, view.state if (view := self._model.servers.get(row.server)) else None
            )
        }
        if away:
            names = ", ".join(fmt.safe(name) for name in sorted(away))
            notes.append(f"{names} cannot be reached now: it is done when it is back.")
        return notes

    def _line(self, row: JobRow) -> str:
        view = self._model.servers.get(row.server)
        names = view.input_names if view else ()
        status = fmt.status_text(row, fmt.is_stale(row, view.state if view else None))
        return f"{fmt.fit(status, 17)} {row.job_id}  {fmt.inputs_text(row.inputs, names)}"

    async def _confirm(
        self,
        title: str,
        rows: Sequence[JobRow],
        yes: str,
        notes: Sequence[str],
        do: Callable[[], Awaitable[None]],
    ) -> None:
        """Ask by `y`, or by typing the number where it is large."""
        lines = [self._line(row) for row in rows]
        dialog: Dialog[bool]
        if len(rows) > TYPED_ABOVE:
            expected = str(len(rows))
            dialog = TypeToConfirmDialog(
                title.rstrip("?"), expected, "the number of jobs", lines, yes, notes
            )
        else:
            dialog = ConfirmDialog(title, lines, yes, notes)
        await self._open(dialog, lambda accepted: do() if accepted else _nothing())

    async def _open(self, dialog: Dialog[R], then: Callable[[R | None], Awaitable[None]]) -> None:
        """Open a dialog; its answer is acted upon in a task of its own.

        The dialog is waited for until it is drawn, so that keys typed ahead reach it.
        """
        await self._app.push_screen(dialog, lambda answer: self._run(then(answer)))

    def _run(self, work: Awaitable[T]) -> None:
        """Do something that may take long, and tell if it fails."""
        self._app.run_worker(self._guarded(work), group="verbs", exit_on_error=False)

    async def _guarded(self, work: Awaitable[T]) -> None:
        try:
            await work
        except (ExauqTuiError, ValueError) as error:
            self._tell(str(error), "error")

    def _tell(self, text: str, severity: str = "information") -> None:
        self._app.tell(text, severity)

    def _tell_reasons(self, what: str, reasons: Mapping[int, str]) -> None:
        """Tell why something was not done, the first few reasons in full."""
        if not reasons:
            return
        distinct = list(dict.fromkeys(reasons.values()))
        lines = [f"{fmt.count(len(reasons), 'job')} {what}:", *distinct[:_SHOWN_REASONS]]
        if len(distinct) > _SHOWN_REASONS:
            lines.append(f"and {len(distinct) - _SHOWN_REASONS} more reasons")
        self._tell("\n".join(lines), "error")


async def _nothing() -> None:
    """Do nothing: what follows a dialog that was refused."""


def _is_lost(row: JobRow) -> bool:
    """Whether a job's directory is gone, and with it what it was to bring."""
    return is_gone(row.note) and row.output is None


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
