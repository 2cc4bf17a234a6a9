"""What the copy menu offers of jobs, as plain text (pure)."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from exauq_tui.app import format as fmt
from exauq_tui.config import ServerProfile
from exauq_tui.monitor.export import JobTable, csv_text
from exauq_tui.monitor.snapshot import JobRow

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Choice:
    """One line of the menu.

    Attributes:
        key: What chooses it.
        name: What would be copied.
        example: The first of it, to be recognised by; "" where there is nothing to copy.
        why_not: Why there is nothing, where that is so.
        text: Makes all of it; a line for each job, without a newline at the end.
    """

    key: str
    name: str
    example: str
    why_not: str
    text: Callable[[], str]


def choices(
    rows: Sequence[JobRow],
    names: Mapping[str, Sequence[str]],
    profiles: Mapping[str, ServerProfile],
) -> tuple[Choice, ...]:
    """What can be copied of some jobs.

    Args:
        rows: The jobs, at least one.
        names: Server to the names of its inputs, for the headings of CSV.
        profiles: Server to its profile, for the ssh command line.
    """

    def command(row: JobRow) -> str:
        profile = profiles.get(row.server)
        return open_command(profile, row.directory) if profile else ""

    def whole() -> str:
        return plain(csv_text(JobTable(rows, names)).rstrip("\n"), keep_lines=True)

    several = "s" if len(rows) > 1 else ""
    return (
        _of_each("i", f"id{several}", rows, lambda row: row.job_id, ""),
        _of_each("x", f"input{several}", rows, _inputs, "is not known"),
        _of_each("o", f"output{several}", rows, _output, "not there, or not fetched yet"),
        _of_each("d", f"path{several} there", rows, _directory, "no directory is known"),
        _of_each("s", "command to go there", rows, command, "no way there is known"),
        Choice("r", "all of it as CSV", "with headings", "", whole),
    )


def _of_each(
    key: str, name: str, rows: Sequence[JobRow], text: Callable[[JobRow], str], why_not: str
) -> Choice:
    """A choice with a line for each job; a job that has nothing to give has an empty one."""
    example = next((found for row in rows if (found := plain(text(row)))), "")
    return Choice(key, name, example, why_not, lambda: "\n".join(plain(text(row)) for row in rows))


def _inputs(row: JobRow) -> str:
    return ",".join(fmt.number(value) for value in row.inputs)


def _output(row: JobRow) -> str:
    return "" if row.output is None else fmt.number(row.output)


def _directory(row: JobRow) -> str:
    # A path without one of its characters would be another path.
    return "" if _CONTROLS.search(row.directory) else row.directory


def plain(text: str, *, keep_lines: bool = False) -> str:
    """Take out what could command a terminal that the text is pasted into."""
    if keep_lines:
        return "\n".join(map(plain, text.split("\n")))
    return _CONTROLS.sub("", text)


def open_command(profile: ServerProfile, directory: str) -> str:
    """The command line that opens a shell in a directory of a server.

    Args:
        profile: How the server is reached.
        directory: An absolute path there.

    Returns:
        One line for a POSIX shell; "" where the path cannot stand on one line.
    """
    if not directory or _CONTROLS.search(directory):
        return ""
    # The login shell there may be any; `cd`, `&&` and these quotes are the same in all.
    go = f'cd {shlex.quote(directory)} && exec "$SHELL" -l'
    if profile.kind == "local":
        return f"cd {shlex.quote(directory)}"
    words = ["ssh", "-t"]
    if profile.ssh_config_path:
        words += ["-F", profile.ssh_config_path]
    if profile.key_filename:
        words += ["-i", profile.key_filename]
    if profile.port is not None:
        words += ["-p", str(profile.port)]
    host = f"{profile.user}@{profile.host}" if profile.user else profile.host
    return " ".join([*map(shlex.quote, words), shlex.quote(host), shlex.quote(go)])
