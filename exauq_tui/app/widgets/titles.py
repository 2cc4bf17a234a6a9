"""Tabs drawn into the border of a pane, where they cost no line; they can be clicked."""

from __future__ import annotations

from collections.abc import Iterable

from textual.content import Content
from textual.style import Style


def tab_titles(tabs: Iterable[tuple[str, str, bool]], *, before: str = "") -> Content:
    """Draw tabs for a border title.

    Args:
        tabs: For each its text, the action that a click runs, and whether it is the open one.
        before: What stands before the first.
    """
    parts = [Content.styled(before, "bold")] if before else []
    for text, action, is_open in tabs:
        looks = "bold $accent" if is_open else "$foreground-muted"
        shown = f"[{text}]" if is_open else f" {text} "
        parts.append(Content.styled(shown, looks).stylize(Style.from_meta({"@click": action})))
    return Content("").join(parts)
