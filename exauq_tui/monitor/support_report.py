"""The report of an examination, for the person who helps: everything but secrets.

Passwords, passphrases and codes are in nothing that is written here. Of what a profile may hold
of others' making (setup lines, the program's arguments) only words are shown that cannot be one.
"""

from __future__ import annotations

import os
import platform
import re
import shlex
import sys
from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

from exauq_tui import __version__
from exauq_tui.config import ServerProfile
from exauq_tui.errors import InputError
from exauq_tui.hardware.diagnosis import Finding
from exauq_tui.monitor.private_file import write_private

_LOG_LINES = 200
_LOG_BYTES = 64 * 1024
_PACKAGES = ("paramiko", "cryptography", "textual", "click")
_NOT_PLAIN = re.compile(r"[^\w.+-]+", re.ASCII)
_WIDTH = 16


def finding_lines(finding: Finding, *, heard: bool = True) -> list[str]:
    """Put a finding into lines of text: how it ended, what it is about, what to do."""
    indent = " " * (_WIDTH + 14)
    lines = [f"{finding.result.value:<12}  {finding.label:<{_WIDTH}}{finding.found}"]
    if heard and finding.heard:
        lines.append(f"{indent}it printed: {finding.heard}")
    if finding.advice:
        lines.append(f"{indent}-> {finding.advice}")
    return [one_line(line) for line in lines]


def report_text(
    name: str,
    profile: ServerProfile | None,
    findings: Iterable[Finding],
    log: Path | None,
    now: float,
) -> str:
    """Write the report.

    Args:
        name: The server.
        profile: Its profile; None where that cannot be used.
        findings: What the examination found.
        log: The app's own log, whose last lines are part of the report; None for none.
        now: The time, in seconds since 1970.
    """
    parts = [
        f"exauq-tui {__version__}: examination of {name}",
        datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        "",
        f"Python {platform.python_version()} on {platform.platform()}",
        ", ".join(f"{name} {_version_of(name)}" for name in _PACKAGES),
        f"terminal {os.environ.get('TERM', '?')}, encoding {sys.getfilesystemencoding()}",
        "",
        "Profile",
        *(f"  {line}" for line in ([] if profile is None else _profile_lines(profile))),
        "",
        "Findings",
        *(f"  {line}" for each in findings for line in finding_lines(each, heard=False)),
        "",
        f"The last lines of {log}" if log is not None else "There is no log.",
        *(f"  {one_line(line)}" for line in _last_lines(log)),
    ]
    return without_home("\n".join(parts) + "\n", Path.home())


def without_home(text: str, home: Path) -> str:
    """Put ``~`` in place of the home directory."""
    if home == Path(home.anchor):
        return text
    return re.sub(re.escape(str(home)) + r"(?![\w.-])", "~", text)


def report_name(server: str, now: float) -> str:
    """Name the file of a report."""
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%d-%H%M%S")
    return f"doctor-{_NOT_PLAIN.sub('-', server)[:60]}-{stamp}.txt"


def write_report(path: Path, text: str) -> None:
    """Write a report for this account's eyes only; it appears whole or not at all.

    Raises:
        InputError: It cannot be written there.
    """
    try:
        write_private(path, text)
    except OSError as error:
        raise InputError(
            f"the report cannot be written to {path}: {error.strerror or error}"
        ) from error


def _profile_lines(profile: ServerProfile) -> list[str]:
    lines = []
    for each in fields(profile):
        value = getattr(profile, each.name)
        if value in (None, "", ()) or each.name == "name":
            continue
        if each.name == "program":
            value = _first_words([value])
        elif each.name == "setup":
            value = _first_words(value.splitlines())
        lines.append(one_line(f"{each.name} = {value}"))
    return lines


def _first_words(lines: Sequence[str]) -> str:
    """Give the first word of each line: what follows may be anybody's password."""
    shown = []
    for line in lines:
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            words = ["?"]
        if words:
            first, assigned, _ = words[0].partition("=")
            shown.append(first + ("=..." if assigned else " ..." if len(words) > 1 else ""))
    return "; ".join(shown)


def _last_lines(log: Path | None) -> list[str]:
    if log is None:
        return []
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, stream.seek(0, os.SEEK_END) - _LOG_BYTES))
            return stream.read().decode("utf-8", "replace").splitlines()[-_LOG_LINES:]
    except OSError as error:
        return [f"it cannot be read: {error.strerror or error}"]


def _version_of(package: str) -> str:
    # Not at the top: reading packages takes as long to import as all else here together.
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415

    try:
        return version(package)
    except PackageNotFoundError:
        return "is missing"


def one_line(text: str) -> str:
    """Make control characters of what a server said visible."""
    if text.isprintable():
        return text
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii")
        for sign in text
    )
