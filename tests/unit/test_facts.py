"""Findings made of what a server tells about itself."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from exauq_tui.hardware.diagnosis import Check, Finding, Result
from exauq_tui.hardware.facts import examine_facts, examine_rehearsal, read_facts
from exauq_tui.hardware.link_facts import (
    examine_clock,
    examine_latency,
    examine_noise,
    examine_sessions,
)

OK, WARNING, FAILED, NOT_CHECKED = Result

GOOD = {
    "shell": "/bin/bash",
    "user": "alice",
    "lacks": "",
    "script": "/home/alice/sim.py",
    "script-state": "ok",
    "workspace": "/home/alice/w",
    "workspace-state": "present",
    "dir": "/home/alice/w",
    "locks": "works",
    "file-system": "xfs",
    "space": "50000000 100000000",
    "inodes": "900000 1000000",
    "cores": "16",
    "load": "0.42",
    "limit": "16",
    "jobs": "12",
    "running": "3",
    "queued": "1",
    "journal": "2048",
    "trash": "0",
    "new": "0",
    "claims": "0",
    "orphans": "",
    "scope": "session",
    "kill": "no",
    "linger": "no",
    "processes": "63000",
    "open-files": "1024",
}


def judged(**changes: str) -> dict[Check, Finding]:
    facts = {**GOOD, **{key.replace("_", "-"): value for key, value in changes.items()}}
    return {finding.check: finding for finding in examine_facts(facts)}


def test_a_good_server_gives_rise_to_no_complaint() -> None:
    found = judged()
    assert {finding.result for finding in found.values()} == {OK}
    assert found[Check.WORKSPACE].found == (
        "/home/alice/w can be written to; 12 jobs, 3 running, 1 waiting"
    )
    assert found[Check.SPACE].found == (
        "48 GiB of 95 GiB free, 900,000 more files possible in /home/alice/w"
    )
    assert found[Check.LEFTOVERS].found == "none; the journal has 2.0 KiB"


def test_a_server_that_tells_nothing_is_no_reason_to_stumble() -> None:
    assert all(finding.found for finding in examine_facts({}))


@dataclass
class Case:
    check: Check
    result: Result
    words: str
    advice: str = ""
    facts: dict[str, str] = field(default_factory=dict)


CASES = {
    "lacks flock": Case(
        Check.TOOLS, WARNING, "missing: flock", "util-linux", {"lacks": "flock"}
    ),
    "no script": Case(
        Check.SCRIPT, FAILED, "there is no file", "script_path", {"script_state": "missing"}
    ),
    "script is a directory": Case(
        Check.SCRIPT, FAILED, "is not a file", "itself", {"script_state": "directory"}
    ),
    "script unreadable": Case(
        Check.SCRIPT, FAILED, "cannot be read", "chmod", {"script_state": "unreadable"}
    ),
    "workspace is a file": Case(
        Check.WORKSPACE, FAILED, "is not a directory", "another", {"workspace_state": "other"}
    ),
    "newer workspace": Case(
        Check.WORKSPACE, FAILED, "newer exauq-tui", "Update", {"workspace_state": "newer"}
    ),
    "read-only workspace": Case(
        Check.WORKSPACE, FAILED, "written to: Permission denied", "workspace_dir",
        {"unwritable": "Permission denied"},
    ),
    "parent of it read-only": Case(
        Check.WORKSPACE, FAILED, "cannot be made: /home cannot be written to", "workspace_dir",
        {"workspace_state": "absent", "dir": "/home", "unwritable": "Read-only file system"},
    ),
    "workspace to be made": Case(
        Check.WORKSPACE, OK, "/home/alice/w will be made", "", {"workspace_state": "absent"}
    ),
    "workspace without a name": Case(
        Check.WORKSPACE, OK, "a new one will be made in /home/alice", "",
        {"workspace_state": "unnamed", "workspace": "", "dir": "/home/alice"},
    ),
    "less than a GiB": Case(
        Check.SPACE, WARNING, "977 MiB of 9.5 GiB", "(room)", {"space": "1000000 10000000"}
    ),
    "less than a twentieth": Case(
        Check.SPACE, WARNING, "GiB free", "(room)", {"space": "4999999 100000000"}
    ),
    "few files": Case(
        Check.SPACE, WARNING, "9 more files", "(number of files)", {"inodes": "9 1000000"}
    ),
    "a file system without a count of files": Case(
        Check.SPACE, OK, "GiB free in", "", {"inodes": "0 0"}
    ),
    "no df": Case(Check.SPACE, WARNING, "cannot tell", "df", {"space": "", "inodes": ""}),
    "no locks": Case(Check.FILES, WARNING, "nfs; it has no file locks", "NFS",
                     {"file_system": "nfs", "locks": "none"}),
    "locks that lock nothing": Case(
        Check.FILES, FAILED, "keep nobody out", "another file system", {"locks": "sham"}
    ),
    "too many at once": Case(
        Check.CORES, WARNING, "jobs at once (max_running): 33", "smaller", {"limit": "33"}
    ),
    "no limit": Case(Check.CORES, OK, "no limit", "", {"limit": "0"}),
    "trash": Case(Check.LEFTOVERS, WARNING, "2 half-deleted", "after a day",
                  {"trash": "2"}),
    "orphans": Case(
        Check.LEFTOVERS, WARNING, "jobs that have ended: 12 34", "kill 12 34",
        {"orphans": " 12 34"},
    ),
    "dead lock": Case(
        Check.LEFTOVERS, WARNING, "holder is dead", "next start", {"dead_lock": "1"}
    ),
    "long journal": Case(
        Check.LEFTOVERS, WARNING, "a journal of 100 MiB", "new workspace_dir",
        {"journal": str(100 * 1024 * 1024)},
    ),
    "killed at logout": Case(
        Check.LOGOUT, FAILED, "KillUserProcesses=yes", "KillExcludeUsers", {"kill": "yes"}
    ),
    "spared at logout": Case(
        Check.LOGOUT, OK, "go on", "", {"kill": "yes", "kill_exclude": "root alice"}
    ),
    "only others killed": Case(
        Check.LOGOUT, OK, "go on", "", {"kill": "yes", "kill_only": "bob"}
    ),
    "in no session": Case(Check.LOGOUT, OK, "go on", "", {"kill": "yes", "scope": "none"}),
    "below a user manager": Case(
        Check.LOGOUT, WARNING, "your last login", "loginctl enable-linger", {"scope": "user"}
    ),
    "below one that lingers": Case(
        Check.LOGOUT, OK, "go on", "", {"scope": "user", "linger": "yes"}
    ),
    "few processes": Case(
        Check.LIMITS, WARNING, "processes 50", "max_running", {"processes": "50"}
    ),
    "endless processes": Case(
        Check.LIMITS, OK, "processes unlimited", "", {"processes": "unlimited"}
    ),
    "over quota": Case(
        Check.QUOTA, WARNING, "over quota: block limit", "quota",
        {"quota": "block limit reached on /home"},
    ),
    "under quota": Case(Check.QUOTA, OK, "nothing is over", "", {"quota": ""}),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_is_wrong_is_said_with_what_to_do(name: str) -> None:
    case = CASES[name]
    found = judged(**case.facts)
    finding = found.pop(case.check)
    assert (finding.result, case.words in finding.found) == (case.result, True), finding
    assert case.advice in finding.advice
    assert bool(finding.advice) == (case.result is not OK)
    # Nothing else is complained of because of it.
    assert {other.result for other in found.values()} == {OK}


def test_facts_keep_what_a_path_may_hold_and_join_what_stands_twice() -> None:
    facts = read_facts(["dir /a b\nc", "kill-only bob", "kill-only eve", "lacks", ""])
    assert facts == {"dir": "/a b\nc", "kill-only": "bob eve", "lacks": "", "": ""}


@pytest.mark.parametrize(
    ("offset", "doubt", "result"),
    [(0.3, 0, OK), (-4.9, 0, OK), (5.4, 0.5, OK), (7, 0.5, WARNING), (-3600, 0.5, WARNING)],
)
def test_clocks_may_differ_by_seconds(offset: float, doubt: float, result: Result) -> None:
    finding = examine_clock(offset, doubt)
    assert finding.result is result
    if result is WARNING:
        assert ("ahead" if offset > 0 else "behind") in finding.found


def test_the_latency_is_a_median() -> None:
    finding = examine_latency([0.05, 0.05, 0.06, 9.0, 0.04])
    assert (finding.result, finding.found[:7]) == (OK, "50.0 ms")
    assert examine_latency([1.5] * 5).result is WARNING


def test_less_than_four_sessions_are_few() -> None:
    assert [examine_sessions(count).result for count in (1, 3, 4)] == [WARNING, WARNING, OK]


@pytest.mark.parametrize(
    ("shell", "file"),
    [
        ("/bin/bash", "~/.bashrc"),
        ("/usr/bin/zsh", "~/.zshenv"),
        ("/usr/bin/fish", "config.fish"),
        ("/bin/tcsh", ".cshrc"),
        ("/opt/odd", "start-up files"),
    ],
)
def test_noise_names_the_files_it_may_come_from(shell: str, file: str) -> None:
    finding = examine_noise(12, b"Hello \xff\n", shell)
    assert finding.result is WARNING
    assert file in finding.advice
    assert finding.heard.startswith("Hello")
    assert "Hello" not in finding.found
    assert examine_noise(0, b"", shell).result is OK


@pytest.mark.parametrize(
    ("facts", "setup", "program"),
    [
        ({"end": "done", "code": "0", "program": "/bin/r"}, OK, OK),
        ({"end": "done", "code": "1", "program": "/bin/r", "said": "no R"}, WARNING, OK),
        ({"end": "done", "code": "0", "program": "", "path": "/bin"}, OK, FAILED),
        ({"end": "late", "limit": "20"}, FAILED, NOT_CHECKED),
        ({"end": "cut"}, FAILED, NOT_CHECKED),
        ({}, FAILED, NOT_CHECKED),
    ],
)
def test_a_rehearsal_tells_of_setup_lines_and_program(
    facts: dict[str, str], setup: Result, program: Result
) -> None:
    first, second = examine_rehearsal(facts, "module load R", "Rscript")
    assert (first.check, first.result) == (Check.SETUP, setup)
    assert (second.check, second.result) == (Check.PROGRAM, program)
    assert first.heard == facts.get("said", "")
