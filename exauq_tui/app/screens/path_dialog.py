"""Dialogs that ask for a file: Tab completes its path."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from textual.binding import Binding, BindingType

from exauq_tui.app.screens.dialogs import Dialog
from exauq_tui.app.widgets.fields import PathField

R = TypeVar("R")


class PathDialog(Dialog[R]):
    """A dialog with a field for a path."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("tab", "tab", show=False, priority=True)]

    async def action_tab(self) -> None:
        """Complete the path in the file's field, or go to the next field."""
        field = self.focused
        if not isinstance(field, PathField) or not await field.complete():
            self.focus_next()
