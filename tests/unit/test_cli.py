"""The installed command, on this machine: what it prints, where, and how it ends."""

from __future__ import annotations

import csv
import json
import os
import pty
import re
import signal
import sqlite3
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from exauq_tui import console
from exauq_tui.hardware import LocalScriptInterface
from exauq_tui.hardware.status import TERMINAL_STATUSES
from exauq_tui.locations import log_path, record_path
from exauq_tui.monitor.export import AFTER_INPUTS, BEFORE_INPUTS
from exauq_tui.monitor.record import Record
from tests.unit.fake_interfaces import until

COMMAND = [sys.executable, "-m", "exauq_tui"]
TIMEOUT = 60

# Does what the first coordinate says; leaves a line in the ledger for each run.
SIMULATOR = """\
import sys, time
from pathlib import Path

here = Path(__file__).parent
line = Path(sys.argv[1]).read_text().strip()
with open(here / "ledger", "a") as ledger:
    ledger.write(line + "\\n")
numbers = [float(word) for word in line.split(",")]
kind = numbers[0]
if kind == 99:
    while not (here / "go").exists():
        time.sleep(0.02)
elif kind == 98:
    sys.exit("this one fails")
elif kind == 97:
    Path(sys.argv[2]).write_text("[red]not a number")
    sys.exit()
elif kind == 96:
    Path(sys.argv[2]).write_text("nan" if numbers[1] else "-inf")
    sys.exit()
Path(sys.argv[2]).write_text(repr(sum(numbers)))
"""


