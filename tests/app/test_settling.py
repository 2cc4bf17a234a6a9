"""What the tests of the dashboard wait for after each key."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.events import Resize
from textual.widgets import Label

from tests.app.fixed import wait_for_idle


class Chain(App[None]):
    """Does one thing after the other, each of which brings about the next."""

    def __init__(self, length: int) -> None:
        super().__init__()
        self.left = length
        self.sizes: list[int] = []

    def compose(self) -> ComposeResult:
        yield Label("begun", id="label")

    def go_on(self) -> None:
        if self.left:
            self.left -= 1
            self.query_one("#label", Label).update(str(self.left))
            (self.call_later if self.left % 2 else self.call_after_refresh)(self.go_on)

    def on_resize(self, event: Resize) -> None:
        self.sizes.append(event.size.width)


async def test_what_brings_about_something_else_is_waited_for_to_the_end() -> None:
    app = Chain(100)
    async with app.run_test(size=(40, 5)):
        app.call_later(app.go_on)
        await wait_for_idle(0)
        assert app.left == 0
        assert app.screen._compositor.render_strips()[0].text.strip() == "0"


async def test_a_change_of_size_is_waited_for() -> None:
    app = Chain(0)
    async with app.run_test(size=(40, 5)) as pilot:
        for width in (50, 60, 70):
            await pilot.resize_terminal(width, 5)
            assert app.screen.size.width == width
