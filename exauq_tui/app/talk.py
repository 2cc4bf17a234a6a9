"""What all verbs share: targets, what a dialog says of them, asking, and telling."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from exauq_tui.app import format as fmt
from exauq_tui.app.screens.dialogs import ConfirmDialog, Dialog, TypeToConfirmDialog
from exauq_tui.errors import ExauqTuiError
from exauq_tui.monitor.evidence import is_gone
from exauq_tui.monitor.snapshot import JobRow

if TYPE_CHECKING:
    from exauq_tui.app.app import ExauqApp

R = TypeVar("R")
T = TypeVar("T")

TYPED_ABOVE = 20
"""More targets than this are confirmed by typing their number."""

_SHOWN_REASONS = 3


class Talk:
    """Asks people and tells them, for the verbs.

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
        await self._open(dialog, lambda accepted: do() if accepted else nothing())

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


async def nothing() -> None:
    """Do nothing: what follows a dialog that was refused."""
