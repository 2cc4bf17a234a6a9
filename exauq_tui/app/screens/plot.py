"""Plots of the jobs that were shown: output against an input, and how long they ran."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from exauq_tui.app import format as fmt
from exauq_tui.app.commands import CommandTable, bindings
from exauq_tui.app.plot_data import COLOURS, input_names, run_times, scatter
from exauq_tui.app.plotting import Lines, draw_run_times, draw_scatter
from exauq_tui.app.screens import OPENED_CSS
from exauq_tui.app.threads import in_thread
from exauq_tui.app.widgets.footer import Footer
from exauq_tui.app.widgets.pane import Pane

if TYPE_CHECKING:
    from exauq_tui.app.app import ExauqApp


class PlotScreen(Screen[None]):
    """Draws the jobs that the table shows, as they are when it is opened or drawn again.

    Args:
        table: The commands with their keys.
    """

    app: ExauqApp
    CSS_PATH = OPENED_CSS
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("plot"),
        Binding("escape", "leave", show=False),
    ]

    def __init__(self, table: CommandTable) -> None:
        super().__init__()
        self._table = table
        self._pane = Pane(id="plot-pane", classes="pane")
        self._plot = Static(id="plot", markup=False)
        self._names: tuple[str, ...] = ()
        self._input = 0
        self._colour = 0
        self._is_histogram = False

    def compose(self) -> ComposeResult:
        """Make the pane."""
        with self._pane:
            yield self._plot
        yield Footer(self._table, ("plot", "app"), labels={"quit": "back"}, without=("palette",))

    def on_resize(self, _: events.Resize) -> None:
        """Draw for the new size."""
        self.call_after_refresh(self.action_plot_again)

    def action_plot_again(self) -> None:
        """Draw the jobs as they are now."""
        self._draw()

    def action_plot_input(self) -> None:
        """Draw against the next input."""
        self._step_input(1)

    def action_plot_input_before(self) -> None:
        """Draw against the input before."""
        self._step_input(-1)

    def _step_input(self, by: int) -> None:
        self._is_histogram = False
        self._input = (self._input + by) % max(1, len(self._names))
        self.action_plot_again()

    def action_plot_colour(self) -> None:
        """Tell points apart by something else."""
        self._colour = (self._colour + 1) % len(COLOURS)
        self.action_plot_again()

    def action_plot_times(self) -> None:
        """Draw run times instead of outputs, or the other way round."""
        self._is_histogram = not self._is_histogram
        self.action_plot_again()

    # Many thousand points take a while: the last to be asked for is what is shown.
    @work(group="plot", exclusive=True, exit_on_error=False)
    async def _draw(self) -> None:
        model = self.app.model
        rows = model.rows(model.visible_keys())
        names = {name: view.input_names for name, view in model.servers.items()}
        width, height = self._plot.size
        chosen, colour, is_histogram = self._input, COLOURS[self._colour], self._is_histogram
        no_colour = self.app.no_color

        def draw() -> tuple[tuple[str, ...], str, Lines, str]:
            inputs = input_names(rows, names)
            if is_histogram:
                times = run_times(rows)
                return inputs, "run times", draw_run_times(times, width, height), times.caption
            x_name = inputs[chosen % len(inputs)] if inputs else ""
            plot = scatter(rows, names, x_name, colour)
            lines = draw_scatter(plot, width, height, by_letter=no_colour)
            return inputs, f"{plot.title}, by {colour}", lines, plot.caption

        self._names, title, lines, caption = await in_thread(draw)
        self._plot.update(Content("\n").join(Content.assemble(*line) for line in lines))
        self._pane.set_title(
            Content.assemble(("Plot  ", "bold"), (title, "bold $accent"), self._which(len(rows)))
        )
        self._pane.set_subtitle(Content.styled(fmt.safe(caption), "$foreground-muted"))

    def _which(self, rows: int) -> str:
        part = "shown " if rows < self.app.model.total else ""
        return f"  {rows:,} {part}{'job' if rows == 1 else 'jobs'}"

    def action_leave(self) -> None:
        """Go back to the jobs."""
        self.dismiss(None)
