"""The private directory of an ssh process, and the program that asks."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from exauq_tui.errors import HardwareInterfaceFailureError
from exauq_tui.hardware.connection import askpass
from exauq_tui.hardware.connection.login import Login
from exauq_tui.hardware.connection.openssh_program import build_arguments
from exauq_tui.hardware.connection.openssh_setting import Setting, answer, make_setting

KEY = ("[h]:2222", "ssh-ed25519", b"\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x01x")


def make(**options: Any) -> Any:
    usual = {"config_path": None, "known_hosts": (), "accepted": (), "key": None, "attempts": 3}
    return make_setting(**{**usual, **options})


def ask(setting: Setting, prompt: str, **environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [str(setting.directory / "askpass"), prompt],
        env={**setting.environment(), **environment},
        stdout=subprocess.PIPE,
    )


def taken(setting: Setting) -> tuple[socket.socket, str, str] | None:
    setting.listener.settimeout(20)  # the owner polls it instead
    return setting.take_question()


def test_a_question_arrives_and_its_answer_is_printed() -> None:
    with make() as setting:
        asking = ask(setting, "Pässword\nfor 'x': ", SSH_ASKPASS_PROMPT="none")
        question = taken(setting)
        assert question is not None
        link, hint, words = question
        assert (hint, words) == ("none", "Pässword\nfor 'x': ")
        answer(link, "correct hörse")
        assert asking.communicate(timeout=20)[0] == "correct hörse\n".encode()
        assert asking.returncode == 0


def test_where_there_is_no_answer_nothing_is_printed() -> None:
    with make() as setting:
        asking = ask(setting, "x")
        question = taken(setting)
        assert question is not None
        answer(question[0], None)
        assert asking.communicate(timeout=20)[0] == b""
        assert asking.returncode == 1


def test_who_does_not_know_the_token_gets_no_answer() -> None:
    with make() as setting:
        asking = ask(setting, "x", **{askpass.TOKEN_VARIABLE: "guessed"})
        assert taken(setting) is None
        assert asking.communicate(timeout=20)[0] == b""
        assert asking.returncode == 1


def test_the_program_that_asks_ends_where_nobody_listens() -> None:
    with make() as setting:
        environment = setting.environment()
        program = (setting.directory / "askpass").read_text().splitlines()[1]
    done = subprocess.run(["/bin/sh", "-c", program], env=environment, timeout=20, check=False)
    assert done.returncode == 1


def test_the_directory_is_private_and_gone_afterwards() -> None:
    with make() as setting:
        assert stat.S_IMODE(setting.directory.stat().st_mode) == 0o700
        assert setting.listener.fileno() >= 0
    assert not setting.directory.exists()


def test_a_directory_where_programs_may_not_run_is_not_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    usual = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.X_OK and usual(path, mode))
    with pytest.raises(HardwareInterfaceFailureError, match="may not be run"), make():
        pass


def test_ssh_adds_host_keys_to_nothing_but_a_file_of_its_own(tmp_path: Path) -> None:
    user = tmp_path / "it's $HOME %d"
    user.write_text("")
    with make(known_hosts=[user], accepted=[KEY]) as setting:
        (line,) = [
            each
            for each in setting.config.read_text().splitlines()
            if each.startswith("UserKnownHostsFile")
        ]
        first, second = line.split()[1:]
        assert Path(first).parent == setting.directory
        assert not Path(first).is_symlink()
        assert [each.key for each in setting.accepted()] == [KEY[2]]
        assert Path(second).resolve() == user.resolve()
        assert setting.real(f"Offending key in {second}:3") == f"Offending key in {user}:3"


def test_the_users_configuration_cannot_undo_what_is_fixed(tmp_path: Path) -> None:
    config = tmp_path / 'my "config" %h'
    config.write_text(
        "StrictHostKeyChecking no\nUserKnownHostsFile /dev/null\nControlMaster auto\n"
        "BatchMode yes\nUpdateHostKeys yes\nServerAliveInterval 7\nControlPath /c\n"
    )
    with make(config_path=config) as setting:
        told = subprocess.run(
            ["ssh", "-G", "-F", str(setting.config), "h"],
            check=True, capture_output=True, text=True,
        ).stdout.splitlines()  # fmt: skip
    for line in (
        "stricthostkeychecking ask", "controlmaster false", "batchmode no", "updatehostkeys false",
        "serveraliveinterval 7", "connecttimeout 20", "controlpath /c",
    ):  # fmt: skip
        assert line in told
    assert "userknownhostsfile /dev/null" not in told


def test_the_arguments_name_the_server_last_and_no_secret(tmp_path: Path) -> None:
    key = tmp_path / "a key"
    key.touch()
    login = Login(host="hpc1", user="alice", port=2222, key_filename=str(key))
    with make(key=key) as setting:
        assert build_arguments("/usr/bin/ssh", login, setting, "echo x") == [
            "/usr/bin/ssh", "-F", str(setting.config), "-T", "-l", "alice", "-p", "2222",
            "-i", str(setting.directory / "key"), "-o", "IdentitiesOnly=yes",
            "--", "hpc1", "echo x",
        ]  # fmt: skip
        plain = build_arguments("ssh", Login(host="hpc1"), setting, "echo x")
        assert plain[-3:] == ["--", "hpc1", "echo x"]
        assert "-l" not in plain


def test_questions_of_several_programs_are_told_apart() -> None:
    with make() as setting:
        asking = {words: ask(setting, words) for words in ("one", "two")}
        for _ in range(2):
            question = taken(setting)
            assert question is not None
            link, _, words = question
            threading.Thread(target=answer, args=(link, f"to {words}")).start()
        for words, each in asking.items():
            assert each.communicate(timeout=20)[0] == f"to {words}\n".encode()
