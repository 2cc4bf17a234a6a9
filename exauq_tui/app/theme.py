"""The dashboard's own themes: calm, with colour kept for what matters."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from textual.app import App
from textual.theme import Theme


def _complete(
    theme: Theme,
    *,
    borders: tuple[str, str],
    cursor: tuple[str, str],
    selection: int,
    **others: str,
) -> Theme:
    """Give a theme its variables: keys have its accent, selected text its primary colour.

    Args:
        theme: The theme's own colours.
        borders: The colours of borders: in general, and where the focus is elsewhere.
        cursor: The background of the row under the cursor, and the colour of its text.
        selection: How much of the primary colour lies behind selected text, in per cent.
        **others: Further variables, such as text that stands back where Textual's own is too
            faint; with "_" for "-".
    """
    variables = {
        "border": borders[0],
        "border-blurred": borders[1],
        "block-cursor-background": cursor[0],
        "block-cursor-foreground": cursor[1],
        "footer-key-foreground": theme.accent or theme.primary,
        "input-selection-background": f"{theme.primary} {selection}%",
        **{name.replace("_", "-"): colour for name, colour in others.items()},
    }
    return replace(theme, variables=variables)


DARK = _complete(
    Theme(
        name="exauq-dark",
        primary="#6ea8e0",
        secondary="#8b9bb4",
        accent="#5cc8d6",
        success="#84c07c",
        warning="#e0b464",
        error="#ef7a78",
        foreground="#d5dae2",
        background="#14171c",
        surface="#181c22",
        panel="#232932",
        dark=True,
    ),
    borders=("#3a4350", "#2c333d"),
    cursor=("#2d4258", "#eef2f7"),
    selection=35,
)
"""The default."""

CONTRAST = _complete(
    Theme(
        name="exauq-contrast",
        primary="#7cc4ff",
        secondary="#ffffff",
        accent="#00f0ff",
        success="#5cff5c",
        warning="#ffe000",
        error="#ff8080",
        foreground="#ffffff",
        background="#000000",
        surface="#000000",
        panel="#262626",
        dark=True,
    ),
    borders=("#a0a0a0", "#707070"),
    cursor=("#004080", "#ffffff"),
    selection=50,
    foreground_muted="#d4d4d4",
    text_muted="#d4d4d4",
    text_disabled="#a8a8a8",
)
"""For eyes, screens and rooms that need more contrast."""

LIGHT = _complete(
    Theme(
        name="exauq-light",
        primary="#1f5f9e",
        secondary="#5b6675",
        accent="#00727f",
        success="#2f7a2c",
        warning="#946000",
        error="#b3262a",
        foreground="#23282f",
        background="#f5f6f8",
        surface="#fbfcfd",
        panel="#e6e9ee",
        dark=False,
    ),
    borders=("#b9c1cc", "#d3d9e0"),
    cursor=("#cfe0f1", "#16202b"),
    selection=25,
    foreground_muted="#5f6773",
)


def begin_with_theme(app: App[Any], wanted: str | None) -> tuple[str, tuple[str, ...]]:
    """Register our themes, and choose one before the app runs.

    Set once it runs, a theme has all CSS read a second time and every widget styled anew, which
    takes a tenth of the time until the first picture. One that is light, or made of the terminal's
    own colours, still needs what Textual does for it then: the caller sets it in any case.

    Args:
        app: The app, which does not run yet.
        wanted: The name that the configuration gives, or None.

    Returns:
        The theme's name, and what is wrong with the wish.
    """
    for theme in (DARK, LIGHT, CONTRAST):
        app.register_theme(theme)
    problems: tuple[str, ...] = ()
    if wanted and wanted not in app.available_themes:
        known = ", ".join(sorted(app.available_themes))
        problems = (f'[app] theme: there is no theme "{wanted}"; there are {known}.',)
        wanted = None
    # On sixteen colours ours would all become a few: the terminal's own are better.
    few = app.console.color_system == "standard"
    name = wanted or ("ansi-dark" if few else DARK.name)
    chosen = app.available_themes[name]
    if chosen.dark and not chosen.ansi:
        app.set_reactive(App.theme, name)
        app.set_class(True, f"-theme-{name}", update=False)
    app.stylesheet.set_variables(app.get_css_variables())
    return name, problems
