"""Jobs as a table for other programs: a CSV or JSON file, or lines of CSV.

A table has a line for each job, and a column for each input by its name. Ids are digits that
may begin with 0 and have more of them than a float holds: read them as text.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import TextIO

from exauq_tui.errors import InputError
from exauq_tui.monitor.snapshot import JobRow
from exauq_tui.monitor.support_report import one_line

Cell = str | int | float | None

SUFFIXES = (".csv", ".json")
"""How the name of a file ends says what it becomes."""

BEFORE_INPUTS = ("id", "server", "level", "batch", "try", "try_of", "status", "exit_code")
AFTER_INPUTS = (
    *("output", "created", "submitted", "started", "finished", "run_seconds"),
    *("note", "error", "directory"),
)
_FIXED = frozenset((*BEFORE_INPUTS, *AFTER_INPUTS))


class JobTable:
    """Jobs as lines of cells under headings.

    Times are ISO 8601 in UTC; `run_seconds` is taken between two times of one server's clock.

    Args:
        rows: The jobs, in the order in which they are wanted.
        names: Server to the names of its inputs; where there are none, or not as many as a
            job has inputs, they are x1, x2, ...
    """

    def __init__(self, rows: Sequence[JobRow], names: Mapping[str, Sequence[str]]) -> None:
        self._rows = rows
        self._names = names
        self._columns: dict[tuple[str, int], tuple[str, ...]] = {}
        every = chain.from_iterable(self._inputs_of(row) for row in rows)
        self.inputs = tuple(dict.fromkeys(every))
        """The headings of all inputs."""

    def _inputs_of(self, row: JobRow) -> tuple[str, ...]:
        """The headings of a job's inputs."""
        stamp = (row.server, len(row.inputs))
        if stamp not in self._columns:
            names = tuple(self._names.get(row.server, ()))
            if len(names) != len(row.inputs):
                names = tuple(f"x{position}" for position in range(1, len(row.inputs) + 1))
            self._columns[stamp] = _headings(names)
        return self._columns[stamp]

    def input_of(self, row: JobRow, heading: str) -> float | None:
        """The input of a job that stands under a heading, or None."""
        headings = self._inputs_of(row)
        return row.inputs[headings.index(heading)] if heading in headings else None

    @property
    def headings(self) -> tuple[str, ...]:
        """The names of the columns."""
        return (*BEFORE_INPUTS, *self.inputs, *AFTER_INPUTS)

    def lines(self) -> Iterator[tuple[Cell, ...]]:
        """The cells of each job; None where there is nothing to say."""
        for row in self._rows:
            values = dict(zip(self._inputs_of(row), row.inputs, strict=True))
            yield (*_before(row), *(values.get(name) for name in self.inputs), *_after(row))


def _headings(names: Sequence[str]) -> tuple[str, ...]:
    """Name the inputs' columns so that no two columns have one name."""
    headings: list[str] = []
    for name in map(one_line, names):
        while name in _FIXED or name in headings:
            name = f"input_{name}"
        headings.append(name)
    return tuple(headings)


def _before(row: JobRow) -> tuple[Cell, ...]:
    return (
        *(row.job_id, one_line(row.server), row.level, one_line(row.batch)),
        *(row.try_number, row.try_of, row.status.value, row.exit_code),
    )


def _after(row: JobRow) -> tuple[Cell, ...]:
    took = None
    if row.started is not None and row.finished is not None:
        took = round(row.finished - row.started, 6)
    return (
        row.output,
        *(_iso(at) for at in (row.created or None, row.submitted, row.started, row.finished)),
        *(took, one_line(row.note), one_line(row.error or row.output_error)),
        one_line(row.directory),
    )


def _iso(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()


def csv_text(table: JobTable) -> str:
    """Write a table as lines of CSV, the headings first."""
    stream = io.StringIO()
    _write_csv(table, stream)
    return stream.getvalue()


def _write_csv(table: JobTable, stream: TextIO) -> None:
    # The csv module writes a float as repr() does: no digit is lost.
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(table.headings)
    writer.writerows(table.lines())


def _write_json(table: JobTable, stream: TextIO) -> None:
    headings = table.headings
    before = "[\n"
    for line in table.lines():
        stream.write(before + json.dumps(dict(zip(headings, map(_for_json, line), strict=True))))
        before = ",\n"
    stream.write("[]\n" if before == "[\n" else "\n]\n")


def _for_json(cell: Cell) -> Cell:
    """JSON has no word for what is not finite."""
    return repr(cell) if isinstance(cell, float) and not math.isfinite(cell) else cell


def suffix_problem(path: Path) -> str:
    """Say what is wrong with a file's name, or ""."""
    if not path.name or path.suffix.lower() in SUFFIXES:
        return "" if path.name else "Give the name of a file."
    return "The name has to end in .csv or .json: it says what is written."


def export(
    path: Path,
    rows: Sequence[JobRow],
    names: Mapping[str, Sequence[str]],
    *,
    overwrite: bool = False,
) -> bool:
    """Write jobs to a file, which appears whole or not at all.

    Args:
        path: The file; its suffix says whether it becomes CSV or JSON.
        rows: The jobs, in the order in which they are wanted.
        names: Server to the names of its inputs.
        overwrite: Whether a file that is there may be replaced.

    Returns:
        False where a file is there and may not be replaced: then nothing was written.

    Raises:
        InputError: The name has another suffix, or the file cannot be written.
    """
    if problem := suffix_problem(path):
        raise InputError(problem)
    table = JobTable(rows, names)
    write = _write_json if path.suffix.lower() == ".json" else _write_csv
    # A link stays one, and the temporary file is on the file system of what it becomes.
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{os.urandom(8).hex()}.tmp")
    try:
        if not overwrite and target.exists():
            return False
        if target.is_dir():
            raise InputError(f"{path} is a directory: give the name of a file in it")
        try:
            with temporary.open("x", encoding="utf-8", newline="") as stream:
                write(table, stream)
                stream.flush()
                os.fsync(stream.fileno())
            if not overwrite and not _take_name(target):
                return False
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}") from error
    return True


def _take_name(path: Path) -> bool:
    """Make an empty file of a name that nobody has; tells whether that is so."""
    try:
        path.open("x").close()
    except FileExistsError:
        return False
    return True


def default_name(rows: Iterable[JobRow], now: float) -> str:
    """A name for a file of jobs: that of their batch where they have one, and the day."""
    batches = {row.batch for row in rows}
    stem = Path(next(iter(batches))).stem if len(batches) == 1 else ""
    plain = "".join(sign if sign.isalnum() or sign in "-_." else "-" for sign in stem)
    day = datetime.fromtimestamp(now, UTC).astimezone().strftime("%Y-%m-%d")
    return f"{plain.strip('-.')[:60] or 'exauq'}-jobs-{day}.csv"


def free_name(path: Path) -> Path:
    """The path, or one with a number where that is taken."""
    number = 1
    chosen = path
    while chosen.exists():
        number += 1
        chosen = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return chosen
