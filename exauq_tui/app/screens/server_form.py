"""The form for a server's profile; what is wrong is said below the field that it concerns."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Input, Label, Select, Static, TextArea

from exauq_tui.app import format as fmt
from exauq_tui.app.profile_fields import (
    FIELDS,
    Field,
    Values,
    complaints,
    empty_values,
    is_shown,
    table_of,
)
from exauq_tui.app.screens.dialogs import Dialog
from exauq_tui.config import ServerProfile, profile_of
from exauq_tui.errors import ExauqTuiError

Save = Callable[[ServerProfile], Awaitable[None]]
"""Writes a profile and has it used; raises an `ExauqTuiError` that is shown in the form."""


class ServerForm(Dialog[str]):
    """Asks for everything that a profile says; gives the server's name once it is saved.

    Args:
        title: What is done here.
        save: Saves what was typed.
        taken: Names that other servers have, and in which file.
        values: What stands in the fields at first; None for nothing.
        notes: What a person should know.
        is_named: Whether the name is given and stays.
    """

    FIRST_FOCUS: ClassVar[str] = "#field-name"

    def __init__(
        self,
        title: str,
        save: Save,
        taken: Mapping[str, Path | None],
        values: Values | None = None,
        *,
        notes: tuple[str, ...] = (),
        is_named: bool = False,
    ) -> None:
        super().__init__()
        self._heading = title
        self._save = save
        self._taken = taken
        self._first = values or empty_values()
        self._notes = notes
        self._is_named = is_named
        self._touched: set[str] = set()
        self._is_saving = False
        self._is_warned = False
        self._told = ""
        self._said: dict[str, str] = {}
        # Made here: they are gone through at each key.
        self._entries = {field.name: self._entry(field) for field in FIELDS}
        self._reasons = {
            field.name: Label("", id=f"why-{field.name}", classes="why", markup=False)
            for field in FIELDS
        }
        self._lines = {
            field.name: Vertical(classes="field", id=f"line-{field.name}") for field in FIELDS
        }

    # The fields

    def compose(self) -> ComposeResult:
        """Make the box."""
        with Vertical(classes="dialog form wide server-form") as box:
            box.border_title = Content(self._heading)
            with VerticalScroll(id="fields", can_focus=False):
                for field in FIELDS:
                    with self._lines[field.name]:
                        if field.heading:
                            yield Static(field.heading, classes="heading", markup=False)
                        with Horizontal(classes="line"):
                            yield Label(field.label, classes="name", markup=False)
                            yield self._entries[field.name]
                        yield self._reasons[field.name]
                for note in self._notes:
                    yield Static(fmt.safe_block(note), classes="note after", markup=False)
            yield Static(id="trouble", markup=False)
            with Horizontal(classes="buttons"):
                yield Button(Content("Esc  Close"), id="no")
                yield Button(Content("⏎  Save"), id="yes")

    def _entry(self, field: Field) -> Widget:
        value, id_ = self._first[field.name], f"field-{field.name}"
        if field.choices:
            options = [(words, each) for each, words in field.choices]
            return Select(options, value=value, allow_blank=False, compact=True, id=id_)
        if field.lines > 1:
            area = TextArea(value, compact=True, id=id_, placeholder=field.hint)
            area.styles.height = field.lines
            return area
        entry = Input(value, id=id_, compact=True, placeholder=field.hint)
        entry.disabled = self._is_named and field.name == "name"
        return entry

    def on_mount(self) -> None:
        """Show the fields that are wanted."""
        self._arrange()
        super().on_mount()

    def focus_first(self) -> None:
        """Begin with the name, or below it where that is given."""
        first = "#field-program" if self._first["kind"] == "local" else "#field-host"
        self.set_focus(self.query_one(first if self._is_named else self.FIRST_FOCUS))

    @property
    def values(self) -> Values:
        """What stands in the fields now."""
        values = {}
        for name, entry in self._entries.items():
            if isinstance(entry, TextArea):
                values[name] = entry.text
            elif isinstance(entry, (Input, Select)):
                values[name] = str(entry.value)
        return values

    def _arrange(self) -> None:
        values = self.values
        for field in FIELDS:
            self._lines[field.name].display = is_shown(field, values)

    # What is wrong

    @on(Input.Changed)
    @on(Select.Changed)
    @on(TextArea.Changed)
    def _changed(self, event: Input.Changed | Select.Changed | TextArea.Changed) -> None:
        values = self.values
        name = (event.control.id or "").removeprefix("field-")
        if values.get(name) != self._first.get(name):
            self._touched.add(name)
        self._is_warned = False
        self._tell("")
        self._arrange()
        self._mark(complaints(values, self._taken), self._touched)

    def _mark(self, found: Mapping[str, str], where: set[str]) -> None:
        for field in FIELDS:
            reason = found.get(field.name, "") if field.name in where else ""
            if reason == self._said.get(field.name, ""):
                continue  # each that is drawn anew has the whole form laid out afresh
            self._said[field.name] = reason
            why = self._reasons[field.name]
            self._entries[field.name].set_class(bool(reason), "-wrong")
            why.set_class(bool(reason), "-wrong")
            why.update(Content(fmt.safe(reason)))

    def _tell(self, text: str) -> None:
        if text == self._told:
            return
        self._told = text
        trouble = self.query_one("#trouble", Static)
        trouble.display = bool(text)
        trouble.update(Content(fmt.safe_block(text)))

    # Deciding

    @on(Input.Submitted)
    @on(Button.Pressed, "#yes")
    def _accept(self) -> None:
        """Save, or go to the first field that is wrong."""
        if self._is_saving:
            return
        values = self.values
        found = complaints(values, self._taken)
        self._touched |= set(found)
        self._mark(found, self._touched)
        if found:
            wrong = next((field.name for field in FIELDS if field.name in found), "name")
            self.set_focus(self._entries[wrong])
            return
        self._is_saving = True
        profile = profile_of(values["name"].strip(), table_of(values), None)
        self.run_worker(self._do_save(profile), group="save", exit_on_error=False)

    async def _do_save(self, profile: ServerProfile) -> None:
        try:
            await self._save(profile)
        except ExauqTuiError as error:
            self._tell(str(error))
        else:
            self.dismiss(profile.name)
        finally:
            self._is_saving = False

    @on(Button.Pressed, "#no")
    def action_refuse(self) -> None:
        """Leave without saving; what was typed is not thrown away at the first key."""
        if self.values != self._first and not self._is_warned:
            self._is_warned = True
            self._tell("Nothing is saved yet. Esc again closes without saving.")
        else:
            self.dismiss(None)
