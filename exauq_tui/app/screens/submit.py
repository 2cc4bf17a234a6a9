"""The dialog that submits jobs: one from a form, or many from a CSV file or from the clipboard."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Literal

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Input, Label, Select, Static

from exauq_tui.app import submit_text as words
from exauq_tui.app.path_completion import complete
from exauq_tui.app.screens.path_dialog import PathDialog
from exauq_tui.app.submit_order import AGAIN, REUSE, SKIP, Prepared, Submission, Wish, targets
from exauq_tui.app.threads import in_thread
from exauq_tui.app.widgets.choice import Choice
from exauq_tui.app.widgets.fields import Field, PathField, RowsField
from exauq_tui.app.widgets.point_fields import PointFields
from exauq_tui.jobs import Input as Point
from exauq_tui.monitor.snapshot import ServerView
from exauq_tui.monitor.verbs import Destination

Source = Literal["form", "file", "rows"]

_NONE, _GOOD = "none", "good"
_PASTED = "pasted"
_PATIENCE = 0.2
"""Seconds after which a look-up is said to be under way: most take less."""


class SubmitDialog(PathDialog[Submission]):
    """A field for each input, one for a file, one for rows; below, what would be submitted.

    Args:
        servers: The servers that there are.
        chosen: The server that is offered first.
        prepare: Reads what is wished for and looks it up; called in a thread.
        look_again: Looks up once more what was read already; called in a thread.
        find_row: Gives the row of a job.
        views: Gives the servers as they stand now.
    """

    FIRST_FOCUS: ClassVar[str] = "#point Input"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "enter", show=False),
        Binding("pagedown", "scroll(1)", show=False),
        Binding("pageup", "scroll(-1)", show=False),
    ]

    def __init__(
        self,
        servers: Sequence[ServerView],
        chosen: str,
        prepare: Callable[[Wish], Prepared],
        look_again: Callable[[Wish, Prepared], Prepared],
        find_row: words.FindRow,
        views: Callable[[], Mapping[str, ServerView]],
    ) -> None:
        super().__init__()
        self._targets = targets(servers)
        self._destination = next(each for each in self._targets if each.server == chosen)
        self._prepare = prepare
        self._look_again = look_again
        self._find_row = find_row
        self._views = views
        self._source: Source = "form"
        self._rows = RowsField(id="rows")
        self._prepared: Prepared | None = None
        self._generation = 0
        self._is_entered = False
        self._is_sending = False
        self._news = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the inputs there where the jobs are to go."""
        return self._targets[self._destination][1]

    def compose(self) -> ComposeResult:
        """Make the box."""
        with Vertical(classes="dialog form submit") as box:
            box.border_title = Content("Submit jobs")
            if len(self._targets) > 1:
                with _line("To", "server-line"):
                    yield Select(
                        [(Content(text), target) for target, (text, _) in self._targets.items()],
                        value=self._destination,
                        allow_blank=False,
                        compact=True,
                        id="server",
                    )
            yield Static("One job", classes="heading", markup=False)
            yield PointFields(self.names, id="point")
            yield Static("or many: a CSV file, or rows", classes="heading", markup=False)
            with _line("CSV file"):
                yield PathField(id="file", placeholder="~/design.csv, one job a line")
            with _line("Rows"):
                yield self._rows
            with _line("Batch"):
                yield Field(id="batch", placeholder="a name for all of them, if you like")
            with VerticalScroll(id="preview", can_focus=False):
                yield Static(id="shown", markup=False)
            with _line("Bad lines", "bad-line"):
                yield Choice([(_NONE, "submit nothing"), (_GOOD, "good lines only")], id="bad")
            with _line("Duplicates", "known-line"):
                yield Choice(
                    [(SKIP, "skip"), (AGAIN, "run again"), (REUSE, "skip, mark their jobs")],
                    id="known",
                )
            with Horizontal(classes="buttons"):
                yield Button(Content("Esc  Close"), id="no")
                yield Button(Content("⏎  Submit"), id="yes", disabled=True)

    def on_mount(self) -> None:
        """Say what is wanted."""
        self._show()
        super().on_mount()

    def on_resize(self, event: events.Resize) -> None:
        """Show as many rows as there is room for now."""
        super().on_resize(event)
        if self._prepared is not None and not self._prepared.problem:
            self._show()

    # Reading what was typed

    @on(Select.Changed, "#server")
    async def _server_chosen(self, event: Select.Changed) -> None:
        if not isinstance(event.value, Destination) or event.value == self._destination:
            return
        names_before = self.names
        self._destination = event.value
        if self.names != names_before:
            await self.query_one(PointFields).set_names(self.names)
        self._look()

    @on(Input.Changed, "#file")
    @on(Input.Changed, "#rows")
    @on(Input.Changed, "#point Input")
    def _typed(self, event: Input.Changed) -> None:
        """What was typed last is what counts, until it is empty again."""
        name = event.input.id or ""
        source: Source = "file" if name == "file" else "rows" if name == "rows" else "form"
        if name == "rows" and event.value:
            self._rows.keep("")
        if event.value:
            self._source = source
        elif self._source == source and source != "form":
            self._source = "rows" if self._rows.pasted else "form"
        self._look()

    @on(Field.RowsPasted)
    def _rows_pasted(self, event: Field.RowsPasted) -> None:
        """Take rows, wherever in the dialog they were pasted."""
        self._paste(event.text)

    def on_paste(self, event: events.Paste) -> None:
        """Take rows that were pasted while no field had the focus."""
        event.stop()
        self._paste(event.text)

    def _paste(self, text: str) -> None:
        self._rows.keep(text)
        self._source = "rows"
        self._look()

    @on(RowsField.Dropped)
    def _rows_dropped(self) -> None:
        self._source = "form"
        self._look()

    def action_scroll(self, pages: int) -> None:
        """Scroll what is shown, which may be many bad lines."""
        shown = self.query_one("#preview", VerticalScroll)
        shown.scroll_relative(y=pages * max(1, shown.size.height - 1), animate=False)

    def _wish(self) -> Wish | None:
        """What stands in the dialog, or None where something is missing still."""
        source: Point | str | Path | None = None
        if self._source == "file":
            source = self._path()
        elif self._source == "rows":
            source = self._rows.pasted or self._rows.value
        else:
            source = self.query_one(PointFields).read()
        return None if source is None else Wish(self._destination, self.names, source)

    def _path(self) -> Path:
        """The file that is named; in quotes where it was dropped on a terminal."""
        text = self.query_one("#file", Input).value.strip()
        if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
            text = text[1:-1]
        return Path(text)

    # Looking up what would come of it

    def _look(self) -> None:
        """Find out, in a thread, what would be submitted, and show it."""
        self._generation += 1
        self._prepared = None
        self._is_entered = self._is_sending = False
        self._news = ""
        self.query_one("#point").set_class(self._source != "form", "-unused")
        for source in ("file", "rows"):
            self.query_one(f"#{source}").set_class(self._source != source, "-unused")
        self.query_one("#batch", Input).placeholder = self._batch() or "a name, if you like"
        wish, generation = self._wish(), self._generation
        if wish is None:
            self._show()
            return
        # Not exclusive: a thread cannot be stopped, and an answer that comes late is not taken.
        self.run_worker(self._look_up(wish, generation), group="preview", exit_on_error=False)
        self.set_timer(_PATIENCE, lambda: self._say_reading(generation))

    def _say_reading(self, generation: int) -> None:
        """Say that it takes a while, rather than leave there what was shown before."""
        if generation == self._generation and (self._prepared is None or self._is_sending):
            self._show(is_reading=True)

    async def _look_up(self, wish: Wish, generation: int) -> None:
        prepared = await in_thread(lambda: self._prepare(wish))
        matches: tuple[str, ...] = ()
        if prepared.problem and isinstance(wish.source, Path):
            typed = self.query_one("#file", Input).value
            matches = (await in_thread(lambda: complete(typed))).names
        if generation != self._generation or not self.is_attached:
            return
        self._prepared = prepared
        self._show(matches)
        if self._is_entered:
            # Typed ahead: done where there is nothing that a person ought to see before.
            self._is_entered = False
            if prepared.is_plain:
                self.dismiss(self._submission(prepared))

    @on(Choice.Changed)
    def _chosen(self) -> None:
        self._show()

    def _show(self, matches: Sequence[str] = (), *, is_reading: bool = False) -> None:
        """Draw what is known of what stands there."""
        prepared = self._prepared or Prepared()
        wrong = self._source == "file" and bool(prepared.problem) and not matches
        self.query_one("#file", Input).set_class(wrong, "-wrong")
        self.query_one("#bad-line").display = bool(prepared.rows.bad)
        self.query_one("#known-line").display = prepared.known_count + prepared.repeats > 0
        shown = [words.READING] if is_reading else self._shown(matches)
        self.query_one("#shown", Static).update(Content("\n").join(shown))
        button = self.query_one("#yes", Button)
        button.disabled = self._is_sending or not self._can_submit()
        button.label = Content(words.button(self._count(), len(self._reused())))
        button.refresh(layout=True)  # a new label alone does not make it wider

    def _shown(self, matches: Sequence[str]) -> list[Content]:
        prepared = self._prepared
        width = min(self.app.size.width * 96 // 100, 100) - 8
        if prepared is None or (prepared.problem and matches):
            return [words.hint(matches, width)]
        if prepared.problem:
            return [words.problem(prepared.problem)]
        height = 6 if not self.has_class("-short") else 3 if not prepared.rows.bad else 1
        return [
            *words.news(self._news),
            *words.heading(self._count(), prepared.shared(self._duplicates()), self._views()),
            *words.duplicates(prepared),
            *words.table(prepared, self.names, self._find_row, width=width, height=height),
            *words.bad_lines(prepared),
        ]

    # Deciding

    def _duplicates(self) -> str:
        return self.query_one("#known", Choice).value

    def _is_blocked(self) -> bool:
        """Whether there are bad lines, and nobody said that the good ones are to be submitted."""
        prepared = self._prepared
        is_bad = prepared is not None and bool(prepared.rows.bad)
        return is_bad and self.query_one("#bad", Choice).value == _NONE

    def _count(self) -> int:
        """How many jobs would be submitted as things stand."""
        if self._prepared is None or self._is_blocked():
            return 0
        return self._prepared.count(self._duplicates())

    def _reused(self) -> tuple[int, ...]:
        """The jobs that would be marked."""
        if self._prepared is None or self._is_blocked() or self._duplicates() != REUSE:
            return ()
        return self._prepared.reused()

    def _can_submit(self) -> bool:
        return bool(self._count() or self._reused())

    def _batch(self) -> str:
        """What the jobs are called together, unless a person says otherwise."""
        if self._source == "file":
            return self._path().name
        return _PASTED if self._source == "rows" and self._rows.pasted else ""

    @on(Input.Submitted)
    def _entered(self) -> None:
        self.action_enter()

    def action_enter(self) -> None:
        """Submit, or go to what still has to be said before."""
        if self._prepared is None:
            self._is_entered = self._wish() is not None
            if not self._is_entered and (field := self.query_one(PointFields).first_wanting()):
                self.set_focus(field)
        elif self._can_submit():
            self._submit()
        elif self._is_blocked():
            self.set_focus(self.query_one("#bad"))
        elif self._prepared.rows.points:
            self.set_focus(self.query_one("#known"))

    @on(Button.Pressed, "#yes")
    def _submit(self) -> None:
        """Submit what is shown, if it is still as it is shown."""
        prepared, wish = self._prepared, self._wish()
        if prepared is None or wish is None or self._is_sending or not self._can_submit():
            return
        self._is_sending = True
        self._generation += 1
        generation, submission = self._generation, self._submission(prepared)
        self.run_worker(
            self._send(wish, prepared, submission, generation),
            group="preview",
            exit_on_error=False,
        )
        self.set_timer(_PATIENCE, lambda: self._say_reading(generation))

    async def _send(
        self, wish: Wish, prepared: Prepared, submission: Submission, generation: int
    ) -> None:
        """Look up once more what ran: meanwhile others may have submitted the same."""
        now = await in_thread(lambda: self._look_again(wish, prepared))
        if generation != self._generation or not self.is_attached:
            return
        self._is_sending = False
        if now.is_like(prepared):
            self.dismiss(replace(submission, reused=now.reused() if submission.reused else ()))
            return
        self._prepared = now
        self._news = words.changed(prepared, now)
        self._show()

    def _submission(self, prepared: Prepared) -> Submission:
        points = prepared.points(self._duplicates())
        return Submission(
            self._destination,
            points,
            self.query_one("#batch", Input).value.strip() or self._batch(),
            self._reused(),
            skipped=len(prepared.rows.points) - len(points),
            bad=prepared.rows.bad_count,
        )

    @on(Button.Pressed, "#no")
    def _close(self) -> None:
        self.action_refuse()


def _line(name: str, id_: str | None = None) -> Horizontal:
    return Horizontal(Label(name, classes="name", markup=False), classes="line", id=id_)
