"""Findings made of what a server tells about itself (``scripts/doctor.sh``); all pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from exauq_tui.hardware.diagnosis import Check, Finding, Result

OK, WARNING, FAILED = Result.OK, Result.WARNING, Result.FAILED
Facts = Mapping[str, str]

_GIB = 1024 * 1024  # in KiB
_LITTLE_SHARE = 0.05
_LARGE_JOURNAL = 64 * 1024 * 1024
_FEW_PROCESSES = 200
_FEW_FILES = 256


def read_facts(fields: Iterable[str]) -> dict[str, str]:
    """Read lines of "KEY VALUE"; of a key that stands there twice, both values, with a space."""
    facts: dict[str, str] = {}
    for field in fields:
        key, _, value = field.partition(" ")
        facts[key] = f"{facts[key]} {value}" if key in facts else value
    return facts


def examine_facts(facts: Facts) -> Iterator[Finding]:
    """Judge what the server tells about itself and the workspace."""
    yield _tools(facts)
    yield _script(facts)
    yield _workspace(facts)
    yield _space(facts)
    yield _files(facts)
    yield _cores(facts)
    yield _leftovers(facts)
    yield _logout(facts)
    yield _limits(facts)
    if "quota" in facts:
        yield _quota(facts)


def examine_rehearsal(facts: Facts, setup: str, word: str) -> Iterator[Finding]:
    """Judge a rehearsal of what comes before the simulator: setup lines, then the program.

    Args:
        facts: What the server told about it.
        setup: The profile's setup lines.
        word: The program's first word.
    """
    if setup:
        yield _setup(facts)
    else:
        yield Finding(Check.SETUP, OK, "none in the profile")
    if facts.get("end") != "done":
        because = "since this failed before: setup lines"
        yield Finding(Check.PROGRAM, Result.NOT_CHECKED, because)
    elif facts.get("program"):
        yield Finding(Check.PROGRAM, OK, facts["program"])
    else:
        yield Finding(
            Check.PROGRAM,
            FAILED,
            f"there is no program {word} on the server",
            f"It was looked for in {facts.get('path') or 'an empty PATH'}. Give its whole path in "
            "`program`, or have `setup` make it known (such as `module load`).",
        )


def _setup(facts: Facts) -> Finding:
    heard = facts.get("said", "")
    if facts.get("end") == "late":
        return Finding(
            Check.SETUP,
            FAILED,
            f"they had not ended after {facts.get('limit', '?')} s",
            "Each job would wait for them likewise: see that none of them asks something.",
            heard,
        )
    if facts.get("end") != "done":
        return Finding(
            Check.SETUP,
            FAILED,
            "they end the shell, so that no job would start its program",
            "Remove `exit`, `exec` and `set -e` from them, and correct what fails.",
            heard,
        )
    code = facts.get("code", "0")
    if code != "0":
        return Finding(
            Check.SETUP,
            WARNING,
            f"the last of them ended with exit code {code}",
            "Jobs start all the same: see whether something is missing then.",
            heard,
        )
    return Finding(Check.SETUP, OK, "they run without an error")


def _tools(facts: Facts) -> Finding:
    lacking = facts.get("lacks", "").split()
    if not lacking:
        return Finding(Check.TOOLS, OK, "all that are used are there")
    advice = "Everything works without, only slower or with less to tell."
    if "flock" in lacking:
        advice += " flock (package util-linux) makes locks safer."
    return Finding(Check.TOOLS, WARNING, f"missing: {', '.join(lacking)}", advice)


_SCRIPT_TROUBLE = {
    "missing": ("there is no file {}", "Correct script_path, or copy the script there."),
    "directory": ("{} is not a file", "Let script_path name the script itself."),
    "unreadable": ("{} cannot be read", "Give yourself the right: chmod u+r."),
}


def _script(facts: Facts) -> Finding:
    state, path = facts.get("script-state", "missing"), facts.get("script", "")
    if state in _SCRIPT_TROUBLE:
        found, advice = _SCRIPT_TROUBLE[state]
        return Finding(Check.SCRIPT, FAILED, found.format(path), advice)
    return Finding(Check.SCRIPT, OK, f"{path} can be read")


def _workspace(facts: Facts) -> Finding:
    state, place = facts.get("workspace-state", "unnamed"), facts.get("workspace", "")
    parent, why_not = facts.get("dir", ""), facts.get("unwritable", "")
    if state == "other":
        return Finding(
            Check.WORKSPACE,
            FAILED,
            f"{place} is not a directory",
            "Let workspace_dir name another place.",
        )
    if state == "newer":
        return Finding(
            Check.WORKSPACE,
            FAILED,
            f"{place} was written by a newer exauq-tui: it can be read only",
            "Update exauq-tui.",
        )
    if why_not:
        what = place if state == "present" else f"{place or 'a new one'} cannot be made: {parent}"
        return Finding(
            Check.WORKSPACE,
            FAILED,
            f"{what} cannot be written to: {why_not}",
            "Let workspace_dir name a place where you may write and there is room.",
        )
    if state == "absent":
        return Finding(Check.WORKSPACE, OK, f"{place} will be made")
    if state == "unnamed":
        return Finding(Check.WORKSPACE, OK, f"a new one will be made in {parent}")
    jobs, running, queued = (facts.get(key, "?") for key in ("jobs", "running", "queued"))
    found = f"{place} can be written to; {jobs} jobs, {running} running, {queued} waiting"
    return Finding(Check.WORKSPACE, OK, found)


def _numbers(facts: Facts, key: str) -> tuple[int, int] | None:
    """Read "FREE TOTAL"; None where the server could not tell."""
    found = re.fullmatch(r"(\d+) (\d+)", facts.get(key, ""), re.ASCII)
    return (int(found[1]), int(found[2])) if found else None


def _space(facts: Facts) -> Finding:
    room, files = _numbers(facts, "space"), _numbers(facts, "inodes")
    parts, little = [], []
    if room is not None:
        parts.append(f"{_size(room[0] * 1024)} of {_size(room[1] * 1024)} free")
        if room[0] < _GIB or room[0] < _LITTLE_SHARE * room[1]:
            little.append("room")
    if files is not None and files[1]:
        parts.append(f"{files[0]:,} more files possible")
        if files[0] < _LITTLE_SHARE * files[1]:
            little.append("number of files")
    if not parts:
        return Finding(Check.SPACE, WARNING, "the server cannot tell", "Look there with `df`.")
    found = f"{', '.join(parts)} in {facts.get('dir', '?')}"
    if not little:
        return Finding(Check.SPACE, OK, found)
    return Finding(
        Check.SPACE,
        WARNING,
        found,
        f"There is little left ({', '.join(little)}): delete jobs whose outputs you have "
        "fetched, or let workspace_dir name another place.",
    )


def _size(count: float) -> str:
    units = ["B", "KiB", "MiB", "GiB", "TiB"]
    while count >= 1024 and len(units) > 1:
        count /= 1024
        del units[0]
    digits = 1 if count < 10 and units[0] != "B" else 0
    return f"{count:.{digits}f} {units[0]}"


_LOCKS = {
    "works": (OK, "locks work", ""),
    "absent": (OK, "no flock program: locks are made of files", ""),
    "none": (
        WARNING,
        "it has no file locks",
        "Locks are made of files instead, which works. Another file system than NFS without "
        "its lock service is better: see workspace_dir.",
    ),
    "sham": (
        FAILED,
        "its file locks keep nobody out",
        "Two programs could start one job's slot twice: let workspace_dir name a place on "
        "another file system.",
    ),
}


def _files(facts: Facts) -> Finding:
    kind = facts.get("file-system") or "unknown kind"
    locks = facts.get("locks", "")
    if locks not in _LOCKS:
        return Finding(Check.FILES, OK, f"{kind}; locks could not be tried")
    result, words, advice = _LOCKS[locks]
    return Finding(Check.FILES, result, f"{kind}; {words}", advice)


def _cores(facts: Facts) -> Finding:
    cores, load = facts.get("cores", "?"), facts.get("load", "?")
    limit = facts.get("limit", "")
    slots = {"": "none set yet", "0": "no limit"}.get(limit, limit)
    found = f"{cores}; jobs at once (max_running): {slots}; load {load}"
    if limit.isdecimal() and cores.isdecimal() and int(limit) > 2 * int(cores):
        return Finding(
            Check.CORES,
            WARNING,
            found,
            "More than two jobs per core run at once: a smaller max_running may end sooner.",
        )
    return Finding(Check.CORES, OK, found)


_LEFT = (
    ("trash", "half-deleted directories", "a connection after a day removes them"),
    ("new", "unfinished files", "a connection after a day removes them"),
    (
        "claims",
        "claims of submissions that broke off",
        "the next submission of these jobs takes them up",
    ),
    ("dead-lock", "a lock whose holder is dead", "the next start of a job breaks it"),
    ("odd-journal", "a journal that was put aside", "remove it: rm {own}/journal-odd"),
)
"""What may be left, how it is called, and what becomes of it."""


def _leftovers(facts: Facts) -> Finding:
    own = f"{facts.get('workspace', '')}/.exauq-tui"
    parts, advice = [], []
    for key, words, cure in _LEFT:
        count = facts.get(key, "0")
        if count not in ("", "0"):
            parts.append(f"{count} {words}" if count != "1" else f"1 of: {words}")
            advice.append(cure.format(own=own))
    orphans = facts.get("orphans", "").split()
    if orphans:
        parts.append(f"processes of jobs that have ended: {' '.join(orphans[:10])}")
        advice.append(f"end them: kill {' '.join(orphans[:10])}")
    size = facts.get("journal", "")
    if size.isdecimal() and int(size) > _LARGE_JOURNAL:
        parts.append(f"a journal of {_size(int(size))}")
        advice.append("begin with a new workspace_dir when all jobs have ended")
    if not parts:
        journal = f"; the journal has {_size(int(size))}" if size.isdecimal() else ""
        return Finding(Check.LEFTOVERS, OK, f"none{journal}")
    cures = "; ".join(dict.fromkeys(advice))
    return Finding(Check.LEFTOVERS, WARNING, "; ".join(parts), f"{cures}.")


def _logout(facts: Facts) -> Finding:
    user, scope = facts.get("user", ""), facts.get("scope", "")
    excluded, only = facts.get("kill-exclude", "").split(), facts.get("kill-only", "").split()
    kills = facts.get("kill", "") == "yes" and user not in excluded
    if scope == "session" and kills and (not only or user in only):
        return Finding(
            Check.LOGOUT,
            FAILED,
            "KillUserProcesses=yes: the server ends your processes, jobs included, whenever a "
            "connection is closed",
            f"Ask its administrators to add {user or 'your account'} to KillExcludeUsers= in "
            "/etc/systemd/logind.conf. `loginctl enable-linger` alone does not spare what a "
            "login started.",
        )
    if scope == "user" and facts.get("linger") == "no":
        return Finding(
            Check.LOGOUT,
            WARNING,
            "processes of yours are ended when your last login there ends",
            "Have them stay: loginctl enable-linger",
        )
    return Finding(Check.LOGOUT, OK, "jobs go on when you log out, as far as can be told")


def _limits(facts: Facts) -> Finding:
    processes, files = facts.get("processes", "?"), facts.get("open-files", "?")
    found = f"processes {processes}, open files {files}"
    few = (processes.isdecimal() and int(processes) < _FEW_PROCESSES) or (
        files.isdecimal() and int(files) < _FEW_FILES
    )
    if not few:
        return Finding(Check.LIMITS, OK, found)
    advice = (
        "Each running job needs two processes at least: keep max_running small, or ask the "
        "administrators for more (ulimit -u, ulimit -n)."
    )
    return Finding(Check.LIMITS, WARNING, found, advice)


def _quota(facts: Facts) -> Finding:
    if not facts["quota"]:
        return Finding(Check.QUOTA, OK, "nothing is over its quota")
    return Finding(
        Check.QUOTA,
        WARNING,
        f"over quota: {facts['quota']}",
        "Delete what you do not need there; `quota` tells more.",
    )
