"""A menu whose entries are taken by a letter, by Enter or by a click."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, TypeVar

from textual.binding import Binding, BindingType
from textual.widgets import OptionList

from exauq_tui.app.screens.dialogs import Dialog

R = TypeVar("R")


class LetterMenu(Dialog[R]):
    """A dialog around an option list "choices"; `j` and `k` move in it, `q` leaves it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "refuse", show=False),
        Binding("j", "move(1)", show=False),
        Binding("k", "move(-1)", show=False),
    ]
    FIRST_FOCUS: ClassVar[str] = "#choices"

    def letters(self) -> Iterable[tuple[str, str]]:
        """Each letter with the id of the entry that it takes."""
        raise NotImplementedError

    def take(self, id_: str) -> None:
        """Take an entry."""
        raise NotImplementedError

    def on_mount(self) -> None:
        """Let each entry be taken by its letter; Textual calls this of each class by itself."""
        for letter, id_ in self.letters():
            self._bindings.bind(letter, f"take('{id_}')", show=False)

    def action_take(self, id_: str) -> None:
        """Take what a letter stands for."""
        self.take(id_)

    def action_move(self, by: int) -> None:
        """Go to the entry below or above."""
        options = self.query_one(OptionList)
        if by > 0:
            options.action_cursor_down()
        else:
            options.action_cursor_up()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Take what Enter or a click chose."""
        if event.option_id is not None:
            self.take(event.option_id)
