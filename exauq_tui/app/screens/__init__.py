"""The screens and dialogs of the dashboard."""

from pathlib import Path

OPENED_CSS = Path(__file__).parent.with_name("screens.tcss")
"""How screens look that open over the main one: half of the CSS, not needed for the first picture.

Each of them names it as its `CSS_PATH`, in case that it is opened before the app has read it.
"""
