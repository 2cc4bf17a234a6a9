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
        id: The widget's id.
    """

    def __init__(
        self,
        table: CommandTable,
        scopes: Sequence[Scope],
        *,
        labels: Mapping[str, str] | None = None,
        without: Sequence[str] = (),
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self._table = table
        self._commands = [command for command in table.footer(scopes) if command.id not in without]
        self._labels = labels or {}
        self._hint = ""

    def show(self, commands: Sequence[Command], hint: str = "") -> None:
        """Show other commands, or instead of any what the keys do now."""
        if (list(commands), hint) != (self._commands, self._hint):
            self._commands, self._hint = list(commands), hint
            self.refresh()

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
        if self._hint:
            return Content.styled(f" {self._hint}", "$foreground-muted")
        parts: list[tuple[str, str]] = [(" ", "")]
        for _, command in self._fitting():
            parts.append((key_name(self._table.keys(command)[0]), "bold $footer-key-foreground"))
            parts.append((f" {self._label(command)}  ", "$foreground-muted"))
        return Content.assemble(*parts)

    async def on_click(self, event: events.Click) -> None:
        """Do what was clicked."""
        if self._hint:
            return
        for at, command in reversed(self._fitting()):
            if event.x >= at:
                if event.x < at + self._length(command) - 2:
                    await self._run(command)
                return

    async def _run(self, command: Command) -> None:
        """Run a command as its key would: by the part that has the focus, or what it stands in."""
        method = f"action_{command.action}"
        focused = self.screen.focused
        nodes = [] if focused is None else focused.ancestors_with_self
        node = next((each for each in nodes if hasattr(each, method)), self.screen)
        await self.app.run_action(command.action, default_namespace=node)
