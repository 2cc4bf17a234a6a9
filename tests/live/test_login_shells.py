"""Accounts with other login shells than Bash, and with start-up files that print and read."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from exauq_tui.errors import ConnectionLostError, ServerRefusedError
from exauq_tui.hardware import UnixServerScriptInterface, agent_line
from tests.leaving_out import leave_out
from tests.live.sshd import ClientKeys, Sshd, administer
from tests.shell.essentials import put_simulator, see_jobs_through

pytestmark = pytest.mark.live

# By what a login shell is called, the file that it reads at the start of a command, and how it
# reads a line from its standard input there.
SHELLS = {
    "bash": (".bashrc", "read -r answer"),
    "dash": (None, ""),
    "busybox": (None, ""),
    "mksh": (None, ""),
    "zsh": (".zshenv", "read -r answer"),
    "tcsh": (".tcshrc", 'set answer = "$<"'),
    "fish": (".config/fish/config.fish", "read answer"),
}


class Login:
    """An account with a home directory and a server that it can log in to."""

    def __init__(self, directory: Path, keys: ClientKeys) -> None:
        self.name = f"exauqlogin{os.getpid()}"
        self.home = directory / "home"
        self.home.mkdir()
        banner = directory / "banner"
        banner.write_text("Authorised use only.\n" * 20)
        administer("useradd", "--no-create-home", "--home-dir", str(self.home), self.name)
        try:
            shutil.chown(self.home, self.name)
            self.sshd = Sshd(directory / "sshd", keys, extra=(f"Banner {banner}",), own_home=False)
        except BaseException:
            self.remove()
            raise

    def uses(self, shell: str) -> None:
        """Give the account another login shell."""
        administer("usermod", "--shell", shell, self.name)

    def start_up(self, name: str, lines: str) -> None:
        """Write a file that the login shell reads first."""
        file = self.home / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(lines)
        for path in (file, *file.parents):
            if path == self.home:
                break
            shutil.chown(path, self.name)

    def interface(self, script: Path) -> UnixServerScriptInterface:
        return UnixServerScriptInterface(
            self.name,
            self.sshd.host,
            "sh",
            str(script),
            "there",
            1,
            "ws",
            self.sshd.keys.ed25519,
            port=self.sshd.port,
            known_hosts=self.sshd.known_hosts,
            max_running=2,
            cancel_grace=1.0,
        )

    def clear(self) -> None:
        """Leave the home directory empty."""
        for path in self.home.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()

    def remove(self) -> None:
        if hasattr(self, "sshd"):
            self.sshd.stop()
        # What a failed test left running ends with the account.
        uid = int(subprocess.check_output(["id", "-u", self.name]))
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if entry.stat().st_uid == uid:
                    os.kill(int(entry.name), 9)
        administer("userdel", self.name)


@pytest.fixture(scope="module")
def account_with_home(client_keys: ClientKeys) -> Iterator[Login]:
    if os.geteuid() != 0:
        leave_out("login shells are tested with an account made for it, which NEEDS ROOT")
    with tempfile.TemporaryDirectory(prefix="exauq-tui-login-") as directory:
        # The account cannot enter pytest's directories.
        Path(directory).chmod(0o755)
        made = Login(Path(directory), client_keys)
        made.sshd.user = made.name
        try:
            yield made
        finally:
            made.remove()


@pytest.fixture
def login(account_with_home: Login) -> Iterator[Login]:
    yield account_with_home
    account_with_home.clear()


def path_of(shell: str, home: Path) -> str:
    found = shutil.which(shell)
    assert found is not None, f"{shell} is missing: run scripts/install-tools test"
    if shell == "busybox":
        # It is a shell by the name that it is called by.
        (home / "sh").symlink_to(found)
        return str(home / "sh")
    return found


def junk() -> bytes:
    noise = random.Random(7).randbytes(4000)
    return noise + b"\nEXAUQ 00 0 ok 5\nhello\nEXAUQ feedc0de 1 ok 99999\n" + noise[:50]


@pytest.mark.parametrize("shell", SHELLS)
def test_all_verbs_work_whatever_the_login_shell_is_and_its_start_up_file_does(
    login: Login, shell: str
) -> None:
    login.uses(path_of(shell, login.home))
    (login.home / "junk").write_bytes(junk())
    says = "cat ~/junk\nsh -c 'cat ~/junk >&2'\n"
    login.start_up(".ssh/rc", says)
    name, reads = SHELLS[shell]
    if name is not None:
        login.start_up(name, f"{reads}\n{says}{reads}\ntouch ~/was-read\n")
    with login.interface(put_simulator(login.home)) as there:
        see_jobs_through(there)
    assert (login.home / "was-read").exists() == (name is not None)


def test_a_start_up_file_that_reads_everything_is_told_as_the_likely_cause(
    login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_line, "HELLO_WITHIN", 2.0)
    login.uses("/bin/bash")
    login.start_up(".bashrc", "cat >/dev/null\n")
    with pytest.raises(ConnectionLostError, match=r"did not answer.*start-up file") as raised:
        login.interface(put_simulator(login.home))
    assert login.name in str(raised.value)


REFUSALS = {
    "/bin/rbash": r"exec: restricted",
    "/usr/sbin/nologin": r"exit code 1.*This account is currently not available",
    "/bin/false": r"exit code 1",
}


@pytest.mark.parametrize("shell", REFUSALS)
def test_an_account_that_may_run_nothing_is_told_with_its_own_words(
    login: Login, shell: str
) -> None:
    login.uses(shell)
    with pytest.raises(ServerRefusedError, match="could not run /bin/bash") as raised:
        login.interface(put_simulator(login.home))
    words = str(raised.value)
    assert re.search(REFUSALS[shell], words, re.DOTALL)
    assert "login shell" in words
    assert login.name in words


def test_a_start_up_file_that_exits_is_told(login: Login) -> None:
    login.uses("/bin/bash")
    login.start_up(".bashrc", "echo 'Welcome to hpc1!'; exit 3\n")
    with pytest.raises(ServerRefusedError, match=r"exit code 3.*Welcome to hpc1!") as raised:
        login.interface(put_simulator(login.home))
    assert "start-up file" in str(raised.value)


def test_a_server_for_files_only_is_told(start_sshd: Callable[..., Sshd], tmp_path: Path) -> None:
    server = start_sshd(extra=("ForceCommand internal-sftp",))
    with pytest.raises(ServerRefusedError, match="could not run /bin/bash"):
        UnixServerScriptInterface(
            server.user,
            server.host,
            "sh",
            str(put_simulator(tmp_path)),
            "there",
            key_filename=server.keys.ed25519,
            port=server.port,
            known_hosts=server.known_hosts,
        )
