"""Which columns the job table has, how wide they are and what stands in them (pure)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from exauq_tui.app import format as fmt
from exauq_tui.monitor.snapshot import JobRow, ServerView

GAP = 2
GUTTER = 3
"""Cells before the first column: cursor, mark, space."""

_INPUT_WIDTHS = (8, 11)
_STATUS_WIDTH = 16

CellText = Callable[[JobRow, float], str]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the table.

    Attributes:
        name: What it shows, such as "status" or "input:0".
        title: Its heading.
        width: Its width in cells.
        text: Makes a cell's text from a row and the time; may be shorter than the width.
        right: Whether it is aligned to the right.
        quiet: Whether it is drawn less bright.
    """

    name: str
    title: str
    width: int
    text: CellText
    right: bool = False
    quiet: bool = False


def input_names(rows: Iterable[JobRow], servers: Iterable[ServerView]) -> tuple[str, ...]:
    """The headings of the inputs: the profiles' names where all agree, else x1, x2, ..."""
    named = {view.input_names for view in servers if view.input_names}
    dimension = max((len(row.inputs) for row in rows), default=0)
    if len(named) == 1:
        (names,) = named
        if len(names) >= dimension:
            return tuple(fmt.safe(name) for name in names)
    return tuple(f"x{position}" for position in range(1, dimension + 1))


def layout(
    width: int,
    names: tuple[str, ...],
    *,
    id_digits: int,
    servers: tuple[str, ...],
    levels: int,
) -> tuple[Column, ...]:
    """Choose the columns that fit into `width` cells, the most wanted first.

    Args:
        width: The cells that there are.
        names: Headings of the inputs.
        id_digits: How many digits of an id are shown.
        servers: The servers' names; the column appears where there are several.
        levels: How many levels occur; the column appears where there are several.
    """
    id_width = id_digits + 1
    status = Column("status", "STATUS", _STATUS_WIDTH, _never)
    job_id = Column("id", "ID", id_width, partial(_id_and_try, id_digits))
    output = Column("output", "OUTPUT", 9, lambda row, _now: fmt.output_text(row, 9), right=True)
    age = Column("age", "AGE", 5, fmt.age, right=True, quiet=True)
    run = Column("run", "RAN", 6, fmt.run_time, right=True, quiet=True)
    server_width = min(14, max((len(name) for name in servers), default=0))
    server = Column("server", "SERVER", max(6, server_width), _server, quiet=True)
    level = Column("level", "LVL", 3, lambda row, _now: str(row.level), right=True, quiet=True)
    inputs = [_input(position, name) for position, name in enumerate(names)]

    several = [server] if len(servers) > 1 else []
    wanted = [status, job_id, output, *inputs[:1], age, *several, *inputs[1:3]]
    wanted += [*([level] if levels > 1 else []), run, *inputs[3:]]
    room = width - GUTTER + GAP - 1  # the last needs no gap, but a cell before the scrollbar
    chosen: set[str] = set()
    for column in wanted:
        if column.width + GAP <= room:
            chosen.add(column.name)
            room -= column.width + GAP
        elif column.name.startswith("input:"):
            break  # a later input without an earlier one would mislead
    in_order = [status, job_id, *inputs, output, run, age, server, level]
    return tuple(column for column in in_order if column.name in chosen)


def _input(position: int, name: str) -> Column:
    shortest, longest = _INPUT_WIDTHS
    width = max(shortest, min(longest, len(name)))
    return Column(
        f"input:{position}", name, width, partial(_coordinate, position, width), right=True
    )


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


def _server(row: JobRow, _now: float) -> str:
    return fmt.safe(row.server)


def _never(_row: JobRow, _now: float) -> str:
    return ""  # the table draws the status itself, in its colour
