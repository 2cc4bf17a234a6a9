"""The fields of a server's profile, and what was typed there as a table of a configuration (pure).

The rules are those of configuration files (`exauq_tui.config_rules`); here they are put as one
says them beside a field. No field takes a secret.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from exauq_tui.config import ServerProfile
from exauq_tui.config_rules import AUTHENTICATION, check_server

Values = dict[str, str]
"""What stands in the fields, by their names."""

LONGEST_NAME = 64

Shown = Literal["always", "unix", "file"]
"""When a field is there: for every kind, for servers over SSH, or where a file is to be named."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the form.

    Attributes:
        name: The key of the table, or "name", "login" and "login_file".
        label: What stands before it.
        hint: What an empty field says.
        choices: Values and what they are called, where one of several is chosen.
        shown: When it is there.
        lines: Over how many lines it goes.
        heading: What stands above it, or "".
    """

    name: str
    label: str
    hint: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    shown: Shown = "always"
    lines: int = 1
    heading: str = ""


_YES_NO = (("yes", "yes, in memory, until the dashboard ends"), ("no", "no, ask each time"))
_LOGINS = (
    ("", "with a password, which is asked for"),
    ("key_filename", "with a private key file"),
    ("ssh_config_path", "as an OpenSSH configuration says"),
    ("use_ssh_agent", "with the keys of a running SSH agent"),
)

FIELDS: tuple[Field, ...] = (
    Field("name", "Name", "as you want to see it, such as hpc1"),
    Field("kind", "Kind", choices=(("unix", "a server reached over SSH"),
                                   ("local", "this machine"))),
    Field("host", "Host", "its name or address", shown="unix", heading="How it is reached"),
    Field("user", "User", "your account there", shown="unix"),
    Field("port", "Port", "22, or as the SSH configuration says", shown="unix"),
    Field("login", "Log in", choices=_LOGINS, shown="unix"),
    Field("login_file", "File", "on this machine: ~/.ssh/id_ed25519", shown="file"),
    Field("ssh_backend", "SSH by", shown="unix",
          choices=(("paramiko", "exauq-tui itself"),
                   ("openssh", "the ssh program (Kerberos, FIDO keys)"))),
    Field("known_hosts", "Host keys", "one more file of trusted keys, on this machine",
          shown="unix"),
    Field("max_attempts", "Tries", "3: how often a password is asked for", shown="unix"),
    Field("remember", "Remember", choices=_YES_NO, shown="unix"),
    Field("program", "Program", "python3", heading="What is run there"),
    Field("script_path", "Script", "~/simulators/model.py, there"),
    Field("workspace_dir", "Workspace", "a new directory beside the script"),
    Field("input_names", "Inputs", "x1, x2, x3; empty: any number of them"),
    Field("level", "Level", "1"),
    Field("max_running", "At once", "as many jobs as there are cores; 0: no limit"),
    Field("cancel_grace", "Grace", "5: seconds that a cancelled job has to end by itself"),
    Field("setup", "Setup", "module load python/3.11", lines=3),
)  # fmt: skip
"""All fields, from the top."""

_NUMBERS = ("port", "max_attempts", "level", "max_running")
_DECIMAL = re.compile(r"[0-9]+(\.[0-9]*)?(e-?[0-9]+)?|\.[0-9]+")
_GRACE = 5.0
_DEFAULTS = {"kind": "unix", "ssh_backend": "paramiko", "remember": "yes", "login": ""}
_FILES = ("login_file", "known_hosts")
_NEEDS_FILE = ("key_filename", "ssh_config_path")


def empty_values() -> Values:
    """What stands in the fields of a new profile."""
    return {field.name: _DEFAULTS.get(field.name, "") for field in FIELDS}


def values_of(profile: ServerProfile) -> Values:
    """What stands in the fields of a profile; what is as it is by default is left empty."""
    values = empty_values()
    values.update(
        name=profile.name,
        kind=profile.kind,
        ssh_backend=profile.ssh_backend,
        remember="yes" if profile.remember else "no",
        input_names=_names_text(profile.input_names),
    )
    login = next((key for key in AUTHENTICATION if getattr(profile, key)), "")
    values["login"] = login
    if login in _NEEDS_FILE:
        values["login_file"] = getattr(profile, login)
    for key in ("host", "user", "program", "script_path", "workspace_dir", "known_hosts", "setup"):
        values[key] = getattr(profile, key) or ""
    for key, default in (("port", None), ("max_attempts", 3), ("level", 1), ("max_running", None)):
        number = getattr(profile, key)
        values[key] = "" if number == default else str(number)
    if profile.cancel_grace != _GRACE:
        values["cancel_grace"] = repr(profile.cancel_grace).removesuffix(".0")
    return values


def is_shown(field: Field, values: Mapping[str, str]) -> bool:
    """Whether a field is there, as the others are filled in."""
    if field.shown == "always":
        return True
    return values["kind"] == "unix" and (field.shown == "unix" or values["login"] in _NEEDS_FILE)


def table_of(values: Mapping[str, str]) -> dict[str, Any]:
    """The table of a configuration that the fields make; fields that are not there count not."""
    shown = {
        field.name: values[field.name] if field.lines > 1 else values[field.name].strip()
        for field in FIELDS
        if is_shown(field, values)
    }
    table: dict[str, Any] = {}
    for name, text in shown.items():
        if name in ("name", "login", "login_file") or not text.strip():
            continue
        if name in _NUMBERS:
            # Python takes no int of more than 4,300 digits, and no rule one of twenty.
            is_number = text.isascii() and text.isdecimal() and len(text) < 20
            table[name] = int(text) if is_number else text
        elif name == "cancel_grace":
            table[name] = float(text) if _DECIMAL.fullmatch(text) else text
        elif name == "input_names":
            table[name] = _names_of(text)
        elif name == "remember":
            table[name] = text == "yes"
        else:
            table[name] = text
    login = shown.get("login", "")
    if login in _NEEDS_FILE:
        table[login] = shown["login_file"]
    elif login:
        table[login] = True
    return table


def complaints(values: Mapping[str, str], taken: Mapping[str, Path | None]) -> dict[str, str]:
    """Say what is wrong, by field; nothing where the profile can be used.

    Args:
        values: What stands in the fields.
        taken: Names that other servers have, and in which file.
    """
    found: dict[str, str] = {}
    table = table_of(values)
    name = values["name"].strip()
    for key, words in check_server(name or "-", table):
        field = "login_file" if key in AUTHENTICATION else key or "name"
        found.setdefault(field, _said_here(words, key))
    for field in _FILES:
        text = values[field].strip()
        is_there = any(each.name == field and is_shown(each, values) for each in FIELDS)
        if is_there and text and not text.startswith(("/", "~/")):
            found[field] = "must begin with / or ~/"
    reason = _name_complaint(name, taken)
    if reason:
        found["name"] = reason
    return found


def _name_complaint(name: str, taken: Mapping[str, Path | None]) -> str:
    if not name:
        return "is needed"
    if not name.isprintable():
        return "holds a character that cannot be shown"
    if len(name) > LONGEST_NAME:
        return f"is longer than {LONGEST_NAME} characters"
    if name in taken:
        where = f" in {taken[name]}" if taken[name] else ""
        return f"is the name of a server{where} already"
    return ""


def _said_here(words: str, key: str) -> str:
    """Put a rule's complaint, which is about a file, as one about a field."""
    if words.startswith("missing") and key == "user":
        return "is needed, unless an OpenSSH configuration says it"
    if words.startswith("missing") or (key in _NEEDS_FILE and words == "must not be empty"):
        return "is needed"
    return words


def _names_of(text: str) -> list[str]:
    """Read names with commas between them; in quotes where a name holds one."""
    try:
        row = next(csv.reader([" ".join(text.splitlines())], skipinitialspace=True), [])
    except csv.Error:  # longer than any name, or no text at all: let the rules say so
        row = text.split(",")
    return [name.strip() for name in row]


def _names_text(names: tuple[str, ...]) -> str:
    if not any(set(name) & {",", '"'} for name in names):
        return ", ".join(names)
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(names)
    return line.getvalue()
