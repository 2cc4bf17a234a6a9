"""What a person wants to submit, and what would come of it (no Textual; asks the fleet)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from exauq_tui.app import format as fmt
from exauq_tui.errors import ExauqTuiError, InputError
from exauq_tui.jobs import Input as Point
from exauq_tui.monitor.input_index import first_of_each
from exauq_tui.monitor.inputs import Rows, read_rows
from exauq_tui.monitor.snapshot import ServerView
from exauq_tui.monitor.verbs import Destination, FleetVerbs

SKIP, AGAIN, REUSE = "skip", "again", "reuse"
"""What to do with inputs that ran already: leave them, run them too, or mark their jobs."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What stands in the dialog.

    Attributes:
        destination: Where the jobs are to go.
        names: The names of the inputs there, () where it has none.
        source: One input, the text of several rows, or the path of a file.
    """

    destination: Destination
    names: tuple[str, ...]
    source: Point | str | Path


@dataclass(frozen=True, slots=True)
class Prepared:
    """What was read, and what is known about it.

    Attributes:
        rows: The inputs and the lines that are bad.
        known: For each input the key of a job that ran it already, or None.
        fresh: Positions of the inputs that no job ran, each once.
        repeats: How many rows have the input of an earlier row.
        shares: How many jobs each server gets, if all inputs are run.
        fresh_shares: Likewise, if those that ran already are left out.
        problem: Why there is nothing to be read, or "".
    """

    rows: Rows = field(default_factory=Rows)
    known: tuple[int | None, ...] = ()
    fresh: tuple[int, ...] = ()
    repeats: int = 0
    shares: Mapping[str, int] = field(default_factory=dict)
    fresh_shares: Mapping[str, int] = field(default_factory=dict)
    problem: str = ""

    @property
    def known_count(self) -> int:
        """How many rows have an input that a job ran already."""
        return sum(key is not None for key in self.known)

    @property
    def is_plain(self) -> bool:
        """Whether there is nothing that a person has to decide on."""
        return not self.problem and not self.rows.bad and len(self.fresh) == len(self.rows.points)

    def is_like(self, before: Prepared) -> bool:
        """Whether the same inputs ran already as when they were looked up before."""
        return self.problem == before.problem and all(
            (key is None) is (was is None)
            for key, was in zip(self.known, before.known, strict=True)
        )

    def count(self, duplicates: str) -> int:
        """How many inputs to run, by what is to be done with those that ran already."""
        return len(self.rows.points) if duplicates == AGAIN else len(self.fresh)

    def points(self, duplicates: str) -> tuple[Point, ...]:
        """The inputs to run, by what is to be done with those that ran already."""
        if duplicates == AGAIN:
            return self.rows.points
        return tuple(self.rows.points[position] for position in self.fresh)

    def shared(self, duplicates: str) -> Mapping[str, int]:
        """How many jobs each server gets."""
        return self.shares if duplicates == AGAIN else self.fresh_shares

    def reused(self) -> tuple[int, ...]:
        """The keys of the jobs whose outputs serve, each once."""
        return tuple(dict.fromkeys(key for key in self.known if key is not None))


@dataclass(frozen=True, slots=True)
class Submission:
    """What a person decided to submit.

    Attributes:
        destination: Where to.
        inputs: The input vectors.
        batch: What they are called together.
        reused: Keys of jobs that ran such an input already, and are to be marked with the new.
        skipped: How many rows are left out because they ran already, or repeat another.
        bad: How many lines are left out because they cannot be read.
    """

    destination: Destination
    inputs: tuple[Point, ...]
    batch: str
    reused: tuple[int, ...] = ()
    skipped: int = 0
    bad: int = 0


def prepare(fleet: FleetVerbs, wish: Wish) -> Prepared:
    """Read what was given, and look up what is known of it; call it from a thread."""
    try:
        return _look_up(fleet, wish.destination, _read(wish))
    except (ExauqTuiError, RuntimeError) as error:
        # expanduser raises RuntimeError for the home of somebody who is not there
        return Prepared(problem=str(error))


def look_again(fleet: FleetVerbs, wish: Wish, before: Prepared) -> Prepared:
    """Look up once more what was read already; call it from a thread."""
    try:
        return _look_up(fleet, wish.destination, before.rows)
    except ExauqTuiError as error:
        return Prepared(problem=str(error))


def _look_up(fleet: FleetVerbs, destination: Destination, rows: Rows) -> Prepared:
    known = fleet.find_runs(destination, rows.points)
    fresh, repeats = first_of_each(rows.points, known)
    shares = _share(fleet, destination, len(rows.points))
    return Prepared(rows, known, fresh, repeats, shares, _share(fleet, destination, len(fresh)))


def send(fleet: FleetVerbs, submission: Submission) -> Mapping[str, tuple[int, ...]]:
    """Have jobs recorded and sent; call it from a thread.

    Returns:
        The keys of the new jobs, by server.

    Raises:
        ExauqTuiError: Nothing was submitted.
    """
    to, inputs, batch = submission.destination, submission.inputs, submission.batch
    if not inputs:
        return {}
    if to.server:
        return {to.server: fleet.submit(to.server, inputs, batch=batch)}
    return fleet.submit_to_level(to.level, inputs, batch=batch)


def _read(wish: Wish) -> Rows:
    if not isinstance(wish.source, Point):
        return read_rows(wish.source, wish.names)
    if wish.names and len(wish.source) != len(wish.names):
        raise InputError(
            f"{len(wish.source)} values given, {len(wish.names)} expected ({', '.join(wish.names)})"
        )
    return Rows((wish.source,), (1,))


def _share(fleet: FleetVerbs, to: Destination, count: int) -> Mapping[str, int]:
    return {to.server: count} if to.server else fleet.share_out(to.level, count)


def targets(servers: Sequence[ServerView]) -> dict[Destination, tuple[str, tuple[str, ...]]]:
    """Where jobs may go: what it is called, and the names of the inputs there."""
    targets = {
        Destination(view.name, view.level): (fmt.safe(view.name), view.input_names)
        for view in servers
    }
    for level in sorted({view.level for view in servers}):
        here = [view for view in servers if view.level == level]
        names = {view.input_names for view in here if view.input_names}
        # Servers that take different inputs are no one target.
        if len(here) > 1 and len(names) < 2:
            listed = ", ".join(fmt.safe(view.name) for view in here)
            text = f"any at level {level}: {listed}"
            targets[Destination("", level)] = (text, next(iter(names), ()))
    return targets
