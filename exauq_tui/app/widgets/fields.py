"""Text fields of dialogs: one hands on what is too much for a field, one knows paths."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from textual import events
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Input

from exauq_tui.app import format as fmt
from exauq_tui.app.path_completion import Completion, complete
from exauq_tui.app.threads import in_thread

_LONGEST_PASTE = 1000
_PATIENCE = 0.3
"""Seconds for which Tab waits for a directory's list: keys typed after it wait with it."""


class Field(Input):
    """A field that takes a line. Several lines pasted at once are told of instead.

    Args:
        id: The widget's id.
        placeholder: What stands there while it is empty.
        suggester: Offers how the text may go on.
    """

    class RowsPasted(Message):
        """Several lines were pasted.

        Attributes:
            text: They.
        """

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, id: str, placeholder: str = "", suggester: Suggester | None = None) -> None:
        super().__init__(id=id, placeholder=placeholder, suggester=suggester, compact=True)

    def on_paste(self, event: events.Paste) -> None:
        """Hand on what is no line; the base class would take its first line only."""
        text = event.text.strip("\r\n")
        if "\n" in text or "\r" in text or len(text) > _LONGEST_PASTE:
            event.stop()
            event.prevent_default()
            self.post_message(self.RowsPasted(text))


class RowsField(Field):
    """A field for one row, or for many that were pasted: these are counted, not shown.

    Args:
        id: The widget's id.
    """

    _EMPTY = "0.5, 1, -2e3, or paste many anywhere here"

    class Dropped(Message):
        """What was pasted is not wanted any more."""

    def __init__(self, id: str) -> None:
        super().__init__(id, self._EMPTY)
        self.pasted = ""

    def keep(self, text: str) -> None:
        """Keep rows that were pasted, "" for none."""
        if text:
            with self.prevent(Input.Changed):
                self.value = ""
        if text != self.pasted:
            count = fmt.count(len(text.splitlines()), "line")
            self.placeholder = f"{count} pasted (Del drops them)" if text else self._EMPTY
        self.pasted = text

    def action_delete_left(self) -> None:
        """Drop what was pasted, or the character before the cursor."""
        self._drop_or(super().action_delete_left)

    def action_delete_right(self) -> None:
        """Drop what was pasted, or the character under the cursor."""
        self._drop_or(super().action_delete_right)

    def _drop_or(self, delete: Callable[[], None]) -> None:
        if self.pasted:
            self.keep("")
            self.post_message(self.Dropped())
        else:
            delete()


class _Paths(Suggester):
    """Offers the first match of a path."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        completion = await in_thread(lambda: complete(value))
        return completion.matches[0] if completion.matches else None


class PathField(Field):
    """A field for the path of a file; directories are listed in a thread.

    Args:
        id: The widget's id.
        placeholder: What stands there while it is empty.
        value: What stands there at first; it is gone on with, not replaced by what is typed.
    """

    def __init__(self, id: str, placeholder: str = "", value: str = "") -> None:
        super().__init__(id, placeholder, _Paths())
        self.value = value
        self.cursor_position = len(value)
        self.select_on_focus = not value

    async def complete(self) -> bool:
        """Let the path go on as far as it is clear how; whether it did.

        A directory that is slow to be listed is not waited for.
        """
        typed = self.value
        try:
            found = await asyncio.wait_for(in_thread(lambda: complete(typed)), _PATIENCE)
        except TimeoutError:
            return True  # it stands there and may be pressed again
        return self._take(found)

    def _take(self, found: Completion) -> bool:
        if self.value != found.typed or found.common == found.typed:
            return False
        self.value = found.common
        self.cursor_position = len(self.value)
        return True
