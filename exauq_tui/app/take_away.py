"""What people take out of the dashboard: text for the clipboard, and files of jobs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from exauq_tui.app import format as fmt
from exauq_tui.app.copying import Choice, choices
from exauq_tui.app.screens.dialogs import ConfirmDialog
from exauq_tui.app.threads import in_thread
from exauq_tui.errors import ExauqTuiError
from exauq_tui.monitor.export import default_name, export, free_name
from exauq_tui.monitor.private_file import write_private
from exauq_tui.monitor.snapshot import JobRow

if TYPE_CHECKING:
    from exauq_tui.app.app import ExauqApp

COPIED = "copied.txt"
"""The file in the data directory that holds what was copied last."""

_MOST_BYTES = 74_000
"""Many terminals leave longer texts than this out of the clipboard."""


class TakeAway:
    """Copies and exports jobs; what it was asked for is held on to from the first key on.

    Args:
        app: Where dialogs and messages are shown, and whose clipboard it is.
    """

    def __init__(self, app: ExauqApp) -> None:
        self._app = app
        self._model = app.model

    # Copying

    async def copy(self) -> None:
        """Ask what is to be copied of the marked jobs, or of the one under the cursor."""
        rows = self._model.rows(self._model.targets())
        if not rows:
            self._app.tell("There is no job here.", "warning")
            return
        profiles = {profile.name: profile for profile in self._app.config.servers}
        from exauq_tui.app.screens.copy import CopyMenu  # noqa: PLC0415 - not before it is opened

        menu = CopyMenu(f"Copy of {_jobs(rows)}", choices(rows, self._names(), profiles))
        await self._app.push_screen(
            menu, lambda choice: self._run(lambda: self._copy(choice, len(rows)))
        )

    async def _copy(self, choice: Choice | None, jobs: int) -> None:
        if choice is None:
            return
        text = await in_thread(choice.text)
        self._app.copy_to_clipboard(text)
        of = f" of {fmt.count(jobs, 'job')}" if jobs > 1 else ""
        told, severity = f"Copied the {choice.name}{of}.", "information"
        # No terminal says whether it did as it was asked.
        is_kept = await self._keep(text)
        if is_kept:
            told += f"\nIf nothing can be pasted: it is in {self._app.data_dir}/{COPIED}"
        if len(text.encode()) > _MOST_BYTES:
            told += "\nIt is more than many terminals take."
            severity = "warning"
        self._app.tell(told, severity)

    async def _keep(self, text: str) -> bool:
        """Also write what was copied to a file; tells whether that was done."""
        directory = self._app.data_dir
        if directory is None:
            return False
        try:
            await in_thread(lambda: write_private(directory / COPIED, text + "\n"))
        except OSError:
            return False  # the clipboard may well have it
        return True

    # Exporting

    async def export(self) -> None:
        """Ask for a file and write the marked jobs to it, or all that are shown."""
        marked = self._model.visible_marks()
        keys = marked or self._model.visible_keys()
        rows = self._model.rows(keys)
        if not rows:
            self._app.tell("There is no job to export.", "warning")
            return
        word = "marked" if marked else "shown" if self._is_part(rows) else ""
        what = f"{len(rows):,} {word} ".replace("  ", " ") + ("job" if len(rows) == 1 else "jobs")
        hidden = self._model.hidden_marks()
        notes = (f"{hidden:,} marked but hidden by view or filter: left out.",) if hidden else ()
        from exauq_tui.app.screens.export import ExportDialog  # noqa: PLC0415 - not before it is opened

        name = await in_thread(lambda: _offered_name(rows, self._app.clock()))
        await self._app.push_screen(
            ExportDialog(what, name, notes), lambda path: self._run(lambda: self._write(path, rows))
        )

    def _is_part(self, rows: Sequence[JobRow]) -> bool:
        return len(rows) < self._model.total

    async def _write(
        self, path: Path | None, rows: Sequence[JobRow], *, overwrite: bool = False
    ) -> None:
        if path is None:
            return
        names = self._names()
        if await in_thread(lambda: export(path, rows, names, overwrite=overwrite)):
            self._app.tell(f"{fmt.count(len(rows), 'job')} written to {path.absolute()}")
            return
        dialog = ConfirmDialog(
            "Replace the file?", (str(path.absolute()),), "Replace it", ["It is there already."]
        )
        await self._app.push_screen(
            dialog,
            lambda yes: self._run(lambda: self._write(path if yes else None, rows, overwrite=True)),
        )

    # What they share

    def _names(self) -> Mapping[str, tuple[str, ...]]:
        return {name: view.input_names for name, view in self._model.servers.items()}

    def _run(self, work: Callable[[], Awaitable[None]]) -> None:
        self._app.run_worker(self._guarded(work), group="take-away", exit_on_error=False)

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except ExauqTuiError as error:
            self._app.tell(str(error), "error")


def _jobs(rows: Sequence[JobRow]) -> str:
    return f"job {rows[0].job_id}" if len(rows) == 1 else fmt.count(len(rows), "job")


def _offered_name(rows: Sequence[JobRow], now: float) -> str:
    return free_name(Path(default_name(rows, now))).name
