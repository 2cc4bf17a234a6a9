"""The scripts that `make` begins with, on machines where this or that is missing."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
Machine = Callable[..., subprocess.CompletedProcess[str]]
TOOLS = (
    "bash", "sshd", "ssh", "ssh-keygen", "tmux", "shellcheck", "busybox", "dash", "mksh",
    "zsh", "tcsh", "fish", "flock", "setsid", "ps", "git",
)  # fmt: skip


@pytest.fixture(params=["dash", "busybox sh", "mksh", "bash --posix"])
def machine(tmp_path: Path, request: pytest.FixtureRequest) -> Machine:
    """Run one of the scripts by a shell that may be a machine's /bin/sh.

    Only the given programs are in its PATH.

    Programs are given by keyword: the lines of a shell script, with "-" for "_" in names.
    """

    name, *options = request.param.split()
    shell = shutil.which(name)
    assert shell is not None, f"{name} is missing: run scripts/install-tools test"

    def run(*command: str, python: str = "", **programs: str) -> subprocess.CompletedProcess[str]:
        for name, lines in programs.items():
            program = tmp_path / name.replace("_", "-")
            program.write_text(f"#!/bin/sh\n{lines}\n", encoding="utf-8")
            program.chmod(0o755)
        if not (tmp_path / "dirname").exists():
            (tmp_path / "dirname").symlink_to("/usr/bin/dirname")
        return subprocess.run(
            [shell, *options, str(SCRIPTS / command[0]), *command[1:]],
            env={"PATH": str(tmp_path), "PYTHON": python},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


GOOD_PYTHON = f'exec {sys.executable} "$@"'
BARE_PYTHON = """case $2 in
    *ensurepip*) exit 1 ;;
    *executable*) echo "$0" ;;
esac"""
OTHER_TOOLS = {name.replace("-", "_"): "" for name in TOOLS}


def missing(*names: str) -> dict[str, str]:
    return {name: lines for name, lines in OTHER_TOOLS.items() if name not in names}


def test_nothing_is_said_when_nothing_is_missing(machine: Machine) -> None:
    done = machine("install-tools", "test", python3=GOOD_PYTHON, **OTHER_TOOLS)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_an_ordinary_user_is_told_what_to_type(machine: Machine) -> None:
    done = machine(
        "install-tools", "test", python3=GOOD_PYTHON, apt_get="echo called", id="echo 1000",
        **missing("tmux", "flock", "setsid"),
    )  # fmt: skip
    assert done.returncode == 1
    assert "Missing: tmux flock setsid\n" in done.stderr
    assert "Please type: sudo apt-get install tmux util-linux\n" in done.stderr
    assert "called" not in done.stdout


def test_root_has_the_packages_installed_after_an_update(machine: Machine) -> None:
    done = machine(
        "install-tools", "test", python3=GOOD_PYTHON, id="echo 0",
        apt_get='echo "apt-get $* ($DEBIAN_FRONTEND)"', **missing("busybox"),
    )  # fmt: skip
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "Installing Debian packages: busybox",
        "apt-get update -q (noninteractive)",
        "apt-get install -q -y --no-install-recommends busybox (noninteractive)",
    ]


def test_old_package_lists_do_not_keep_it_from_trying(machine: Machine) -> None:
    done = machine(
        "install-tools", "test", python3=GOOD_PYTHON, id="echo 0",
        apt_get='[ "$1" = install ]', **missing("busybox"),
    )  # fmt: skip
    assert done.returncode == 0
    assert "apt-get update failed" in done.stderr


def test_a_failed_installation_is_an_error(machine: Machine) -> None:
    done = machine(
        "install-tools", "test", python3=GOOD_PYTHON, id="echo 0", apt_get="exit 100",
        **missing("busybox"),
    )  # fmt: skip
    assert done.returncode == 1
    assert "apt-get could not install: busybox" in done.stderr


def test_without_apt_the_packages_are_named(machine: Machine) -> None:
    done = machine("install-tools", "test", python3=GOOD_PYTHON, **missing("tmux"))
    assert done.returncode == 1
    assert "Please install what your system calls (by Debian's names): tmux" in done.stderr


def test_another_python_without_ensurepip_is_named(machine: Machine) -> None:
    done = machine("install-tools", "demo", python3=BARE_PYTHON, bash="")
    assert done.returncode == 1
    assert "python3 cannot make virtual environments" in done.stderr


def test_the_group_must_be_known(machine: Machine) -> None:
    done = machine("install-tools", "everything", python3=GOOD_PYTHON)
    assert done.returncode == 2
    assert "usage: " in done.stderr


def test_the_first_python_that_is_new_enough_is_taken(machine: Machine) -> None:
    # The name python3 is too old, and python3.13 a stand-in for something that is not there.
    done = machine(
        "find-python", **{"python3": "exit 1", "python3.13": "exit 127", "python3.12": GOOD_PYTHON}
    )
    assert (done.returncode, done.stdout.strip()) == (0, sys.executable)


def test_a_python_that_was_named_is_taken_or_refused(machine: Machine, tmp_path: Path) -> None:
    done = machine("find-python", python=sys.executable)
    assert (done.returncode, done.stdout.strip()) == (0, sys.executable)
    done = machine("find-python", python="old", old="exit 1", python3=GOOD_PYTHON)
    assert done.returncode == 1
    assert done.stderr == "PYTHON is set to 'old', which is not a Python 3.11 or newer.\n"
