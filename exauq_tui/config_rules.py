"""What each key of a configuration may be, and which keys go together."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Callable, Collection, Iterator, Mapping

Rule = Callable[[object], str]
"""Says what a value must be and is not, such as "must be true or false, not 1", or ""."""

Complaint = tuple[str, str]
"""A key ("" for the whole table) and what is wrong with it."""

SECRETS = frozenset(
    {"password", "passwd", "passphrase", "key_password", "secret", "pin", "otp", "token"}
)
"""Keys that people try so as not to be asked any more."""

AUTHENTICATION = ("key_filename", "ssh_config_path", "use_ssh_agent")
"""Ways to prove who one is; at most one is given."""

BACKENDS = ("paramiko", "openssh")
"""What can speak SSH."""

NOTICES = ("batch", "failure", "connection")
"""What there can be notices of."""


def _show(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"' if len(value) <= 40 else f'"{value[:37]}..."'
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, list):
        return "a list"
    return "a table" if isinstance(value, dict) else "a date or time"


def check_text(value: object) -> str:
    """The rule of a text."""
    if not isinstance(value, str):
        return f"must be a text in quotes, not {_show(value)}"
    return "must not hold a NUL character" if "\0" in value else ""


def check_filled_text(value: object) -> str:
    """The rule of a text that is not empty."""
    return check_text(value) or ("" if str(value).strip() else "must not be empty")


def _program(value: object) -> str:
    complaint = check_filled_text(value)
    if not complaint:
        try:
            words = shlex.split(str(value))
        except ValueError as error:
            return f"must be words as in a shell, but {_show(value)} has {str(error).lower()}"
        complaint = "" if words and words[0] else "must name a program"
    return complaint


def _word(value: object) -> str:
    complaint = check_filled_text(value)
    if not complaint and (str(value).startswith("-") or not _is_one_word(str(value))):
        # a leading dash would be an option to the ssh program
        complaint = f"must be one word that does not begin with a dash, not {_show(value)}"
    return complaint


def _is_one_word(text: str) -> bool:
    return text.isprintable() and " " not in text


def _flag(value: object) -> str:
    return "" if isinstance(value, bool) else f"must be true or false, not {_show(value)}"


def _whole(lowest: int, highest: int) -> Rule:
    def check(value: object) -> str:
        if isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest:
            return ""
        return f"must be a whole number from {lowest} to {highest}, not {_show(value)}"

    return check


def _names(value: object) -> str:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        return 'must be a list of texts, such as ["x1", "x2"]'
    if not all(name.strip() and name.isprintable() for name in value):
        return "must not hold an empty name, or one that cannot be shown"
    twice = sorted({name for name in value if value.count(name) > 1})
    return f"names {_show(twice[0])} twice" if twice else ""


def _notices(value: object) -> str:
    wanted = ", ".join(f'"{kind}"' for kind in NOTICES)
    if not isinstance(value, list):
        return f"must be a list of some of {wanted}, or [] for no notices, not {_show(value)}"
    wrong = [each for each in value if each not in NOTICES]
    return f"must hold nothing but {wanted}, not {_show(wrong[0])}" if wrong else ""


def _kind(value: object) -> str:
    if value == "slurm":
        return 'is "slurm", which is not supported yet; use "unix" on a server without a scheduler'
    return "" if value in ("unix", "local") else f'must be "unix" or "local", not {_show(value)}'


def _backend(value: object) -> str:
    return "" if value in BACKENDS else f'must be "paramiko" or "openssh", not {_show(value)}'


def _seconds(lowest: float, highest: int) -> Rule:
    def check(value: object) -> str:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if is_number and lowest <= value <= highest:  # type: ignore[operator]  # a number, by that
            return ""
        return f"must be a number of seconds from {lowest:g} to {highest}, not {_show(value)}"

    return check


def _table(value: object) -> str:
    return "" if isinstance(value, dict) else "must be a table; write its name in brackets [ ]"


TABLES: Mapping[str, Rule] = {"servers": _table, "app": _table, "keymap": _table}
"""The tables of a configuration."""

SERVER: Mapping[str, Rule] = {
    "kind": _kind,
    "program": _program,
    "script_path": check_filled_text,
    "level": _whole(1, 1_000_000),
    "workspace_dir": check_filled_text,
    "setup": check_text,
    "max_running": _whole(0, 1_000_000),
    "cancel_grace": _seconds(0, 86400),
    "input_names": _names,
    "user": _word,
    "host": _word,
    "port": _whole(1, 65535),
    "key_filename": check_filled_text,
    "ssh_config_path": check_filled_text,
    "use_ssh_agent": _flag,
    "max_attempts": _whole(1, 100),
    "known_hosts": check_filled_text,
    "ssh_backend": _backend,
    "remember": _flag,
}
"""The keys of a ``[servers.NAME]`` table."""

APP: Mapping[str, Rule] = {
    "refresh": _seconds(0.2, 86400),
    "theme": check_filled_text,
    "notify": _notices,
    "bell": _flag,
    "read_only": _flag,
    "ascii": _flag,
}
"""The keys of the ``[app]`` table."""

_ONLY_UNIX = (
    *("user", "host", "port", *AUTHENTICATION),
    *("max_attempts", "known_hosts", "ssh_backend", "remember"),
)


def check_key(key: str, value: object, rules: Mapping[str, Rule]) -> str:
    """Say what is wrong with one key of a table, or ""."""
    rule = rules.get(key)
    if rule is not None:
        return rule(value)
    if difflib.get_close_matches(key.lower(), SECRETS, n=1, cutoff=0.85):
        return (
            "passwords are never read from files; remove this line, and you will be asked when "
            "the server is connected"
        )
    return unknown(key, rules)


def unknown(key: str, known: Collection[str]) -> str:
    """Say that a key is not known, and what was probably meant."""
    near = nearest(key, known)
    if near:
        return f'unknown; did you mean "{near}"?'
    return f"unknown; remove it (known are {', '.join(known)})"


def nearest(key: str, known: Collection[str]) -> str:
    """The key that was probably meant, or ""."""
    return next(iter(difflib.get_close_matches(key.lower(), known, n=1)), "")


def check_server(name: str, table: object) -> Iterator[Complaint]:
    """Find all that is wrong with one ``[servers.NAME]`` table."""
    if not isinstance(table, dict):
        yield "", f"must be a table: write [servers.NAME] above its keys, not {_show(table)}"
        return
    if not name.strip() or not name.isprintable():
        yield "", "the server's name is empty, or cannot be shown; give it another"
    wrong = set()
    for key, value in table.items():
        complaint = check_key(key, value, SERVER)
        if complaint:
            # a misspelt key is not called missing as well
            wrong |= {key, nearest(key, SERVER)}
            yield key, complaint
    for key, complaint in _check_together(table):
        if key not in wrong:
            yield key, complaint


def _check_together(table: Mapping[str, object]) -> Iterator[Complaint]:
    kind = table.get("kind")
    if kind == "slurm":
        return
    if kind is None:
        yield "kind", 'missing; write kind = "unix" or kind = "local"'
    for key in ("program", "script_path"):
        if key not in table:
            yield key, f"missing; write {key} = ..."
    if kind == "local":
        for key in _ONLY_UNIX:
            if key in table:
                yield key, 'makes no sense with kind = "local" (this machine); remove it'
    if kind != "unix":
        return
    if "host" not in table:
        yield "host", "missing; write the server's name or address"
    has_config = "ssh_config_path" in table or table.get("ssh_backend") == "openssh"
    if "user" not in table and not has_config:
        yield "user", "missing; write your account's name on the server, or give ssh_config_path"
    given = [key for key in AUTHENTICATION if table.get(key)]
    if len(given) > 1:
        yield given[1], f"only one way to authenticate can be used, but {given[0]} is given too"
