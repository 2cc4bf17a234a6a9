"""The pane beside the table: one job's details, output, log and history under tabs."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import ContentSwitcher

from exauq_tui.app.widgets.log_panel import LogPanel
from exauq_tui.app.widgets.pane import Pane
from exauq_tui.app.widgets.text_lines import TextLines
from exauq_tui.app.widgets.titles import tab_titles

TABS: tuple[str, ...] = ("details", "output", "log", "history")


class DetailPane(Pane):
    """Holds the tabs; the screen says what stands in them."""

    class TabChanged(Message):
        """Another tab is shown."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.tab = TABS[0]
        self.log_panel = LogPanel(id="tab-log")
        # Made here, not in compose(), so that they can be filled before they are drawn.
        self._texts = {tab: TextLines() for tab in TABS if tab != "log"}
        self._contents: dict[str, Content] = {}

    def compose(self) -> ComposeResult:
        """Make the tabs."""
        with ContentSwitcher(initial="tab-details"):
            for tab in TABS:
                if tab == "log":
                    yield self.log_panel
                else:
                    yield VerticalScroll(self._texts[tab], id=f"tab-{tab}")

    def on_mount(self) -> None:
        """Name the tabs."""
        self._draw_title()

    def show(self, tab: str, content: Content) -> None:
        """Set what a tab says; nothing is drawn where it says that already."""
        self._contents[tab] = content
        if tab == self.tab:
            self._put(tab)

    def _put(self, tab: str) -> None:
        """Let a tab say what it is to say now; others need not be told before they are shown."""
        content, text = self._contents.get(tab), self._texts.get(tab)
        if content is not None and text is not None:
            area = text.parent
            # Laying the screen out afresh, and drawing all of it, costs most of what a key may
            # take: what fits into the pane, as what stood there before, needs neither.
            height = area.content_size.height if isinstance(area, VerticalScroll) else 0
            text.show(content, height)

    def choose(self, tab: str) -> None:
        """Show another tab."""
        if tab == self.tab:
            return
        had_focus = self.has_focus_within
        self.tab = tab
        self._put(tab)
        self.query_one(ContentSwitcher).current = f"tab-{tab}"
        self._draw_title()
        if had_focus:
            self.focus_tab()
        self.post_message(self.TabChanged())

    def step(self, by: int) -> None:
        """Show the next tab, or the one before."""
        self.choose(TABS[(TABS.index(self.tab) + by) % len(TABS)])

    def focus_tab(self) -> None:
        """Give the focus to what the tab shows."""
        is_log = self.tab == "log"
        target = self.log_panel.view if is_log else self.query_one(f"#tab-{self.tab}")
        self.screen.set_focus(target)

    @property
    def room(self) -> tuple[int, int]:
        """How many columns and rows there are for what a tab says."""
        area = self._texts["details"].parent  # none before it is drawn for the first time
        return area.content_size if isinstance(area, VerticalScroll) else (0, 0)

    def set_remark(self, text: str) -> None:
        """Say how the log is shown."""
        self.set_subtitle(Content.styled(text, "$foreground-muted"))

    def _draw_title(self) -> None:
        titles = [(tab.capitalize(), f"screen.tab('{tab}')", tab == self.tab) for tab in TABS]
        self.set_title(tab_titles(titles))
