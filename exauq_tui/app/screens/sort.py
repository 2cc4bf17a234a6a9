"""The menu of the orders that the table of jobs can have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from exauq_tui.app.screens.letter_menu import LetterMenu

_LETTERS = "abcdefghilmnoprstuvwxyz"
"""What picks an entry: j and k move, q closes."""


class SortMenu(LetterMenu[str]):
    """Lists the columns; a letter, Enter or a click sorts by one, and inverts the present one.

    Args:
        columns: Name and label of each column.
        current: The name of the one by which the table is sorted.
        arrow: The sign of its direction.
    """

    def __init__(self, columns: Sequence[tuple[str, str]], current: str, arrow: str) -> None:
        super().__init__()
        self._columns = tuple(columns)
        self._current = current
        self._arrow = arrow

    def compose(self) -> ComposeResult:
        """Make the box."""
        with Vertical(classes="dialog narrow") as box:
            box.border_title = Content("Sort by")
            box.border_subtitle = Content("Esc closes")
            yield OptionList(
                *(Option(self._line(at), id=name) for at, (name, _) in enumerate(self._columns)),
                id="choices",
            )
            yield Static("The same column again inverts.", classes="note after", markup=False)

    def letters(self) -> Iterable[tuple[str, str]]:
        """The columns have letters from the top, as far as there are any."""
        names = (name for name, _ in self._columns)
        return zip(_LETTERS, names, strict=False)

    def on_mount(self) -> None:
        """Begin at the present column."""
        names = [name for name, _ in self._columns]
        if self._current in names:
            self.query_one(OptionList).highlighted = names.index(self._current)

    def _line(self, at: int) -> Content:
        name, label = self._columns[at]
        letter = _LETTERS[at] if at < len(_LETTERS) else " "
        is_current = name == self._current
        return Content.assemble(
            (f" {letter}  ", "bold $accent"),
            (label, "bold" if is_current else ""),
            (f"  {self._arrow}" if is_current else "", "bold $accent"),
        )

    def take(self, id_: str) -> None:
        """Sort by a column."""
        self.dismiss(id_)
