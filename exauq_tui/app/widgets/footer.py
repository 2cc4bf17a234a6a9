"""The line at the bottom: the keys that work here, each of which can be clicked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual import events
from textual.content import Content
from textual.widget import Widget

from exauq_tui.app.command_list import Command, Scope
from exauq_tui.app.commands import CommandTable, key_name


class Footer(Widget):
    """Shows commands from the table of commands.

    Args:
        table: The commands with their keys.
        scopes: Whose commands are shown.
        labels: Command id to another label that fits better here.
        without: Ids of commands that are left out.
    """

    def __init__(
        self,
        table: CommandTable,
        scopes: Sequence[Scope],
        *,
        labels: Mapping[str, str] | None = None,
        without: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self._table = table
        self._commands = [command for command in table.footer(scopes) if command.id not in without]
        self._labels = labels or {}

    def _label(self, command: Command) -> str:
        return self._labels.get(command.id, command.label).lower()

    def _fitting(self) -> list[tuple[int, Command]]:
        """The commands that fit, with the cell where each starts; help and quit always do."""
        width = self.size.width
        widths = {command.id: self._length(command) for command in self._commands}
        chosen = [command for command in self._commands if command.id in ("help", "quit")]
        room = width - 1 - sum(widths[command.id] for command in chosen)
        for command in self._commands:
            if command not in chosen and widths[command.id] <= room:
                chosen.append(command)
                room -= widths[command.id]
        placed, at = [], 1
        for command in self._commands:
            if command in chosen:
                placed.append((at, command))
                at += widths[command.id]
        return placed

    def _length(self, command: Command) -> int:
        return len(key_name(self._table.keys(command)[0])) + 1 + len(self._label(command)) + 2

    def render(self) -> Content:
        """Draw the line."""
        parts: list[tuple[str, str]] = [(" ", "")]
        for _, command in self._fitting():
            parts.append((key_name(self._table.keys(command)[0]), "bold $footer-key-foreground"))
            parts.append((f" {self._label(command)}  ", "$foreground-muted"))
        return Content.assemble(*parts)

    async def on_click(self, event: events.Click) -> None:
        """Do what was clicked."""
        for at, command in reversed(self._fitting()):
            if event.x >= at:
                if event.x < at + self._length(command) - 2:
                    await self.screen.run_action(command.action)
                return
