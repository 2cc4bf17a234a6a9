"""Which columns the job table has, how wide they are and what stands in them (pure)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from exauq_tui.app import format as fmt
from exauq_tui.monitor.snapshot import JobRow, ServerView

GAP = 2
GUTTER = 3
"""Cells before the first column: cursor, mark, space."""

_INPUT_WIDTHS = (8, 11)
_STATUS_WIDTH = 16
_BATCH_WIDTH = 14

CellText = Callable[[JobRow, float], str]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the table.

    Attributes:
        name: What it shows, such as "status" or "input:0".
        title: Its heading.
        width: Its width in cells.
        text: Makes a cell's text from a row and the time; may be shorter than the width.
        label: What menus call it.
        right: Whether it is aligned to the right.
        quiet: Whether it is drawn less bright.
    """

    name: str
    title: str
    width: int
    text: CellText
    label: str
    right: bool = False
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns that are shown.

    Attributes:
        columns: From the left.
        left_out: How many that somebody chose do not fit.
    """

    columns: tuple[Column, ...] = ()
    left_out: int = 0

    def column_at(self, x: int) -> Column | None:
        """The column in which a cell of a line is, its gap included."""
        start = GUTTER
        for column in self.columns:
            end = start + column.width + GAP
            if start <= x < end:
                return column
            start = end
        return None


def input_names(rows: Iterable[JobRow], servers: Iterable[ServerView]) -> tuple[str, ...]:
    """The headings of the inputs: the profiles' names where all agree, else x1, x2, ..."""
    named = {view.input_names for view in servers if view.input_names}
    dimension = max((len(row.inputs) for row in rows), default=0)
    if len(named) == 1:
        (names,) = named
        if len(names) >= dimension:
            return tuple(fmt.safe(name) for name in names)
    return tuple(f"x{position}" for position in range(1, dimension + 1))


def every_column(
    names: Sequence[str], *, id_digits: int, servers: Iterable[str]
) -> tuple[Column, ...]:
    """All columns that there are, in the order that they have unless somebody chose another.

    Args:
        names: Headings of the inputs.
        id_digits: How many digits of an id are shown.
        servers: The servers' names.
    """
    server_width = max(6, min(14, max(map(len, servers), default=0)))
    return (
        Column("status", "STATUS", _STATUS_WIDTH, _never, "Status"),
        Column("id", "ID", id_digits + 1, partial(_id_and_try, id_digits), "Id"),
        Column("batch", "BATCH", _BATCH_WIDTH, _batch, "Batch", quiet=True),
        *(_input(position, name) for position, name in enumerate(names)),
        Column("output", "OUTPUT", 9, _output, "Output", right=True),
        Column("run", "RAN", 6, fmt.run_time, "Run time", right=True, quiet=True),
        Column("age", "AGE", 5, fmt.age, "Age", right=True, quiet=True),
        Column("server", "SERVER", server_width, _server, "Server", quiet=True),
        Column("level", "LVL", 3, _level, "Level", right=True, quiet=True),
        Column("try", "TRY", 3, _try, "Try", right=True, quiet=True),
        Column("exit", "EXIT", 4, _exit, "Exit code", right=True, quiet=True),
        Column("started", "STARTED", 11, _started, "Started", right=True, quiet=True),
        Column("finished", "FINISHED", 11, _finished, "Finished", right=True, quiet=True),
    )


def automatic(width: int, columns: Sequence[Column], *, servers: int, levels: int) -> Layout:
    """Choose the columns that fit into `width` cells, the most wanted first.

    Args:
        width: The cells that there are.
        columns: All columns.
        servers: How many servers there are; their column appears where there are several.
        levels: How many levels occur; their column appears where there are several.
    """
    by_name = {column.name: column for column in columns}
    inputs = [name for name in by_name if name.startswith("input:")]
    several = ["server"] if servers > 1 else []
    wanted = ["status", "id", "output", *inputs[:1], "age", *several, *inputs[1:3]]
    wanted += [*(["level"] if levels > 1 else []), "run", *inputs[3:]]
    room = _room(width)
    chosen: set[str] = set()
    for name in wanted:
        needed = by_name[name].width + GAP
        if needed <= room:
            chosen.add(name)
            room -= needed
        elif name.startswith("input:"):
            break  # a later input without an earlier one would mislead
    return Layout(tuple(column for column in columns if column.name in chosen))


def as_chosen(width: int, columns: Sequence[Column], names: Sequence[str]) -> Layout:
    """Lay out the columns that somebody chose, in that order, as many as fit into `width` cells.

    A chosen input that the jobs do not have is passed over.
    """
    by_name = {column.name: column for column in columns}
    wanted = [by_name[name] for name in names if name in by_name]
    room = _room(width)
    for count, column in enumerate(wanted):
        room -= column.width + GAP
        if room < 0 and count:
            return Layout(tuple(wanted[:count]), len(wanted) - count)
    return Layout(tuple(wanted))


def _room(width: int) -> int:
    # The last needs no gap, but a cell before the scrollbar.
    return width - GUTTER + GAP - 1


def _input(position: int, name: str) -> Column:
    shortest, longest = _INPUT_WIDTHS
    width = max(shortest, min(longest, len(name)))
    text = partial(_coordinate, position, width)
    return Column(f"input:{position}", name, width, text, f"Input {name}", right=True)


def _coordinate(position: int, width: int, row: JobRow, _now: float) -> str:
    if position >= len(row.inputs):
        return ""
    return fmt.fit_number(row.inputs[position], width)


def _id_and_try(digits: int, row: JobRow, _now: float) -> str:
    if row.try_number == 1:
        return fmt.short_id(row.job_id, digits)
    # In the same room, so that the mark costs no input its column.
    mark = f"#{row.try_number}" if row.try_number < 10 else "#+"
    return row.job_id[1 - digits :] + mark


def _batch(row: JobRow, _now: float) -> str:
    return fmt.safe(row.batch)


def _output(row: JobRow, _now: float) -> str:
    return fmt.output_text(row, 9)


def _server(row: JobRow, _now: float) -> str:
    return fmt.safe(row.server)


def _level(row: JobRow, _now: float) -> str:
    return str(row.level)


def _try(row: JobRow, _now: float) -> str:
    return str(row.try_number)


def _exit(row: JobRow, _now: float) -> str:
    return fmt.DASH if row.exit_code is None else str(row.exit_code)


def _started(row: JobRow, now: float) -> str:
    return fmt.short_moment(row.started, now)


def _finished(row: JobRow, now: float) -> str:
    return fmt.short_moment(row.finished, now)


def _never(_row: JobRow, _now: float) -> str:
    return ""  # the table draws the status itself, in its colour
