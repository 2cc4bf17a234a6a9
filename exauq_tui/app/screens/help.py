"""The list of keys, of what the glyphs mean, and of what is wrong with the configuration."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import ClassVar

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from exauq_tui.app import format as fmt
from exauq_tui.app.command_list import Command
from exauq_tui.app.commands import CommandTable
from exauq_tui.app.screens.dialogs import Dialog
from exauq_tui.app.status_style import STATUS_STYLES
from exauq_tui.hardware.status import JobStatus

Block = list[Content]
"""Lines that stay together."""

_KEYS = 12
_COLUMN = 50
_WIDEST = 118
_FILTER = 24
_FILTERS = (
    ("sweep", "in id, status or batch"),
    ("status:failed,cancelled", "either; server batch id"),
    ("x1>0.9  output<3", "inputs; level try exit"),
    ("age<2h  ran>10m", "set up, or ran, so long"),
    ('-server:lab  "two words"', "not; quotes keep spaces"),
)


class HelpScreen(Dialog[None]):
    """Shows the table of commands.

    Args:
        table: The commands with their keys.
        problems: Sentences about the configuration.
        config_text: Where the configuration is, or would be looked for.
        here: Ids of the commands whose keys work where the help was asked for.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,question_mark,f1,enter", "refuse", show=False),
        Binding("j", "scroll(1)", show=False),
        Binding("k", "scroll(-1)", show=False),
    ]
    FIRST_FOCUS: ClassVar[str] = "#help-text"

    def __init__(
        self,
        table: CommandTable,
        problems: Sequence[str],
        config_text: str,
        here: Iterable[str],
    ) -> None:
        super().__init__()
        self._table = table
        self._problems = tuple(problems)
        self._config_text = config_text
        self._here = frozenset(here)

    def compose(self) -> ComposeResult:
        """Make the box."""
        with Vertical(classes="dialog wide") as box:
            box.border_title = Content("Keys that work here, then those elsewhere")
            box.border_subtitle = Content("Esc closes")
            with VerticalScroll(id="help-text"):
                if self._problems:
                    yield Static(self._problem_text(), classes="problems", markup=False)
                yield Horizontal(id="help-here", classes="columns")
                yield Static("Elsewhere", classes="heading", markup=False)
                yield Horizontal(id="help-elsewhere", classes="columns")
                yield Static(self._config(), classes="note after", markup=False)

    def on_resize(self, event: events.Resize) -> None:
        """Set the groups in two columns where there is room, else in one."""
        super().on_resize(event)
        # The box, its border and padding, and the bar beside the text.
        self.call_later(self._lay_out, min(event.size.width * 96 // 100, _WIDEST) - 7)

    async def _lay_out(self, width: int) -> None:
        columns = 2 if width >= 2 * _COLUMN else 1
        here, elsewhere = self._blocks(width // columns - 2)
        about = [self._filters(), self._legend()] if "filter" in self._here else [self._legend()]
        await self._fill("#help-here", [*here, *about], columns)
        await self._fill("#help-elsewhere", elsewhere, columns)

    async def _fill(self, where: str, blocks: Sequence[Block], columns: int) -> None:
        """Put blocks into columns of about the same height."""
        heights = [len(block) + 1 for block in blocks]
        cut = min(
            range(1, len(blocks) + 1),
            key=lambda at: max(sum(heights[:at]), sum(heights[at:])),
        )
        parts = [blocks[:cut], blocks[cut:]] if columns > 1 else [blocks]
        box = self.query_one(where)
        await box.remove_children()
        await box.mount(*(Static(_below_each_other(part), markup=False) for part in parts))

    def action_scroll(self, lines: int) -> None:
        """Scroll by lines."""
        self.query_one("#help-text").scroll_relative(y=lines, animate=False)

    def _problem_text(self) -> Content:
        lines = [Content.styled("Left out of the configuration", "bold $warning")]
        lines += [Content(f"  {fmt.safe(problem)}") for problem in self._problems]
        return Content("\n").join(lines)

    def _config(self) -> Content:
        return Content.styled(f"Configuration: {fmt.safe(self._config_text)}", "$foreground-muted")

    def _blocks(self, width: int) -> tuple[list[Block], list[Block]]:
        """The groups of commands that work here, and those of the others."""
        here: list[Block] = []
        elsewhere: list[Block] = []
        for title, commands in self._table.groups():
            for blocks, works in ((here, True), (elsewhere, False)):
                part = [each for each in commands if (each.id in self._here) is works]
                if part:
                    blocks.append(self._block(title, part, width))
        return here, elsewhere

    def _block(self, title: str, commands: Sequence[Command], width: int) -> Block:
        """A heading and a line for each command, or for several that belong together."""
        lines = [Content.styled(title, "bold $accent")]
        for text, together in groupby(
            commands, key=lambda command: command.pair or command.tooltip
        ):
            keys = " ".join(self._table.shown_keys(command) for command in together)
            first, *more = textwrap.wrap(text.removesuffix("."), max(20, width - _KEYS - 3))
            if cell_len(keys) > _KEYS:
                lines.append(Content.styled(f"  {keys}", "bold"))
                keys = ""
            lines.append(Content.assemble((f"  {fmt.fit(keys, _KEYS)} ", "bold"), first))
            lines += [Content(" " * (_KEYS + 3) + line) for line in more]
        return lines

    def _filters(self) -> Block:
        """What can be written into the filter."""
        return [
            Content.styled("In a filter", "bold $accent"),
            *(
                Content.assemble((f"  {fmt.fit(text, _FILTER)} ", "bold"), meaning)
                for text, meaning in _FILTERS
            ),
        ]

    def _legend(self) -> Block:
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


def _below_each_other(blocks: Sequence[Block]) -> Content:
    return Content("\n").join(line for block in blocks for line in [*block, Content("")])
