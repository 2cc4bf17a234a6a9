"""The dialog that submits jobs: one from a form, or many from a CSV file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Input, Label, Select, Static

from exauq_tui.app import format as fmt
from exauq_tui.app.screens.dialogs import Dialog
from exauq_tui.app.threads import in_thread
from exauq_tui.errors import InputError
from exauq_tui.jobs import Input as Point
from exauq_tui.monitor.inputs import parse_number, parse_row, read_csv
from exauq_tui.monitor.snapshot import ServerView

_SHOWN_POINTS = 3


@dataclass(frozen=True, slots=True)
class Submission:
    """What a person decided to submit.

    Attributes:
        server: The profile's name.
        inputs: The input vectors.
        batch: What they are called together.
    """

    server: str
    inputs: tuple[Point, ...]
    batch: str


class SubmitDialog(Dialog[Submission]):
    """A field for each input, or one for a file; what would be submitted is shown below.

    Args:
        servers: The servers that there are.
        chosen: The server that is offered first.
    """

    FIRST_FOCUS: ClassVar[str] = "#point Input"

    def __init__(self, servers: Sequence[ServerView], chosen: str) -> None:
        super().__init__()
        self._servers = {view.name: view for view in servers}
        self._server = chosen
        self._points: tuple[Point, ...] = ()
        self._generation = 0

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the chosen server's inputs."""
        return self._servers[self._server].input_names

    def compose(self) -> ComposeResult:
        """Make the box."""
        with Vertical(classes="dialog form") as box:
            box.border_title = Content("Submit jobs")
            if len(self._servers) > 1:
                with Horizontal(classes="line", id="server-line"):
                    yield Label("Server", classes="name", markup=False)
                    yield Select(
                        [(fmt.safe(name), name) for name in self._servers],
                        value=self._server,
                        allow_blank=False,
                        compact=True,
                        id="server",
                    )
            yield Static("One job", classes="heading", markup=False)
            with VerticalScroll(id="point", can_focus=False):
                yield from self._fields()
            yield Static("or many, from a CSV file", classes="heading", markup=False)
            with Horizontal(classes="line"):
                yield Label("File", classes="name", markup=False)
                yield Input(id="file", compact=True, placeholder="~/design.csv, one job a line")
            yield Static(id="preview", markup=False)
            with Horizontal(classes="buttons"):
                yield Button(Content("Esc  Close"), id="no")
                yield Button(Content("⏎  Submit"), id="yes", disabled=True)

    def _fields(self) -> list[Horizontal]:
        """A line for each input, or a single one for all where they have no names."""
        return [
            Horizontal(
                Label(fmt.fit(fmt.safe(name), 12), classes="name", markup=False),
                Input(
                    id=f"x{position}",
                    compact=True,
                    placeholder="" if self.names else "numbers with commas: 0.5, 1, -2e3",
                ),
                Label("", id=f"why-x{position}", classes="why", markup=False),
                classes="line",
            )
            for position, name in enumerate(self.names or ("Input",))
        ]

    def on_mount(self) -> None:
        """Say what is wanted."""
        self._show_preview(
            Content.styled("Fill in every field, or name a file.", "$foreground-muted")
        )
        super().on_mount()

    # Reading what was typed

    @on(Select.Changed, "#server")
    async def _server_chosen(self, event: Select.Changed) -> None:
        if not isinstance(event.value, str) or event.value == self._server:
            return
        names_before = self.names
        self._server = event.value
        if self.names != names_before:
            fields = self.query_one("#point", VerticalScroll)
            await fields.remove_children()
            await fields.mount_all(self._fields())
        self._check()

    @on(Input.Changed)
    def _typed(self) -> None:
        self._check()

    def _check(self) -> None:
        """Read the form or the file, mark what is wrong, and show what would be submitted."""
        self._generation += 1
        path = self.query_one("#file", Input).value.strip()
        point = self.query_one("#point")
        point.set_class(bool(path), "-unused")
        if path:
            self.run_worker(
                self._read_file(path, self._generation),
                group="preview",
                exclusive=True,
                exit_on_error=False,
            )
            return
        self._accept(self._read_fields())

    def _read_fields(self) -> tuple[Point, ...]:
        fields = list(self.query("#point Input").results(Input))
        values: list[float] = []
        complete = True
        for position, field in enumerate(fields):
            text = field.value.strip()
            problem = ""
            if not text:
                complete = False
            else:
                try:
                    if self.names:
                        values.append(parse_number(text))
                    else:
                        values = list(parse_row(text))
                except InputError as error:
                    complete, problem = False, str(error)
            self._mark(position, field, problem)
        if not complete or not values:
            self._show_preview(
                Content.styled("Fill in every field, or name a file.", "$foreground-muted")
            )
            return ()
        point = Point(*values)
        self._show_preview(
            Content.assemble(
                ("1 job  ", "bold $success"), fmt.inputs_text(point, self.names), _to(self._server)
            )
        )
        return (point,)

    def _mark(self, position: int, field: Input, problem: str) -> None:
        field.set_class(bool(problem), "-wrong")
        why = self.query_one(f"#why-x{position}", Label)
        why.set_class(bool(problem), "-wrong")
        why.update(Content(fmt.safe(problem)))

    async def _read_file(self, path: str, generation: int) -> None:
        field = self.query_one("#file", Input)
        try:
            points = await in_thread(lambda: read_csv(Path(path).expanduser(), self.names))
        except (InputError, RuntimeError) as error:
            # expanduser raises RuntimeError for the home of somebody who is not there
            if generation == self._generation:
                field.add_class("-wrong")
                self._show_preview(Content.styled(fmt.safe(str(error)), "$error"))
                self._accept(())
            return
        if generation != self._generation:
            return
        field.remove_class("-wrong")
        lines = [
            Content.assemble((fmt.count(len(points), "job"), "bold $success"), _to(self._server))
        ]
        lines += [
            Content.styled(f"  {fmt.inputs_text(point, self.names)}", "$foreground-muted")
            for point in points[:_SHOWN_POINTS]
        ]
        if len(points) > _SHOWN_POINTS:
            more = f"  and {len(points) - _SHOWN_POINTS:,} more"
            lines.append(Content.styled(more, "$foreground-muted"))
        self._show_preview(Content("\n").join(lines))
        self._accept(points)

    def _show_preview(self, text: Content) -> None:
        self.query_one("#preview", Static).update(text)

    def _accept(self, points: tuple[Point, ...]) -> None:
        self._points = points
        button = self.query_one("#yes", Button)
        button.disabled = not points
        button.label = Content(f"⏎  Submit {fmt.count(len(points), 'job')}" if points else "Submit")
        button.refresh(layout=True)  # a new label alone does not make it wider

    # Deciding

    @on(Input.Submitted)
    async def _entered(self, event: Input.Submitted) -> None:
        """Go to the first field that still wants something, or submit."""
        path = self.query_one("#file", Input).value.strip()
        if path:
            # The preview may not be ready yet; what is submitted is what it will show.
            await self._read_file(path, self._generation)
        else:
            self._accept(self._read_fields())
        if self._points:
            self._submit()
            return
        fields = list(self.query("#point Input").results(Input))
        wanting = [field for field in fields if field.has_class("-wrong") or not field.value]
        if not path and wanting:
            self.set_focus(wanting[0])
        else:
            self.set_focus(event.input)

    @on(Button.Pressed, "#yes")
    def _submit(self) -> None:
        if not self._points:
            return
        path = self.query_one("#file", Input).value.strip()
        batch = Path(path).name if path else ""
        self.dismiss(Submission(self._server, self._points, batch))

    @on(Button.Pressed, "#no")
    def _close(self) -> None:
        self.action_refuse()


def _to(server: str) -> str:
    return f"  to {fmt.safe(server)}"
