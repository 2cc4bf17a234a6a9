"""The fields of a profile: what is typed there, and what a configuration makes of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given

from exauq_tui.app.profile_fields import (
    FIELDS,
    complaints,
    empty_values,
    is_shown,
    table_of,
    values_of,
)
from exauq_tui.config import ServerProfile, profile_of
from exauq_tui.config_rules import SECRETS, SERVER
from tests.unit.test_config_saving import local_profiles, with_authentication

GOOD = {"name": "lab", "host": "lab", "user": "alice", "program": "python3", "script_path": "m.py"}


def typed(**values: str) -> dict[str, str]:
    return {**empty_values(), **GOOD, **values}


def test_every_key_of_a_profile_has_a_field_and_no_field_takes_a_secret() -> None:
    names = {field.name for field in FIELDS}
    assert names - {"name", "login", "login_file"} == set(SERVER) - {
        "key_filename",
        "ssh_config_path",
        "use_ssh_agent",
    }
    assert not names & SECRETS


def test_a_filled_form_makes_a_profile() -> None:
    assert complaints(typed(), {}) == {}
    values = typed(
        port="2222", login="key_filename", login_file="~/.ssh/id", input_names="x1, x2",
        level="3", max_running="0", remember="no", setup="module load x\nexport A=1\n",
        workspace_dir=" ws ", ssh_backend="openssh", cancel_grace="0.5",
    )  # fmt: skip
    assert complaints(values, {}) == {}
    assert profile_of("lab", table_of(values), None) == ServerProfile(
        "lab", "unix", "python3", "m.py", user="alice", host="lab", port=2222,
        key_filename="~/.ssh/id", input_names=("x1", "x2"), level=3, max_running=0,
        remember=False, setup="module load x\nexport A=1\n", workspace_dir="ws",
        ssh_backend="openssh", cancel_grace=0.5,
    )  # fmt: skip


def test_what_is_not_there_counts_not() -> None:
    values = typed(kind="local", port="x", login="key_filename", login_file="id", max_attempts="-")
    assert complaints(values, {}) == {}
    assert table_of(values) == {"kind": "local", "program": "python3", "script_path": "m.py"}
    shown = {field.name for field in FIELDS if is_shown(field, values)}
    assert not shown & {"host", "user", "port", "login", "login_file", "remember"}
    # A file that was typed before another way was chosen is no file any more.
    values = typed(login="use_ssh_agent", login_file="/id")
    assert table_of(values)["use_ssh_agent"] is True
    assert "key_filename" not in table_of(values)


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"name": ""}, "name", "is needed"),
        ({"name": " \t "}, "name", "is needed"),
        ({"name": "a\u202eb"}, "name", "cannot be shown"),
        ({"name": "n" * 65}, "name", "longer than 64"),
        ({"name": "n" * 1000}, "name", "longer than 64"),
        ({"name": " hpc1 "}, "name", "is the name of a server in /etc/c.toml already"),
        ({"name": "here"}, "name", "is the name of a server already"),
        ({"host": ""}, "host", "is needed"),
        ({"host": "two words"}, "host", "one word"),
        ({"host": "-oProxyCommand=x"}, "host", "does not begin with a dash"),
        ({"user": ""}, "user", "unless an OpenSSH configuration says it"),
        ({"port": "0"}, "port", "a whole number from 1 to 65535"),
        ({"port": "ssh"}, "port", "a whole number from 1 to 65535"),
        ({"port": "٢٢"}, "port", "a whole number"),
        ({"program": ""}, "program", "is needed"),
        ({"program": "python3 '"}, "program", "words as in a shell"),
        ({"script_path": " "}, "script_path", "is needed"),
        ({"level": "0"}, "level", "from 1"),
        ({"level": "1.5"}, "level", "a whole number"),
        ({"max_running": "-1"}, "max_running", "from 0"),
        ({"cancel_grace": "-1"}, "cancel_grace", "seconds from 0"),
        ({"cancel_grace": "nan"}, "cancel_grace", "seconds from 0"),
        ({"cancel_grace": "1e99"}, "cancel_grace", "to 86400"),
        ({"max_attempts": "101"}, "max_attempts", "to 100"),
        ({"input_names": "x1,,x2"}, "input_names", "empty name"),
        ({"input_names": "x1, x1"}, "input_names", "twice"),
        ({"setup": "a\0b"}, "setup", "NUL"),
        ({"login": "key_filename"}, "login_file", "is needed"),
        ({"login": "ssh_config_path", "login_file": "config"}, "login_file", "begin with / or ~/"),
        ({"known_hosts": "hosts"}, "known_hosts", "begin with / or ~/"),
    ],
)
def test_what_is_wrong_is_said_of_its_field(
    changes: dict[str, str], field: str, words: str
) -> None:
    taken = {"hpc1": Path("/etc/c.toml"), "here": None}
    found = complaints(typed(**changes), taken)
    assert words in found[field]
    assert set(found) == {field}


@pytest.mark.parametrize("login", ["ssh_config_path", ""])
def test_a_user_may_be_left_to_the_ssh_configuration(login: str) -> None:
    backend = "paramiko" if login else "openssh"
    values = typed(user="", login=login, login_file="~/.ssh/config", ssh_backend=backend)
    assert complaints(values, {}) == {}


@pytest.mark.parametrize("name", ["größe 机器", "a/b", "../x", "[red]", "x" * 64, "~", "a b"])
def test_odd_names_are_names(name: str) -> None:
    assert complaints(typed(name=name), {}) == {}


@given(local_profiles | with_authentication)
def test_a_profile_comes_back_from_its_fields(profile: ServerProfile) -> None:
    expected = replace(profile, name="x")
    stripped = {
        key: value.strip()
        for key in ("program", "script_path", "workspace_dir")
        if (value := getattr(profile, key)) is not None
    }
    expected = replace(expected, **stripped, setup=profile.setup if profile.setup.strip() else "")
    names = tuple(name.strip() for name in profile.input_names)
    if len(set(names)) < len(names):
        return
    expected = replace(expected, input_names=names)
    assert profile_of("x", table_of(values_of(profile)), None) == expected


@pytest.mark.parametrize("text", ["x\0y", '"x\ny', "\r\n,", "x" * 1_000_000 + "\x07"])
def test_whatever_is_pasted_as_names_is_judged_and_never_trips(text: str) -> None:
    found = complaints(typed(input_names=text), {})
    assert set(found) <= {"input_names"}
    assert complaints(typed(input_names="y" * 1_000_000), {}) == {}
