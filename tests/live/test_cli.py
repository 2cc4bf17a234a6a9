"""The installed command against a real server: exit codes, and no questions without a terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.live.outage import cut_connections, end
from tests.live.sshd import ClientKeys, Sshd, StartSshd
from tests.unit.fake_interfaces import until

pytestmark = pytest.mark.live

COMMAND = [sys.executable, "-m", "exauq_tui"]
TIMEOUT = 60

SIMULATOR = """\
import sys
from pathlib import Path

line = Path(sys.argv[1]).read_text().strip()
with open(Path(__file__).parent / "ledger", "a") as ledger:
    ledger.write(line + "\\n")
Path(sys.argv[2]).write_text(repr(sum(map(float, line.split(",")))))
"""


class Site:
    """A simulator on a server, and a configuration that names it `hpc1`."""

    def __init__(self, directory: Path, sshd: Sshd) -> None:
        self.directory = directory
        self.sshd = sshd
        self.script = directory / "sim.py"
        self.script.write_text(SIMULATOR)
        self.write_config(key_filename=str(sshd.keys.ed25519), known_hosts=str(sshd.known_hosts))

    def write_config(self, **keys: object) -> None:
        table = {
            "kind": "unix",
            "user": self.sshd.user,
            "host": self.sshd.host,
            "port": self.sshd.port,
            "program": sys.executable,
            "script_path": str(self.script),
            "workspace_dir": str(self.directory / "w"),
            **keys,
        }
        rows = "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())
        Path(os.environ["EXAUQ_TUI_CONFIG"]).write_text(f"[servers.hpc1]\n{rows}")

    def ledger(self) -> list[str]:
        path = self.directory / "ledger"
        return path.read_text().splitlines() if path.exists() else []

    def run(self, *arguments: str, check: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*COMMAND, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
            start_new_session=True,  # no terminal to ask on, by whatever way
        )
        assert "Traceback" not in done.stderr
        assert done.returncode == check, (done.returncode, done.stdout, done.stderr)
        return done

    def statuses(self) -> list[str]:
        return [job["status"] for job in json.loads(self.run("jobs", "--json").stdout)]


@pytest.fixture
def site(tmp_path: Path, sshd: Sshd, isolated_home: Path) -> Site:
    return Site(tmp_path, sshd)


@pytest.fixture
def own_site(tmp_path: Path, start_sshd: StartSshd, isolated_home: Path) -> Site:
    """A site whose server a test may stop."""
    return Site(tmp_path, start_sshd())


def test_a_csv_file_is_run_on_the_server_and_its_outputs_printed(site: Site) -> None:
    table = site.directory / "grid.csv"
    table.write_text("".join(f"{n},-{n}.5\n" for n in range(20)))
    done = site.run("submit", "hpc1", "--csv", str(table), "--wait")
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert {(status, output) for _, status, output in rows} == {("Completed", "-0.5")}
    assert len({job_id for job_id, *_ in rows}) == len(site.ledger()) == 20
    assert site.run("output", rows[3][0]).stdout == "-0.5\n"


def test_jobs_for_a_level_are_shared_by_the_servers_that_can_be_reached(
    own_site: Site, sshd: Sshd
) -> None:
    """Two profiles of one server, and one of a server that is away."""
    config = Path(os.environ["EXAUQ_TUI_CONFIG"])
    away_table = config.read_text().replace("[servers.hpc1]", "[servers.away]")
    end(own_site.sshd)
    site = Site(own_site.directory, sshd)
    table = config.read_text()
    second = table.replace("[servers.hpc1]", "[servers.hpc2]").replace('/w"', '/w2"')
    config.write_text(away_table + table + second)
    csv = site.directory / "grid.csv"
    csv.write_text("".join(f"{n},1\n" for n in range(10)))
    done = site.run("submit", "--level", "1", "--csv", str(csv), "--wait")
    assert "away" in done.stderr
    assert "LOST" in done.stderr
    assert "hpc1: 5, hpc2: 5" in done.stderr
    assert {line.split("\t")[1] for line in done.stdout.splitlines()} == {"Completed"}
    jobs = json.loads(site.run("jobs", "--json", "--no-refresh").stdout)
    assert Counter(job["server"] for job in jobs) == {"hpc1": 5, "hpc2": 5}
    assert {job["batch"] for job in jobs} == {"grid.csv"}
    assert sorted(site.ledger()) == sorted(f"{n},1" for n in range(10))


def test_a_server_that_cannot_be_reached_is_exit_code_3_and_the_job_is_sent_later(
    own_site: Site,
) -> None:
    own_site.run("jobs")
    end(own_site.sshd)
    done = own_site.run("submit", "hpc1", "--input", "1,2", check=3)
    assert "hpc1" in done.stderr
    assert "LOST" in done.stderr
    assert "kept" in done.stderr
    assert own_site.run("submit", "hpc1", "--input", "3", "--wait", check=3).stdout == ""
    listed = own_site.run("jobs", check=3)
    assert listed.stdout.count("Pending submit ?") == 2
    job_id = listed.stdout.split("\t")[0]
    own_site.run("output", job_id, check=3)
    own_site.sshd.start()
    own_site.run("jobs")
    until(lambda: own_site.statuses() == ["Completed", "Completed"])
    assert sorted(own_site.ledger()) == ["1,2", "3"]


def test_a_cancel_that_cannot_be_sent_is_kept(own_site: Site) -> None:
    own_site.script.write_text("import time; time.sleep(300)")
    job_id = own_site.run("submit", "hpc1", "--input", "1").stdout.strip()
    end(own_site.sshd)
    done = own_site.run("cancel", job_id, check=3)
    assert "kept" in done.stderr
    own_site.sshd.start()
    until(lambda: own_site.statuses() == ["Cancelled"])


@pytest.fixture
def refusals(
    site: Site, client_keys: ClientKeys, start_sshd: StartSshd
) -> dict[str, Callable[[], None]]:
    """Ways in which a server and we do not come together."""
    known = {"known_hosts": str(site.sshd.known_hosts)}
    other = start_sshd()
    wrong = site.directory / "wrong_hosts"
    host_key = " ".join(other.host_key.with_suffix(".pub").read_text().split()[:2])
    wrong.write_text(f"[{site.sshd.host}]:{site.sshd.port} {host_key}\n")
    good_key = {"key_filename": str(client_keys.ed25519)}
    return {
        "a key that is not accepted": lambda: site.write_config(
            key_filename=str(client_keys.unwelcome), **known
        ),
        "only a password": lambda: site.write_config(**known),
        "an encrypted key": lambda: site.write_config(
            key_filename=str(client_keys.encrypted), **known
        ),
        "an unknown host key": lambda: site.write_config(**good_key),
        "a changed host key": lambda: site.write_config(known_hosts=str(wrong), **good_key),
    }


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        ("a key that is not accepted", "AUTH NEEDED"),
        ("only a password", "AUTH NEEDED"),
        ("an encrypted key", "no terminal"),
        ("an unknown host key", "HOST KEY UNKNOWN"),
        ("a changed host key", "HOST KEY CHANGED"),
    ],
)
def test_what_only_a_person_can_settle_is_exit_code_4_and_nobody_is_asked(
    site: Site, refusals: dict[str, Callable[[], None]], refusal: str, words: str
) -> None:
    refusals[refusal]()
    done = site.run("submit", "hpc1", "--input", "1", "--wait", check=4)
    assert words in done.stderr
    assert "kept" in done.stderr
    assert done.stdout == ""
    assert "Pending submit" in site.run("jobs", check=4).stdout
    assert site.ledger() == []


def test_a_server_that_refuses_us_in_the_middle_of_a_wait_is_waited_for_no_longer(
    own_site: Site,
) -> None:
    site = own_site
    go = site.directory / "go"
    site.script.write_text(
        "import sys, time, pathlib\n"
        f"while not pathlib.Path({str(go)!r}).exists(): time.sleep(0.02)\n"
        "pathlib.Path(sys.argv[2]).write_text('1')\n"
    )
    try:
        with subprocess.Popen(
            [*COMMAND, "submit", "hpc1", "--input", "1", "--wait"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                until(lambda: list(site.directory.glob("w/*/PID")))
                (site.sshd.directory / "authorized_keys").write_text("")
                cut_connections(site.sshd)
                _, words = process.communicate(timeout=TIMEOUT)
            finally:
                process.kill()
        assert process.returncode == 4, words
        assert "goes on" in words
    finally:
        go.touch()
