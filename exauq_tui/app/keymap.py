"""Checks the ``[keymap]`` of a config: no key with two meanings, no way to lose quit."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from textual.keys import Keys

from exauq_tui.app.command_list import COMMANDS, Command
from exauq_tui.app.commands import CommandTable, command_by_id, key_name

_ALIASES = {
    "ctrl+i": "tab", "ctrl+m": "enter", "ctrl+j": "enter", "return": "enter", "esc": "escape",
    "ctrl+h": "backspace", "pgdn": "pagedown", "pgup": "pageup", "slash": "/", "colon": ":",
    "question_mark": "?", "left_square_bracket": "[", "right_square_bracket": "]", " ": "space",
}  # fmt: skip
"""Other names of one key; terminals send the same bytes for the control keys among them."""

_KNOWN = {key.value for key in Keys}
_RESERVED = frozenset({"ctrl+q", "ctrl+c"})
_CONFIRMING = frozenset({"y", "enter"})


def resolve(keymap: Mapping[str, str]) -> tuple[CommandTable, tuple[str, ...]]:
    """Apply a config's keymap as far as it makes sense.

    Args:
        keymap: Command id to key, or to several with commas between them.

    Returns:
        The table of commands with their keys, and one sentence for each entry left out.
    """
    problems: list[str] = []
    accepted: dict[str, tuple[str, ...]] = {}
    for id_, text in keymap.items():
        keys = tuple(dict.fromkeys(_normal(key) for key in _split(text)))
        problem = _problem_of_entry(id_, keys)
        if problem:
            problems.append(f"[keymap] {id_}: {problem}")
        else:
            accepted[id_] = keys
    # Entries are taken back until no key means two things; without entries none does.
    while (clash := _first_clash(accepted)) is not None:
        entry, key, other = clash
        del accepted[entry]
        problems.append(
            f'[keymap] {entry}: the key "{key_name(key)}" belongs to "{other}" already, '
            "so this entry was left out."
        )
    return CommandTable(accepted), tuple(problems)


def _split(text: str) -> list[str]:
    """Split a list of keys at commas; a lone comma is the key of that name."""
    if text.strip() == ",":
        return ["comma"]
    return [key for part in text.split(",") if (key := part.strip() or part)]


def _normal(key: str) -> str:
    """Bring the names of a key down to one."""
    return _ALIASES.get(key, key)


def _problem_of_entry(id_: str, keys: tuple[str, ...]) -> str:
    """Say what is wrong with one entry by itself, or nothing."""
    known = {command.id for command in COMMANDS}
    if id_ not in known:
        near = difflib.get_close_matches(id_, known, n=1)
        return "there is no such command" + (f'; did you mean "{near[0]}"?' if near else ".")
    if not keys:
        return "it needs at least one key."
    for key in keys:
        if not _is_key(key):
            return f'"{key}" is not the name of a key.'
        if key in _RESERVED:
            return f'"{key}" always quits or copies and cannot be given to a command.'
        if command_by_id(id_).guarded and key in _CONFIRMING:
            return f'"{key}" answers confirmations, so it cannot ask for one.'
    return ""


def _is_key(key: str) -> bool:
    """Tell the name of a key: one character, or one of Textual's names with modifiers."""
    if key in _KNOWN or (len(key) == 1 and key.isprintable()):
        return True
    *modifiers, last = key.split("+")
    plain = last in _KNOWN or (len(last) == 1 and last.isprintable())
    return plain and bool(modifiers) and set(modifiers) <= {"ctrl", "shift", "alt", "super"}


def _first_clash(accepted: Mapping[str, tuple[str, ...]]) -> tuple[str, str, str] | None:
    """Find an entry whose key another command has where both work: entry, key, other."""
    table = CommandTable(accepted)
    owners: dict[str, list[Command]] = {}
    # Commands that were not rebound come first, so that the entry is what is blamed.
    for command in sorted(COMMANDS, key=lambda command: command.id in accepted):
        for key in table.keys(command):
            for other in owners.setdefault(key, []):
                if _meet(command, other):
                    return command.id, key, other.id
            owners[key].append(command)
    return None


def _meet(one: Command, other: Command) -> bool:
    """Whether the keys of two commands can work at the same time."""
    scopes = {one.scope, other.scope}
    return len(scopes) == 1 or "app" in scopes or scopes in ({"main", "table"}, {"main", "servers"})
