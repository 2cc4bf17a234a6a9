"""An examination of one server on the whole screen, line by line as it is made."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Static

from exauq_tui import locations
from exauq_tui.app import format as fmt
from exauq_tui.app.commands import CommandTable, bindings
from exauq_tui.app.screens import OPENED_CSS
from exauq_tui.app.threads import answer, in_thread
from exauq_tui.app.widgets.footer import Footer
from exauq_tui.app.widgets.pane import Pane
from exauq_tui.errors import ExauqTuiError
from exauq_tui.hardware.diagnosis import Finding, Result
from exauq_tui.monitor.support_report import report_name, report_text, write_report

if TYPE_CHECKING:
    from exauq_tui.app.app import ExauqApp

_GLYPHS = {Result.OK: "✓", Result.WARNING: "▲", Result.FAILED: "✗", Result.NOT_CHECKED: "·"}


class DoctorScreen(Screen[None]):
    """Examines a server when it is opened, and again when asked to.

    Args:
        server: The server's name.
        table: The commands with their keys.
    """

    class Found(Message):
        """A finding was made; of an examination that was begun anew since, it is let go."""

        def __init__(self, finding: Finding, run: int) -> None:
            super().__init__()
            self.finding = finding
            self.run = run

    app: ExauqApp
    CSS_PATH = OPENED_CSS
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("doctor"),
        Binding("escape", "leave", show=False),
        Binding("j", "scroll(1)", show=False),
        Binding("k", "scroll(-1)", show=False),
    ]
    AUTO_FOCUS = "#findings"

    def __init__(self, server: str, table: CommandTable) -> None:
        super().__init__()
        self._server = server
        self._table = table
        self._pane = Pane(id="doctor-pane", classes="pane")
        self._list = VerticalScroll(id="findings")
        self._findings: list[Finding] = []
        self._run = 0
        self._is_done = False

    def compose(self) -> ComposeResult:
        """Make the list."""
        with self._pane:
            yield self._list
        yield Footer(self._table, ("doctor", "app"), labels={"quit": "back"}, without=("palette",))

    def on_mount(self) -> None:
        """Begin."""
        title = Content.assemble(("Doctor  ", "bold"), (fmt.safe(self._server), ""))
        self._pane.set_title(title)
        self._begin()

    def _begin(self) -> None:
        self._run += 1
        self._findings, self._is_done = [], False
        self.run_worker(self._examine(self._run), group="doctor", exit_on_error=False)

    async def _examine(self, run: int) -> None:
        await self._list.remove_children()
        self._say_how_far()
        tell = partial(self._tell, run)
        try:
            future = await in_thread(lambda: self.app.fleet.diagnose(self._server, tell))
            findings = await answer(future)
        except ExauqTuiError as error:
            self.app.tell(str(error), "error")
            return
        if run == self._run:
            await self._show_all(findings)

    def _tell(self, run: int, finding: Finding) -> None:
        """Called from the server's thread."""
        self.post_message(self.Found(finding, run))

    async def on_doctor_screen_found(self, message: Found) -> None:
        """Show a finding below the others."""
        if message.run == self._run and not self._is_done:
            self._findings.append(message.finding)
            await self._list.mount(_line(message.finding))
            self._list.scroll_end(animate=False)
            self._say_how_far()

    async def _show_all(self, findings: tuple[Finding, ...]) -> None:
        """Show the whole, in order: what was told meanwhile may not have been."""
        self._is_done = True
        if list(findings) != self._findings:
            self._findings = list(findings)
            await self._list.remove_children()
            await self._list.mount(*map(_line, findings))
        self._list.scroll_home(animate=False)
        self._say_how_far()

    def _say_how_far(self) -> None:
        if self._is_done:
            counts = Counter(finding.result for finding in self._findings)
            text = ", ".join(f"{counts[result]} {result.value}" for result in Result)
        else:
            text = "being examined …"
        self._pane.set_subtitle(Content.styled(text, "$foreground-muted"))

    def action_scroll(self, lines: int) -> None:
        """Scroll by lines."""
        self._list.scroll_relative(y=lines, animate=False)

    def action_doctor_again(self) -> None:
        """Examine the server again, once this examination is done."""
        if self._is_done:
            self._begin()

    def action_doctor_report(self) -> None:
        """Write a report."""
        if self._is_done:
            self.run_worker(self._write(), group="doctor-report", exit_on_error=False)
        else:
            self.app.tell("The examination is still going on.", "warning")

    async def _write(self) -> None:
        log, now = locations.log_path(), self.app.clock()
        path = log.parent / report_name(self._server, now)
        profile = next(
            (each for each in self.app.config.servers if each.name == self._server), None
        )
        findings = tuple(self._findings)

        def write() -> None:
            write_report(path, report_text(self._server, profile, findings, log, now))

        try:
            await in_thread(write)
        except ExauqTuiError as error:
            self.app.tell(str(error), "error")
        else:
            self.app.tell(f"The report is in {path}")

    def action_leave(self) -> None:
        """Go back to the jobs."""
        self.dismiss(None)


def _line(finding: Finding) -> Horizontal:
    """Make the widgets of one finding; what a server said is only ever text."""
    kind = finding.result.value.replace(" ", "-")
    parts: list[str | tuple[str, str]] = [fmt.safe_block(finding.found)]
    if finding.heard:
        parts.append((f"\nit printed: {fmt.safe(finding.heard)}", "$foreground-muted"))
    if finding.advice:
        parts.append((f"\n→ {fmt.safe_block(finding.advice)}", "$accent"))
    return Horizontal(
        Static(
            Content(f"{_GLYPHS[finding.result]} {finding.result.value}"),
            classes=f"result {kind}",
            markup=False,
        ),
        Static(Content(fmt.safe(finding.label)), classes=f"check {kind}", markup=False),
        Static(Content.assemble(*parts), classes=f"found {kind}", markup=False),
        classes="finding",
    )
