"""The list of keys, of what the glyphs mean, and of what is wrong with the configuration."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, zip_longest
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from exauq_tui.app import format as fmt
from exauq_tui.app.command_list import Command
from exauq_tui.app.commands import CommandTable
from exauq_tui.app.screens.dialogs import Dialog
from exauq_tui.app.status_style import STATUS_STYLES
from exauq_tui.hardware.status import JobStatus

_KEYS = 12


class HelpScreen(Dialog[None]):
    """Shows the table of commands.

    Args:
        table: The commands with their keys.
        problems: Sentences about the configuration.
        config_text: Where the configuration is, or would be looked for.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,question_mark,f1,enter", "refuse", show=False),
        Binding("j", "scroll(1)", show=False),
        Binding("k", "scroll(-1)", show=False),
    ]
    FIRST_FOCUS: ClassVar[str] = "#help-text"

    def __init__(self, table: CommandTable, problems: Sequence[str], config_text: str) -> None:
        super().__init__()
        self._table = table
        self._problems = tuple(problems)
        self._config_text = config_text

    def compose(self) -> ComposeResult:
        """Make the box."""
        with Vertical(classes="dialog wide") as box:
            box.border_title = Content("Keys")
            box.border_subtitle = Content("Esc closes")
            with VerticalScroll(id="help-text"):
                if self._problems:
                    yield Static(self._problem_text(), classes="problems", markup=False)
                yield Static(self._columns(), id="help-columns", markup=False)
                yield Static(self._config(), classes="note after", markup=False)

    def action_scroll(self, lines: int) -> None:
        """Scroll by lines."""
        self.query_one("#help-text").scroll_relative(y=lines, animate=False)

    def _problem_text(self) -> Content:
        lines = [Content.styled("Left out of the configuration", "bold $warning")]
        lines += [Content(f"  {fmt.safe(problem)}") for problem in self._problems]
        return Content("\n").join(lines)

    def _config(self) -> Content:
        return Content.styled(f"Configuration: {fmt.safe(self._config_text)}", "$foreground-muted")

    def _columns(self) -> Content:
        """Set the groups in two columns where there is room, else in one."""
        blocks = [self._block(title, commands) for title, commands in self._table.groups()]
        blocks.append(self._legend())
        if self.app.size.width < 100:
            return Content("\n\n").join(Content("\n").join(block) for block in blocks)
        half = sum(len(block) + 1 for block in blocks) // 2
        columns: list[list[Content]] = [[], []]
        for block in blocks:
            begun = columns[1] or len(columns[0]) + len(block) // 2 > half
            columns[1 if begun else 0] += [*block, Content("")]
        left, right = columns
        width = max(line.cell_length for line in left) + 3
        lines = [
            Content.assemble(one, " " * (width - one.cell_length), other)
            for one, other in zip_longest(left, right, fillvalue=Content(""))
        ]
        return Content("\n").join(lines).rstrip()

    def _block(self, title: str, commands: Sequence[Command]) -> list[Content]:
        """A heading and a line for each command, or for several that belong together."""
        lines = [Content.styled(title, "bold $accent")]
        for text, together in groupby(
            commands, key=lambda command: command.pair or command.tooltip
        ):
            keys = " ".join(self._table.shown_keys(command) for command in together)
            lines.append(
                Content.assemble((f"  {fmt.fit(keys, _KEYS)} ", "bold"), text.removesuffix("."))
            )
        return lines

    def _legend(self) -> list[Content]:
        """What the glyphs mean, two on a line."""
        entries = [
            Content.styled(
                fmt.fit(f"{fmt.STATUS_GLYPHS[status]}  {status.value}", 22), STATUS_STYLES[status]
            )
            for status in JobStatus
        ]
        entries.append(Content.styled("?  as last known", "$foreground-muted"))
        return [
            Content.styled("Status", "bold $accent"),
            *(
                Content.assemble("  ", entries[at], entries[at + 1])
                for at in range(0, len(entries), 2)
            ),
        ]