class Site:
    """A simulator on this machine, and a configuration that names it `here`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.workspace = directory / "work space"
        self.script = directory / "sim.py"
        self.script.write_text(SIMULATOR)
        self.config = Path(os.environ["EXAUQ_TUI_CONFIG"])
        self.write_config()

    def write_config(self, more: str = "", kind: str = "local") -> None:
        self.config.write_text(
            "[app]\nrefresh = 0.2\n[servers.here]\n"
            f"kind = {kind!r}\nprogram = '{sys.executable}'\nscript_path = '{self.script}'\n"
            f"workspace_dir = '{self.workspace}'\n{more}\n"
        )

    def ledger(self) -> list[str]:
        path = self.directory / "ledger"
        return path.read_text().splitlines() if path.exists() else []

    def run(self, *arguments: str, check: int | None = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*COMMAND, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        assert "Traceback" not in done.stderr
        if check is not None:
            assert done.returncode == check, done.stderr
        return done

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*COMMAND, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def go(self) -> None:
        (self.directory / "go").touch()

    def jobs(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.run("jobs", "--json").stdout)
        return found


@pytest.fixture
def site(tmp_path: Path, isolated_home: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.go()
    with LocalScriptInterface(
        "python3", str(site.script), "end", workspace_dir=str(site.workspace), cancel_grace=1
    ) as interface:
        # Nothing that a test began may outlive it.
        reports = interface.look().reports
        interface.cancel_jobs([r.job_id for r in reports if r.status not in TERMINAL_STATUSES])


def lines(done: subprocess.CompletedProcess[str]) -> list[list[str]]:
    return [line.split("\t") for line in done.stdout.splitlines()]


# Submitting


@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        (("--input", "-1,-2"), "-3.0"),
        (("--input=-1,-2,3",), "0.0"),
        (("--input", "-1.5e0 -2"), "-3.5"),
        (("--input", "-0.5"), "-0.5"),
    ],
)
def test_one_input_is_run_and_its_output_printed(
    site: Site, arguments: tuple[str, ...], output: str
) -> None:
    done = site.run("submit", "here", *arguments, "--wait")
    ((job_id, status, shown),) = lines(done)
    assert re.fullmatch("[0-9]{17}", job_id)
    assert (status, shown) == ("Completed", output)
    assert done.stderr == ""


def test_without_wait_the_id_is_printed_as_soon_as_the_job_is_accepted(site: Site) -> None:
    done = site.run("submit", "here", "--input", "99")
    ((job_id,),) = lines(done)
    (job,) = site.jobs()
    assert (job["id"], job["stale"]) == (job_id, False)
    assert job["status"] in ("Submitted", "Running")


def test_a_failure_after_the_submission_is_no_failure_of_the_submission(site: Site) -> None:
    site.run("submit", "here", "--input", "98")


def test_a_csv_file_is_one_batch_and_its_failures_are_told(site: Site) -> None:
    table = site.directory / "grid of 5.csv"
    table.write_text("a,b\n1,2\n-3,4\n98,0\n97,0\n96,1\n")
    done = site.run("submit", "here", "--csv", str(table), "--wait", check=1)
    results = {job_id: rest for job_id, *rest in lines(done)}
    assert sorted(results.values()) == [
        ["Completed", ""],
        ["Completed", "1.0"],
        ["Completed", "3.0"],
        ["Completed", "nan"],
        ["Failed", ""],
    ]
    assert "not one floating-point number" in done.stderr
    jobs = site.jobs()
    assert {job["batch"] for job in jobs} == {"grid of 5.csv"}
    assert [job["inputs"] for job in jobs] == [[1, 2], [-3, 4], [98, 0], [97, 0], [96, 1]]
    assert len(site.ledger()) == 5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1,2\n3,x\n", "line 2: b: 'x' is not a number"),
        ("1,2\n3\n", "line 2: 1 value given, 2 expected"),
        ("1,2\n\n3,nan\n", "line 3: b: NaN"),
        ("", "no line with numbers"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_submitted(site: Site, text: str, words: str) -> None:
    site.write_config("input_names = ['a', 'b']")
    table = site.directory / "bad.csv"
    table.write_text(text)
    done = site.run("submit", "here", "--csv", str(table), "--wait", check=2)
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert site.jobs() == []
    assert site.ledger() == []


def test_inputs_that_ran_already_are_left_out_where_that_is_asked_for(site: Site) -> None:
    site.run("submit", "here", "--input", "1,2", "--wait")
    table = site.directory / "grid.csv"
    table.write_text("1,2.0\n3,4\n3,4\n")
    done = site.run("submit", "here", "--csv", str(table), "--skip-known", "--wait")
    assert "2 inputs ran already, or are under way: skipped" in done.stderr
    assert len(done.stdout.splitlines()) == 1
    assert site.run("submit", "here", "--csv", str(table), "--skip-known").stdout == ""
    assert sorted(site.ledger()) == ["1,2", "3,4"]
    site.run("submit", "here", "--input", "1,2", "--wait")  # asked for without: run once more
    assert sorted(site.ledger()) == ["1,2", "1,2", "3,4"]


def test_servers_of_a_level_that_take_different_inputs_are_refused(site: Site) -> None:
    other = site.config.read_text().split("[servers.here]")[1]
    site.write_config("input_names = ['a']\n[servers.there]" + other + "input_names = ['b']")
    done = site.run("submit", "--level", "1", "--input", "1", check=2)
    assert "take different inputs: here a; there b" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("submit", "here"), "either --csv FILE or --input"),
        (("submit", "here", "--input", "1", "--csv", "x.csv"), "either --csv FILE or --input"),
        (("submit", "here", "--input", ""), "missing"),
        (("submit", "here", "--input", "1,inf"), "infinite"),
        (("submit", "here", "--csv", "no such.csv"), "no such file"),
        (("submit", "there", "--input", "1"), "known: here"),
        (("submit",), "either SERVER or --level"),
        (("submit", "here", "--level", "1", "--input", "1"), "either SERVER or --level"),
        (("submit", "--level", "7", "--input", "1"), "no server of level 7"),
        (("output", "20260101000000000"), "there is no job"),
        (("cancel", "20260101000000000"), "there is no job"),
        (("cancel", "here/1"), "there is no job"),
        (("--read-only", "submit", "here", "--input", "1"), "read-only view"),
        (("--read-only", "cancel", "here/1"), "read-only view"),
        (("nonsense",), "nonsense"),
        (("--nonsense",), "nonsense"),
    ],
)
def test_wrong_usage_is_exit_code_2_and_a_sentence(
    site: Site, arguments: tuple[str, ...], words: str
) -> None:
    done = site.run(*arguments, check=2)
    assert words in done.stderr
    assert done.stdout == ""


def test_a_job_that_cannot_be_submitted_is_exit_code_1_with_the_reason(site: Site) -> None:
    site.script.unlink()
    done = site.run("submit", "here", "--input", "1", check=1)
    assert "could not be submitted" in done.stderr
    assert str(site.script) in done.stderr
    (job,) = site.jobs()
    assert job["status"] == "Failed submit"
    assert str(site.script) in job["error"]


def test_a_workspace_that_cannot_be_made_is_exit_code_1_with_the_reason(site: Site) -> None:
    site.workspace.write_text("a file in its place")
    done = site.run("submit", "here", "--input", "1", check=1)
    assert str(site.workspace) in done.stderr
    site.workspace.unlink()


# Looking


def test_jobs_are_listed_for_people_and_for_programs(site: Site) -> None:
    site.run("submit", "here", "--input", "1,2", "--wait")
    site.run("submit", "here", "--input", "96,0", "--wait")
    site.run("submit", "here", "--input", "96,1", "--wait")
    listed = lines(site.run("jobs"))
    assert [row[1:] for row in listed] == [
        ["here", "Completed", "1,2", "3.0"],
        ["here", "Completed", "96,0", "-inf"],
        ["here", "Completed", "96,1", "nan"],
    ]

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    jobs = json.loads(site.run("jobs", "--json").stdout, parse_constant=refuse)
    assert [job["output"] for job in jobs] == [3.0, "-inf", "nan"]
    assert [job["id"] for job in jobs] == [row[0] for row in listed]
    for name in ("created", "submitted", "started", "finished"):
        assert re.fullmatch(r"[0-9-]{10}T[0-9:.]+\+00:00", jobs[0][name])


def test_a_filter_selects_what_is_listed(site: Site) -> None:
    site.run("submit", "here", "--input", "1,2", "--wait")
    site.run("submit", "here", "--input", "98,0", "--wait", check=1)

    def listed(*options: str) -> list[str]:
        return [row[3] for row in lines(site.run("jobs", "--no-refresh", *options))]

    assert listed("--filter", "status:failed server:here age<1h") == ["98,0"]
    assert listed("--filter", "-x1>90 output>2") == ["1,2"]
    (job,) = json.loads(site.run("jobs", "--json", "--filter", "x2=0").stdout)
    assert job["inputs"] == [98, 0]
    wrong = site.run("jobs", "--filter", "status:faled", check=2)
    assert '--filter: There is no status "faled"; did you mean failed?' in wrong.stderr


def test_jobs_are_exported_as_from_the_dashboard(site: Site, tmp_path: Path) -> None:
    site.run("submit", "here", "--input", "1,2", "--wait")
    site.run("submit", "here", "--input", "98,0", "--wait", check=1)
    table, listed = tmp_path / "all.csv", tmp_path / "failed.json"
    done = site.run("jobs", "--export", str(table))
    assert (done.stdout, "2 jobs written to" in done.stderr) == ("", True)
    with table.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == [*BEFORE_INPUTS, "x1", "x2", *AFTER_INPUTS]
    assert [(row["x1"], row["output"]) for row in rows] == [("1", "3.0"), ("98", "")]
    site.run("jobs", "--no-refresh", "--filter", "status:failed", "--export", str(listed))
    assert [each["x1"] for each in json.loads(listed.read_text())] == [98]
    before = table.read_text()
    again = site.run("jobs", "--export", str(table), check=1)
    assert "is there already: --overwrite replaces it" in again.stderr
    site.run("submit", "here", "--input", "3,4", "--wait")
    assert table.read_text() == before
    site.run("jobs", "--export", str(table), "--overwrite")
    assert len(table.read_text().splitlines()) == 4


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--export", "jobs.xlsx"), "has to end in .csv or .json"),
        (("--export", "jobs.json", "--json"), "leave --json out"),
    ],
)
def test_an_export_that_cannot_be_is_wrong_usage(
    site: Site, options: tuple[str, ...], words: str
) -> None:
    assert words in site.run("jobs", *options, check=2).stderr


def test_a_listing_without_jobs_is_empty(site: Site) -> None:
    assert site.run("jobs").stdout == ""
    assert json.loads(site.run("jobs", "--json").stdout) == []


def test_an_unfinished_job_that_was_not_asked_about_is_marked(site: Site) -> None:
    site.run("submit", "here", "--input", "99")
    assert "?" in site.run("jobs", "--no-refresh").stdout
    (job,) = json.loads(site.run("jobs", "--json", "--no-refresh").stdout)
    assert job["stale"] is True


def test_the_output_of_one_job_is_printed_alone(site: Site) -> None:
    done = site.run("submit", "here", "--input", "0.1,0.2", "--wait")
    job_id = lines(done)[0][0]
    assert site.run("output", job_id).stdout == f"{0.1 + 0.2!r}\n"
    assert site.run("output", f"here/{job_id}").stdout == f"{0.1 + 0.2!r}\n"


@pytest.mark.parametrize(
    ("row", "words"),
    [("98", "it is Failed"), ("97", "[red]not a number"), ("99", "it is ")],
)
def test_a_job_without_an_output_says_why(site: Site, row: str, words: str) -> None:
    job_id = lines(site.run("submit", "here", "--input", row))[0][0]
    if row != "99":
        until(lambda: site.jobs()[0]["status"] in ("Completed", "Failed"))
    done = site.run("output", job_id, check=1)
    assert words in done.stderr
    assert done.stdout == ""


# Cancelling


def test_a_cancelled_job_has_ended_when_the_command_returns(site: Site) -> None:
    job_id = lines(site.run("submit", "here", "--input", "99"))[0][0]
    assert site.run("cancel", job_id).stdout == f"{job_id}\tCancelled\n"
    (job,) = site.jobs()
    assert job["status"] == "Cancelled"
    again = site.run("cancel", job_id)
    assert "nothing to cancel" in again.stderr


def test_a_job_elsewhere_than_its_profile_points_is_not_cancelled(site: Site) -> None:
    job_id = lines(site.run("submit", "here", "--input", "99"))[0][0]
    before, site.workspace = site.workspace, site.directory / "other"
    site.write_config()
    done = site.run("cancel", job_id, check=1)
    assert "not where here points now" in done.stderr
    site.workspace = before


def test_a_job_of_a_server_that_is_not_configured_any_more_is_listed_and_left(site: Site) -> None:
    job_id = lines(site.run("submit", "here", "--input", "99"))[0][0]
    text = site.config.read_text()
    site.config.write_text(text.replace("[servers.here]", "[servers.elsewhere]"))
    assert f"{job_id}\t" in site.run("jobs", "--no-refresh").stdout
    done = site.run("cancel", job_id, check=1)
    assert "here is not in the configuration any more" in done.stderr
    site.config.write_text(text)
    assert site.run("cancel", job_id).stdout == f"{job_id}\tCancelled\n"


# The record, the configuration, the terminal


def test_the_record_is_the_dashboards(site: Site) -> None:
    job_id = lines(site.run("submit", "here", "--input", "1", "--wait"))[0][0]
    with Record(record_path()) as record:
        assert [job.job_id for job in record.load()] == [job_id]


def test_a_record_that_cannot_be_used_is_a_sentence(site: Site) -> None:
    record_path().parent.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(record_path()) as other:
        other.execute("CREATE TABLE somebody_elses (x)")
    done = site.run("jobs", check=1)
    assert str(record_path()) in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_full_disk_refuses_the_job_and_nothing_runs(site: Site) -> None:
    site.run("jobs")
    record_path().parent.chmod(0o755)
    with sqlite3.connect(record_path(), isolation_level=None) as record:
        # Stands for a disk without room: no page more than there are.
        record.execute(
            "CREATE TRIGGER full BEFORE INSERT ON jobs BEGIN SELECT RAISE(ABORT, 'no room'); END"
        )
    done = site.run("submit", "here", "--input", "1", check=1)
    assert "no room" in done.stderr
    assert site.ledger() == []


def test_problems_of_the_configuration_are_told_and_the_rest_works(site: Site) -> None:
    with site.config.open("a") as config:
        config.write('[servers.other]\nkind = "unix"\nhots = "hpc1"\n')
    done = site.run("submit", "here", "--input", "1", "--wait")
    assert "servers.other" in done.stderr
    assert 'did you mean "host"?' in done.stderr
    assert lines(done)[0][1:] == ["Completed", "1.0"]


def test_a_configuration_that_was_named_must_be_there(site: Site) -> None:
    missing = site.directory / "missing.toml"
    done = site.run("--config", str(missing), "submit", "here", "--input", "1", check=2)
    assert str(missing) in done.stderr


@pytest.mark.parametrize("command", [(), ("demo",)])
def test_a_screen_without_a_terminal_is_wrong_usage(site: Site, command: tuple[str, ...]) -> None:
    done = site.run(*command, check=2)
    assert "needs a terminal" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", [(), ("submit",), ("jobs",), ("output",), ("cancel",)])
def test_help_tells_about_every_command(site: Site, command: tuple[str, ...]) -> None:
    done = site.run(*command, "--help")
    assert "Usage: exauq-tui" in done.stdout
    assert done.stderr == ""


def test_the_version_is_told(site: Site) -> None:
    assert site.run("--version").stdout.startswith("exauq-tui")


# Broken off


def interrupted(process: subprocess.Popen[str], when: Callable[[], object]) -> str:
    """Press ctrl+C once a condition holds; what was said."""
    with process:
        try:
            until(when)
            process.send_signal(signal.SIGINT)
            _, words = process.communicate(timeout=10)
        finally:
            process.kill()
    assert process.returncode == 130, words
    assert "Traceback" not in words
    return words


def test_ctrl_c_while_waiting_says_that_the_jobs_go_on(site: Site) -> None:
    process = site.start("submit", "here", "--input", "99", "--wait")
    words = interrupted(process, site.ledger)
    assert "jobs go on" in words
    assert "kept" in words
    site.go()
    until(lambda: site.jobs()[0]["status"] == "Completed")
    assert site.jobs()[0]["output"] == 99
    assert site.ledger() == ["99"]


def test_ctrl_c_while_cancelling_leaves_promptly(site: Site) -> None:
    job_id = lines(site.run("submit", "here", "--input", "99"))[0][0]
    until(site.ledger)
    site.run("jobs")
    stubborn = site.workspace / job_id / "PID"
    until(stubborn.exists)
    pid = int(stubborn.read_text())
    os.kill(pid, signal.SIGSTOP)  # it cannot answer TERM before KILL comes
    try:

        def is_asked() -> bool:
            with Record(record_path()) as record:
                return record.load()[0].status.value == "Pending cancel"

        interrupted(site.start("cancel", job_id), is_asked)
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_reader_that_goes_away_is_no_error(site: Site) -> None:
    table = site.directory / "many.csv"
    table.write_text("".join(f"98,{n}\n" for n in range(3)))
    site.run("submit", "here", "--csv", str(table))
    for option in ((), ("--json",)):
        reader, writer = os.pipe()
        os.close(reader)
        with subprocess.Popen(
            [*COMMAND, "jobs", "--no-refresh", *option],
            stdin=subprocess.DEVNULL,
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            os.close(writer)
            _, words = process.communicate(timeout=TIMEOUT)
        assert words == ""


def test_the_terminal_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    controller, terminal = pty.openpty()
    with os.fdopen(terminal, "r") as stream, os.fdopen(controller, "rb"):
        monkeypatch.setattr(sys, "stdin", stream)
        monkeypatch.setattr(console, "has_terminal", lambda: True)
        before = termios.tcgetattr(stream)
        with console.terminal_kept():
            silent = termios.tcgetattr(stream)
            silent[3] &= ~termios.ECHO
            termios.tcsetattr(stream, termios.TCSADRAIN, silent)
            assert termios.tcgetattr(stream) != before
        assert termios.tcgetattr(stream) == before


def test_what_happened_is_logged_beside_the_record(site: Site) -> None:
    site.run("submit", "here", "--input", "1,2", "--wait")
    lines = log_path().read_text().splitlines()
    assert any(line.endswith("1 jobs to be submitted to here") for line in lines)
    assert any("here (this machine) is UP" in line for line in lines)
    assert log_path().stat().st_mode & 0o777 == 0o600
