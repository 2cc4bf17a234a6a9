"""What somebody chose for the table of jobs, kept from one start to the next in a small file."""

from __future__ import annotations

import os
import tempfile
import threading
import tomllib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from exauq_tui.app.job_views import DEFAULT_SORT, starts_descending
from exauq_tui.app.widgets.columns import every_column

FILE_NAME = "preferences.toml"
_MOST_BYTES = 64 * 1024
_MOST_COLUMNS = 500

_HEADING = (
    "# What was chosen in the dashboard; it writes this file anew. Delete it to start afresh.\n"
)


@dataclass(frozen=True, slots=True)
class Preferences:
    """What was chosen.

    Attributes:
        columns: The columns' names from the left; () for those that fit best.
        sort: The name of the column by which the table is sorted.
        descending: Whether large values come first.
        folds: Whether the tries of a job are one row.
    """

    columns: tuple[str, ...] = ()
    sort: str = DEFAULT_SORT
    descending: bool = starts_descending(DEFAULT_SORT)
    folds: bool = True


Reading = tuple[Preferences, str]
"""What was chosen, and a sentence where the file cannot be used, or ""."""


class PreferencesFile:
    """Reads and writes the file; both may wait for a disk, so neither is for the UI's thread.

    But for the start, where nothing can be seen that could stand still.

    Args:
        directory: Where the file is, or None where nothing is kept.
    """

    def __init__(self, directory: Path | None) -> None:
        self._path = None if directory is None else directory / FILE_NAME
        self._lock = threading.Lock()
        self._latest = Preferences()

    def read(self) -> Reading:
        """Give what was chosen, and a sentence where the file cannot be used, or ""."""
        if self._path is None:
            return Preferences(), ""
        try:
            with self._path.open("rb") as file:
                data = file.read(_MOST_BYTES + 1)
        except (FileNotFoundError, NotADirectoryError):
            return Preferences(), ""
        except OSError as error:
            return Preferences(), self._sentence(error.strerror or str(error))
        try:
            if len(data) > _MOST_BYTES:
                raise ValueError("it is too large")
            return _understood(tomllib.loads(data.decode())), ""
        except ValueError as error:  # no UTF-8, no TOML, or nothing that fits
            return Preferences(), self._sentence(str(error))

    def _sentence(self, why: str) -> str:
        return f"{self._path} cannot be used ({why}): columns and order are as at the beginning."

    def write(self, preferences: Preferences) -> str:
        """Keep what was chosen last, all or nothing; gives a sentence where that failed, or ""."""
        self._latest = preferences
        if self._path is None:
            return ""
        import tomli_w  # noqa: PLC0415 - not needed for the first picture

        with self._lock:
            # Of several that wait here the last finds everything done.
            text = _HEADING + tomli_w.dumps(_as_table(self._latest))
            try:
                _replace(self._path, text)
            except OSError as error:
                return f"{self._path} cannot be written: {error.strerror or error}."
        return ""


def _replace(path: Path, text: str) -> None:
    """Write a file beside another and put it in its place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def _as_table(preferences: Preferences) -> dict[str, object]:
    return {
        "columns": list(preferences.columns),
        "sort": preferences.sort,
        "descending": preferences.descending,
        "folds": preferences.folds,
    }


def _understood(table: dict[str, object]) -> Preferences:
    """Read the table; keys that a later version may write are passed over.

    Raises:
        ValueError: A value does not fit.
    """
    default = Preferences()
    columns = table.get("columns", [])
    sort = table.get("sort", default.sort)
    descending = table.get("descending", default.descending)
    folds = table.get("folds", default.folds)
    if not isinstance(columns, list) or len(columns) > _MOST_COLUMNS:
        raise ValueError("columns is not a list")
    for name in [*columns, sort]:
        if not _is_column(name):
            raise ValueError(f"there is no column {name!r}")
    if not isinstance(descending, bool) or not isinstance(folds, bool):
        raise ValueError("descending and folds are true or false")
    return Preferences(tuple(dict.fromkeys(columns)), str(sort), descending, folds)


_COLUMNS = frozenset(column.name for column in every_column((), id_digits=1, servers=()))


def _is_column(name: object) -> bool:
    if not isinstance(name, str):
        return False
    kind, _, position = name.partition(":")
    return name in _COLUMNS or (
        kind == "input" and position.isascii() and position.isdecimal() and len(position) < 5
    )
