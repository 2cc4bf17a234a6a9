"""Signs of ASCII for terminals and fonts that have no others: one place, behind all drawing."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_SIGNS = {
    # The statuses, then the servers' states.
    "◌": ".", "⇡": "^", "►": ">", "✓": "+", "✗": "x", "‼": "!", "⋯": "~", "⊘": "-",
    "●": "*", "○": "o", "◐": "%", "◆": "!",
    # The table, the header and the keys.
    "›": ">", "‹": "<",
    "▸": ">", "▪": "*", "▲": "^", "▼": "v", "▶": ">", "◀": "<", "→": ">", "←": "<", "↑": "^",
    "↓": "v", "⏎": "<", "⇧": "^", "…": ".", "—": "-", "–": "-", "·": ".", "•": "*", "␡": "?",
    "\N{REPLACEMENT CHARACTER}": "?", "✔": "+", "╸": "-", "╺": "-",
}  # fmt: skip

_HORIZONTAL = "─┄┈╌╴╶━┅┉╍╼╾═"
_VERTICAL = "│┃┆┇┊┋╎╏║╵╷╹╻╽╿"


def _table() -> dict[int, str]:
    """What stands for each sign; each is one cell wide, as the sign is."""
    table = {ord(sign): plain for sign, plain in _SIGNS.items()}
    for code in range(0x2500, 0x2580):  # lines
        sign = chr(code)
        table[code] = "-" if sign in _HORIZONTAL else "|" if sign in _VERTICAL else "+"
    table |= dict.fromkeys(map(ord, "━═"), "=")
    for code in range(0x2580, 0x25A0):  # blocks, by how much of the cell they fill
        table[code] = "#"
    table |= dict.fromkeys(map(ord, "▁▂▔"), "_") | dict.fromkeys(map(ord, "▃▄"), ":")
    table |= dict.fromkeys(map(ord, "▏▎▍▌▐▕"), "|") | {ord("░"): "."}
    for bits in range(0x100):  # the dots of plots
        dots = bits.bit_count()
        table[0x2800 + bits] = " " if not dots else "." if dots < 3 else ":" if dots < 5 else "#"
    table |= dict.fromkeys(range(0x2400, 0x2421), "?")  # pictures of control characters
    return table


_TABLE = _table()


class PlainGlyphs(LineFilter):
    """Puts ASCII in the place of our own signs, in all that is drawn.

    Args:
        strict: Whether nothing else may be drawn either, as the terminal cannot; text that
            people or servers wrote then has question marks.
    """

    def __init__(self, *, strict: bool) -> None:
        super().__init__()
        self._strict = strict
        self._plain = lru_cache(4096)(self._translate)

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002 - colours stay
        """Translate the text of a line."""
        if all(segment.text.isascii() for segment in segments):
            return segments
        return [Segment(self._plain(text), style, control) for text, style, control in segments]

    def _translate(self, text: str) -> str:
        plain = text.translate(_TABLE)
        if not self._strict or plain.isascii():
            return plain
        return "".join(sign if sign.isascii() else "?" * cell_len(sign) for sign in plain)


def plain_glyphs(wanted: bool | None, environ: Mapping[str, str]) -> PlainGlyphs | None:
    """Choose by the configuration, else by the locale.

    Args:
        wanted: Whether the configuration asks for ASCII; None where it says nothing.
        environ: The environment variables.
    """
    can = is_utf8(environ)
    if wanted is False or (can and not wanted):
        return None
    return PlainGlyphs(strict=not can)


def is_utf8(environ: Mapping[str, str]) -> bool:
    """Whether the locale is one of UTF-8, or nothing is said.

    Python itself takes "C" for UTF-8 where it can, and then has LC_CTYPE say so.
    """
    named = next(filter(None, map(environ.get, ("LC_ALL", "LC_CTYPE", "LANG"))), "")
    return not named or named.lower().replace("-", "").partition("@")[0].endswith("utf8")
