"""A field for each number of one input vector, with what is wrong beside it."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Input, Label

from exauq_tui.app import format as fmt
from exauq_tui.app.widgets.fields import Field
from exauq_tui.errors import InputError
from exauq_tui.jobs import Input as Point
from exauq_tui.monitor.inputs import parse_number, parse_row

_NAME_WIDTH = 12


class PointFields(VerticalScroll, can_focus=False):
    """A line for each input, or a single one for all where they have no names.

    Args:
        names: The names of the inputs.
        id: The widget's id.
    """

    def __init__(self, names: tuple[str, ...], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._names = names

    def compose(self) -> ComposeResult:
        """Make the lines."""
        yield from self._lines()

    async def set_names(self, names: tuple[str, ...]) -> None:
        """Ask for other inputs."""
        self._names = names
        await self.remove_children()
        await self.mount_all(self._lines())

    def _lines(self) -> list[Horizontal]:
        return [
            Horizontal(
                Label(fmt.fit(fmt.safe(name), _NAME_WIDTH), classes="name", markup=False),
                Field(
                    id=f"x{position}",
                    placeholder="" if self._names else "numbers with commas: 0.5, 1, -2e3",
                ),
                Label("", id=f"why-x{position}", classes="why", markup=False),
                classes="line",
            )
            for position, name in enumerate(self._names or ("Input",))
        ]

    def read(self) -> Point | None:
        """Read the form, and mark what is wrong; None where something is wrong or missing."""
        values: list[float] = []
        complete = True
        for position, field in enumerate(self._fields()):
            text, problem = field.value.strip(), ""
            try:
                if text and self._names:
                    values.append(parse_number(text))
                elif text:
                    values = list(parse_row(text))
            except InputError as error:
                problem = str(error)
            complete = complete and bool(text) and not problem
            self._mark(position, field, problem)
        return Point(*values) if complete and values else None

    def first_wanting(self) -> Input | None:
        """The first field that still wants something."""
        return next(
            (each for each in self._fields() if each.has_class("-wrong") or not each.value), None
        )

    def _fields(self) -> list[Input]:
        return list(self.query(Input).results(Input))

    def _mark(self, position: int, field: Input, problem: str) -> None:
        field.set_class(bool(problem), "-wrong")
        why = self.query_one(f"#why-x{position}", Label)
        why.set_class(bool(problem), "-wrong")
        why.update(Content(fmt.safe(problem)))
