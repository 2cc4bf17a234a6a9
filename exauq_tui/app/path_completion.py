"""Completes the path of a file on this machine, as a shell does (no Textual; reads the disk)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

_MOST_ENTRIES = 20_000
"""More of a directory is not looked at: nobody would read it, and it has to be read each time."""


@dataclass(frozen=True, slots=True)
class Completion:
    """How a path may go on.

    Attributes:
        typed: What was typed.
        matches: What it may become, in order; directories end in a slash. A leading ``~`` stays.
    """

    typed: str
    matches: tuple[str, ...] = ()

    @property
    def common(self) -> str:
        """What all matches begin with; what was typed where there is none."""
        if not self.matches:
            return self.typed
        # As text, not by parts: what is typed may end within a name. They are in order.
        first, last = self.matches[0], self.matches[-1]
        pairs = enumerate(zip(first, last, strict=False))
        return first[: next((at for at, (one, other) in pairs if one != other), len(first))]

    @property
    def names(self) -> tuple[str, ...]:
        """The last parts of the matches."""
        start = self.typed.rfind("/") + 1
        return tuple(match[start:] for match in self.matches)


def complete(typed: str) -> Completion:
    """List the files and directories that a path may mean; call it from a thread.

    Names that begin with a dot are listed only where a dot was typed. What cannot be listed has
    no matches: the one who reads the file says why.
    """
    if not typed or "\0" in typed:
        return Completion(typed)
    if typed.startswith("~") and "/" not in typed:
        return Completion(typed, (f"{typed}/",) if _is_home(typed) else ())
    head, slash, start = typed.rpartition("/")
    try:
        directory = Path(f"{head}{slash}" or ".").expanduser()
        with os.scandir(directory) as entries:
            found = sorted(
                f"{head}{slash}{entry.name}{'/' if entry.is_dir() else ''}"
                for entry in islice(entries, _MOST_ENTRIES)
                if entry.name.startswith(start)
                and (start.startswith(".") or not entry.name.startswith("."))
                and entry.name.isprintable()  # what cannot be shown cannot be chosen by eye
                and (entry.is_file() or entry.is_dir())
            )
    except (OSError, RuntimeError):
        return Completion(typed)
    return Completion(typed, tuple(found))


def _is_home(typed: str) -> bool:
    try:
        return Path(typed).expanduser().is_dir()
    except (OSError, RuntimeError):  # nobody of that name
        return False
