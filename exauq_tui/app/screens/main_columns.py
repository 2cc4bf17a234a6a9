"""Order and columns of the main screen's table, and that they are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on

from exauq_tui.app.job_views import starts_descending
from exauq_tui.app.preferences import Preferences, PreferencesFile, Reading
from exauq_tui.app.screens.main_selection import MainSelection
from exauq_tui.app.threads import in_thread
from exauq_tui.app.widgets.job_table import JobTable

if TYPE_CHECKING:
    from exauq_tui.app.screens.choose_columns import ColumnChooser


class MainColumns(MainSelection):
    """The part of the main screen that says how the table looks."""

    preferences: PreferencesFile

    def take_preferences(self, read: Reading | None) -> None:
        """Look as was chosen before, ahead of the first rows; reads that where nobody did."""
        chosen, problem = read or self.preferences.read()
        self.table.preferred = chosen.columns
        self.model.set_sort(chosen.sort, descending=chosen.descending)
        self.model.set_folds(chosen.folds)
        if problem:
            self.app.tell(problem, "warning")

    def keep_preferences(self) -> None:
        """Write down what is chosen now, in a thread."""
        model = self.model
        chosen = Preferences(self.table.preferred, model.sort, model.descending, model.folds)
        self.app.run_worker(self._keep(chosen), group="preferences", exit_on_error=False)

    async def _keep(self, chosen: Preferences) -> None:
        problem = await in_thread(lambda: self.preferences.write(chosen))
        if problem:
            self.app.tell(problem, "warning")

    # Order

    def _sort_by(self, name: str) -> None:
        """Sort by a column; by the present one, the other way round."""
        descending = not self.model.descending if name == self.model.sort else None
        if descending is None:
            descending = starts_descending(name)
        self._select(lambda: self.model.set_sort(name, descending=descending))
        self.keep_preferences()

    async def action_sort(self) -> None:
        """Choose the order from a menu."""
        from exauq_tui.app.screens.sort import SortMenu  # noqa: PLC0415 - not before it is opened

        columns = [(column.name, column.label) for column in self.table.every_column()]
        menu = SortMenu(columns, self.model.sort, self.table.sort_arrow)
        await self.app.push_screen(menu, lambda name: self._sort_by(name) if name else None)

    def action_sort_invert(self) -> None:
        """Turn the order round."""
        self._sort_by(self.model.sort)

    def action_sort_left(self) -> None:
        """Sort by the column to the left."""
        self._step_sort(-1)

    def action_sort_right(self) -> None:
        """Sort by the column to the right."""
        self._step_sort(1)

    def _step_sort(self, by: int) -> None:
        names = [column.name for column in self.table.columns]
        if self.model.sort in names:
            self._sort_by(names[(names.index(self.model.sort) + by) % len(names)])
        elif names:
            self._sort_by(names[0 if by > 0 else -1])

    @on(JobTable.HeadingClicked)
    def _heading_clicked(self, event: JobTable.HeadingClicked) -> None:
        self._sort_by(event.name)

    # Columns

    async def action_columns(self) -> None:
        """Choose columns and their order."""
        from exauq_tui.app.screens.choose_columns import ColumnChooser  # noqa: PLC0415 - not before it is opened

        every = [(column.name, column.label) for column in self.table.every_column()]
        shown = self.table.preferred or [column.name for column in self.table.columns]
        await self.app.push_screen(ColumnChooser(every, shown))

    def on_column_chooser_chosen(self, event: ColumnChooser.Chosen) -> None:
        """Show these columns from now on."""
        self.table.preferred = event.names
        self.table.sync()
        self.keep_preferences()
