"""What can be copied of jobs."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from exauq_tui.app.copying import Choice, choices, open_command
from exauq_tui.config import ServerProfile
from exauq_tui.hardware.status import JobStatus
from tests.app.fake_fleet import job

NAMES = {"hpc1": ("x1", "x2", "x3")}
PROFILE = ServerProfile("hpc1", "unix", "python3", "m.py", user="alice", host="hpc1.example.org")
AWKWARD = '/tmp/it\'s "a" $(place) & `more`; *'


def by_key(*rows: object) -> dict[str, Choice]:
    return {each.key: each for each in choices(rows, NAMES, {"hpc1": PROFILE})}  # type: ignore[arg-type]


def test_everything_of_one_job_can_be_copied() -> None:
    done = job(1, JobStatus.COMPLETED, output=0.1 + 0.2)
    texts = {key: choice.text() for key, choice in by_key(done).items()}
    assert texts["i"] == "20261113090000001"
    assert texts["x"] == "0.26,-1.5,1"
    assert texts["o"] == "0.30000000000000004"
    assert texts["d"] == "/home/alice/hpc1-workspace/20261113090000001"
    assert texts["s"].startswith("ssh -t alice@hpc1.example.org ")
    assert [len(line.split(",")) for line in texts["r"].split("\n")] == [20, 20]


def test_several_jobs_have_a_line_each_also_where_there_is_nothing_to_say() -> None:
    found = by_key(job(1), job(2, JobStatus.COMPLETED, output=7.5), job(3, workspace_known=False))
    assert found["o"].text().split("\n") == ["", "7.5", ""]
    assert found["o"].example == "7.5"
    assert found["i"].text().count("\n") == 2
    assert [bool(line) for line in found["s"].text().split("\n")] == [True, True, False]


def test_what_is_not_there_is_not_offered() -> None:
    found = by_key(job(1, JobStatus.PENDING_SUBMIT, workspace_known=False))
    assert [key for key, choice in found.items() if not choice.example] == ["o", "d", "s"]
    assert found["o"].why_not == "not there, or not fetched yet"


def test_no_copy_can_command_the_terminal_that_it_is_pasted_into() -> None:
    nasty = "a\x1b[31mb\nrm -rf ~\r\udc80"
    found = by_key(job(1, batch=nasty, note=nasty, workspace=f"/tmp/{nasty}"))
    text = "".join(choice.text() for choice in found.values())
    assert not any(sign in text for sign in "\x1b\r\udc80")
    assert found["r"].text().count("\n") == 1
    # Without its control characters it would be another directory.
    assert (found["d"].example, found["s"].example) == ("", "")


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "ssh -t alice@hpc1.example.org {}"),
        ({"port": 2222}, "ssh -t -p 2222 alice@hpc1.example.org {}"),
        ({"key_filename": "/a b/id"}, "ssh -t -i '/a b/id' alice@hpc1.example.org {}"),
        ({"user": "", "host": "cl", "ssh_config_path": "/x/config"}, "ssh -t -F /x/config cl {}"),
        ({"user": "", "host": "cl", "ssh_backend": "openssh"}, "ssh -t cl {}"),
        ({"host": "fe80::1%eth0"}, "ssh -t alice@fe80::1%eth0 {}"),
    ],
)  # fmt: skip
def test_the_command_goes_the_way_that_the_profile_goes(
    changes: dict[str, object], line: str
) -> None:
    profile = replace(PROFILE, **changes)  # type: ignore[arg-type]  # of the right types
    shown = """'cd /scratch/7 && exec "$SHELL" -l'"""
    assert open_command(profile, "/scratch/7") == line.format(shown)


def test_a_job_on_this_machine_needs_no_ssh() -> None:
    assert open_command(replace(PROFILE, kind="local"), "/a b") == "cd '/a b'"


@pytest.mark.parametrize("login_shell", ["sh", "bash", "dash", "zsh", "fish", "tcsh"])
def test_the_command_ends_in_that_directory_whatever_its_name_and_the_login_shell(
    login_shell: str, tmp_path: Path
) -> None:
    program = shutil.which(login_shell)
    if program is None:
        pytest.fail(f"{login_shell} is not installed: scripts/install-tools test")
    there = tmp_path / AWKWARD.removeprefix("/tmp/")
    there.mkdir()
    # An sshd runs the line by the login shell, which is also what $SHELL names.
    (tmp_path / "ssh").write_text(f'#!/bin/sh\nfor last; do :; done\nexec {program} -c "$last"\n')
    (tmp_path / "shell").write_text('#!/bin/sh\necho "$1:$PWD"\n')
    for each in ("ssh", "shell"):
        (tmp_path / each).chmod(0o755)
    done = subprocess.run(
        ["sh", "-c", open_command(PROFILE, str(there))],
        env={
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "SHELL": str(tmp_path / "shell"),
            "HOME": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == f"-l:{there}\n", done.stderr
