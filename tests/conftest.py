"""What every test gets: a home of its own, no ssh-agent, a private sshd where it asks."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.figures import pytest_terminal_summary, tell  # noqa: F401 - a hook and a fixture
from tests.leaving_out import leave_out
from tests.live.sshd import (
    SSHD,
    Account,
    ClientKeys,
    Sshd,
    StartSshd,
    administer,
    make_client_keys,
)
from tests.snapshots.scrub import pytest_sessionfinish  # noqa: F401 - a hook, which xdist looks for here

# A machine that runs tests is busy: no example fails by how long it took. The same examples are
# tried each time, so that what fails fails for whoever looks.
settings.register_profile(
    "suite", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("suite")


@pytest.fixture(scope="session", autouse=True)
def _isolated_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep fixtures that outlive a test from reading or writing the user's own files too."""
    with pytest.MonkeyPatch.context() as patch:
        _isolate(patch, tmp_path_factory.mktemp("session"))
        yield


@pytest.fixture(autouse=True)
def isolated_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Give each test an empty home directory, configuration and data directory."""
    return _isolate(monkeypatch, tmp_path_factory.mktemp("user"))


def _isolate(patch: pytest.MonkeyPatch, directory: Path) -> Path:
    home = directory / "home"
    home.mkdir()
    config = directory / "config.toml"
    config.touch()
    patch.setenv("HOME", str(home))
    patch.setenv("EXAUQ_TUI_CONFIG", str(config))
    patch.setenv("EXAUQ_TUI_DATA", str(directory / "data"))
    for name in ("SSH_AUTH_SOCK", "SSH_AGENT_PID", "SSH_ASKPASS", "SSH_ASKPASS_REQUIRE"):
        patch.delenv(name, raising=False)
    for name in [name for name in os.environ if name.startswith("XDG_")]:
        patch.delenv(name)
    # Where a configuration for everybody on the machine would be.
    patch.setenv("XDG_CONFIG_DIRS", str(directory / "site"))
    return home


@pytest.fixture(scope="session")
def client_keys(tmp_path_factory: pytest.TempPathFactory) -> ClientKeys:
    """Private keys that every private server accepts."""
    require_sshd()
    return make_client_keys(tmp_path_factory.mktemp("client-keys"))


@pytest.fixture(scope="session")
def sshd(client_keys: ClientKeys, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """A private server that takes keys; shared, so no test may stop it."""
    server = Sshd(tmp_path_factory.mktemp("sshd"), client_keys)
    yield server
    server.stop()


@pytest.fixture
def start_sshd(client_keys: ClientKeys, tmp_path: Path) -> Iterator[StartSshd]:
    """Give a function that starts further servers, with `Sshd`'s options; ended with the test."""
    servers: list[Sshd] = []

    def start(**options: object) -> Sshd:
        directory = tmp_path / f"sshd-{len(servers)}"
        servers.append(Sshd(directory, client_keys, **options))  # type: ignore[arg-type]
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="session")
def account() -> Iterator[Account]:
    """Make a throw-away account with a password; needs root."""
    if os.geteuid() != 0:
        leave_out("passwords are tested with an account made for it, which NEEDS ROOT")
    made = Account(f"exauqtest{os.getpid()}", "correct horse ü")
    # Nothing of its own on disk: it has no home directory to be made or removed.
    administer("useradd", "--no-create-home", "--home-dir", "/tmp", "-s", "/bin/bash", made.name)
    try:
        subprocess.run(["chpasswd"], input=f"{made.name}:{made.password}".encode(), check=True)
        yield made
    finally:
        administer("userdel", made.name)


@pytest.fixture
def start_password_sshd(client_keys: ClientKeys, account: Account) -> Iterator[StartSshd]:
    """Like `start_sshd`, for servers that the throw-away account can log in to."""
    servers: list[Sshd] = []
    with tempfile.TemporaryDirectory(prefix="exauq-tui-sshd-") as directory:
        # The server reads authorized_keys as the account, which cannot enter pytest's directories.
        Path(directory).chmod(0o755)

        def start(**options: object) -> Sshd:
            place = Path(directory) / str(len(servers))
            arguments = {"password_login": True, "own_home": False, **options}
            server = Sshd(place, client_keys, **arguments)  # type: ignore[arg-type]
            server.user = account.name
            servers.append(server)
            return server

        yield start
        for server in servers:
            server.stop()


def require_sshd() -> None:
    """Fail, or skip where that was asked for, without an SSH server program."""
    if os.environ.get("EXAUQ_TUI_NO_SSHD") == "1":
        pytest.skip("EXAUQ_TUI_NO_SSHD=1: tests that need an SSH server are LEFT OUT")
    if SSHD is None:
        pytest.fail(
            "These tests need OpenSSH's server program, sshd, which is not installed. "
            "Run scripts/install-tools, or set EXAUQ_TUI_NO_SSHD=1 to leave them out.",
            pytrace=False,
        )
