"""The table of commands: it feeds key bindings, footer, palette, help and README."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from textual.binding import Binding, BindingType

from exauq_tui.app.command_list import COMMANDS, Command, Scope

_DISPLAY = {
    "enter": "⏎", "escape": "esc", "space": "space", "pagedown": "pgdn", "pageup": "pgup",
    "up": "↑", "down": "↓", "left": "←", "right": "→", "shift+tab": "⇧tab", "f1": "F1",
}  # fmt: skip


def key_name(key: str) -> str:
    """How a key is shown to people."""
    return _DISPLAY.get(key, key)


class CommandTable:
    """The commands with the keys that they have after rebinding.

    Args:
        keys: Command id to keys, for those that were rebound.
        read_only: Whether commands that change something are not offered.
    """

    def __init__(
        self, keys: Mapping[str, tuple[str, ...]] | None = None, *, read_only: bool = False
    ) -> None:
        self._rebound = dict(keys or {})
        self._read_only = read_only

    def for_reading(self) -> CommandTable:
        """The same without the commands that change something."""
        return CommandTable(self._rebound, read_only=True)

    def is_offered(self, command: Command) -> bool:
        """Whether a command can be asked for."""
        return not (self._read_only and command.changes)

    def offered(self) -> tuple[Command, ...]:
        """Every command that can be asked for, in the order of the table."""
        return tuple(command for command in COMMANDS if self.is_offered(command))

    @property
    def textual_keymap(self) -> dict[str, str]:
        """What `App.set_keymap` takes."""
        return {id_: ",".join(keys) for id_, keys in self._rebound.items()}

    def keys(self, command: Command) -> tuple[str, ...]:
        """The keys that a command has now."""
        return self._rebound.get(command.id, command.keys)

    def shown_keys(self, command: Command) -> str:
        """The keys of a command, as people read them."""
        return " ".join(key_name(key) for key in self.keys(command))

    def first_key(self, id_: str) -> str:
        """The first key of a command, as people read it."""
        return key_name(self.keys(command_by_id(id_))[0])

    def actions_hidden_by(self, scope: Scope) -> frozenset[str]:
        """The actions of the main screen whose keys mean something else in one part of it."""
        keys = {key for each in COMMANDS if each.scope == scope for key in self.keys(each)}
        return frozenset(
            each.action
            for each in COMMANDS
            if each.scope == "main" and not keys.isdisjoint(self.keys(each))
        )

    def footer(self, scopes: Iterable[Scope]) -> tuple[Command, ...]:
        """The commands for the footer of a screen, in order."""
        wanted = frozenset(scopes)
        shown = [
            command for command in self.offered() if command.footer and command.scope in wanted
        ]
        return tuple(sorted(shown, key=lambda command: command.footer))

    def groups(self) -> tuple[tuple[str, tuple[Command, ...]], ...]:
        """All commands under their headings, in the order of the table."""
        offered = self.offered()
        headings = dict.fromkeys(command.group for command in offered)
        return tuple(
            (heading, tuple(command for command in offered if command.group == heading))
            for heading in headings
        )


def command_by_id(id_: str) -> Command:
    """The command of that id.

    Raises:
        KeyError: There is none.
    """
    return _BY_ID[id_]


_BY_ID = {command.id: command for command in COMMANDS}
_CHANGING = frozenset(command.action for command in COMMANDS if command.changes)


def is_changing(action: str) -> bool:
    """Whether an action, by the name that a binding has for it, changes something."""
    return action in _CHANGING


def bindings(scope: Scope) -> list[BindingType]:
    """The key bindings of one part of the screen, by the keys of the table.

    All have priority: a key that was typed before the focus moved still means what it says,
    and none overtakes another (a verb would act upon the row that the cursor is just leaving).
    Screens refuse them while a text field has the focus.
    """
    return [
        Binding(
            ",".join(command.keys),
            command.action,
            command.label,
            show=False,
            priority=True,
            tooltip=command.tooltip,
            id=command.id,
        )
        for command in COMMANDS
        if command.scope == scope
    ]


def markdown_table() -> str:
    """The table of keys for the README."""
    lines = ["| key | id | what it does |", "|---|---|---|"]
    for command in COMMANDS:
        keys = " ".join(f"`{key_name(key)}`" for key in command.keys)
        lines.append(f"| {keys} | {command.id} | {command.tooltip} |")
    return "\n".join(lines) + "\n"
