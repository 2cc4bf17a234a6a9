"""Reads one TOML file: its tables, the line of each key, and what is wrong with it.

One mistake never costs more than the table that it stands in.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LARGEST = 1024 * 1024
"""No configuration is longer, in bytes; what is longer was named by mistake."""

Keys = tuple[str, ...]
"""A place in a file: the names of the tables and the key, outermost first."""

_KEY = re.compile(r"""\s*((?:[\w.-]|"(?:[^"\\]|\\.)*"|'[^']*'|[ \t])+?)\s*=""")
_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")
_POSITION = r" \(at (?:line (\d+), column \d+|end of document)\)\Z"


@dataclass(slots=True)
class ConfigFile:
    """What a file holds.

    Attributes:
        path: The file.
        data: Its tables, as far as they could be read.
        lines: In which line a key or table begins.
        is_partial: Whether it may hold tables that are not in `data`.
        problems: One sentence for each thing that is wrong.
    """

    path: Path
    data: dict[str, Any] = field(default_factory=dict)
    lines: dict[Keys, int] = field(default_factory=dict)
    is_partial: bool = False
    problems: list[str] = field(default_factory=list)

    def complain(self, keys: Keys, complaint: str, line: int | None = None) -> None:
        """Add a problem with a table or key, telling where that is."""
        depth = 2 if keys[:1] == ("servers",) else 1
        table, key = keys[:depth], keys[depth:]
        parts = [str(self.path)]
        if line := line or self._line_of(keys):
            parts.append(f"line {line}")
        if table:
            parts.append(f"[{dotted(table)}] {dotted(key)}".rstrip())
        end = "" if complaint.endswith("?") else "."
        self.problems.append(f"{', '.join(parts)}: {complaint}{end}")

    def _line_of(self, keys: Keys) -> int | None:
        """The line of a key, else of what it stands in (keys of inline tables are not found)."""
        while keys and keys not in self.lines:
            keys = keys[:-1]
        return self.lines.get(keys)


def read_config_file(path: Path) -> ConfigFile:
    """Read a TOML file; what is wrong with it ends up in its problems.

    Raises:
        FileNotFoundError: There is no such file.
    """
    file = ConfigFile(path)
    text = _read_text(file)
    if text is None:
        file.is_partial = True
        return file
    pieces = _split(text)
    _find_lines(file, pieces)
    try:
        file.data = tomllib.loads(text)
    except (ValueError, RecursionError):
        # one wrong line spoils the whole file for TOML: read it again table by table
        _read_pieces(file, pieces)
    return file


def dotted(keys: Keys) -> str:
    """Write the name of a table or key as TOML does."""
    return ".".join(key if _BARE.match(key) else _quoted(key) for key in keys)


def _quoted(key: str) -> str:
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in escaped) + '"'


def _read_text(file: ConfigFile) -> str | None:
    try:
        with file.path.open("rb") as stream:
            data = stream.read(LARGEST + 1)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else str(error)
        file.complain((), f"it cannot be read ({reason}); see who may read it")
        return None
    if len(data) > LARGEST:
        file.complain((), "it is larger than 1 MiB, so it is no configuration; name another file")
        return None
    try:
        # an editor on Windows may have put a byte-order mark first
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        file.complain((), "it is not in UTF-8; save it in that encoding", line)
        return None


@dataclass(frozen=True, slots=True)
class _Piece:
    """One table of a file: its header and what follows up to the next header."""

    line: int
    header: Keys | None  # () for what stands before the first header, None where unreadable
    lines: tuple[str, ...]


def _split(text: str) -> list[_Piece]:
    """Split a file before each line that opens a table."""
    pieces: list[_Piece] = []
    begin, quote = 1, ""
    lines: list[str] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not quote and line.lstrip().startswith("["):
            pieces.append(_Piece(begin, _header(lines), tuple(lines)))
            begin, lines = number, []
        lines.append(line)
        quote = _open_quote(line, quote)
    pieces.append(_Piece(begin, _header(lines), tuple(lines)))
    return pieces


def _open_quote(line: str, quote: str) -> str:
    """The marks of a text of several lines that is still open after a line, or ""."""
    for mark in re.findall(r'"""|\'\'\'', line):
        if not quote:
            quote = mark
        elif mark == quote:
            quote = ""
    return quote


def _header(lines: list[str]) -> Keys | None:
    if not lines or not lines[0].lstrip().startswith("["):
        return ()
    try:
        return _path_in(tomllib.loads(lines[0]))
    except (ValueError, RecursionError):
        return None


def _path_in(data: object) -> Keys:
    """Follow the only key of each table."""
    path: list[str] = []
    while isinstance(data, (dict, list)) and len(data) == 1:
        if isinstance(data, list):
            data = data[0]
            continue
        ((key, data),) = data.items()
        path.append(key)
    return tuple(path)


def _find_lines(file: ConfigFile, pieces: list[_Piece]) -> None:
    for piece in pieces:
        if piece.header is None:
            continue
        if piece.header:
            file.lines.setdefault(piece.header, piece.line)
        quote = ""
        for number, line in enumerate(piece.lines, start=piece.line):
            found = None if quote else _KEY.match(line)
            quote = _open_quote(line, quote)
            if found is None:
                continue
            try:
                keys = _path_in(tomllib.loads(f"{found[1]} = 0"))
            except ValueError:
                continue
            for depth in range(1, len(keys) + 1):
                file.lines.setdefault(piece.header + keys[:depth], number)


def _read_pieces(file: ConfigFile, pieces: list[_Piece]) -> None:
    """Read a file table by table, leaving out those that cannot be read."""
    file.is_partial = True
    begun: dict[Keys, int] = {}
    for piece in pieces:
        header = piece.header or ()
        try:
            data = tomllib.loads("\n".join(piece.lines))
        except RecursionError:
            file.complain(header, "its values are nested too deeply", piece.line)
            continue
        except ValueError as error:
            position = re.search(_POSITION, str(error))
            line = int(position[1]) if position and position[1] else len(piece.lines)
            message = re.sub(_POSITION, "", str(error))
            complaint = f"this is not TOML ({message}); correct it"
            file.complain(header, complaint, piece.line + line - 1)
            continue
        if header in begun:
            complaint = f"the same table begins in line {begun[header]}; rename or remove one"
            file.complain(header, complaint, piece.line)
            continue
        if header:
            begun[header] = piece.line
        _merge(file, file.data, data, ())


def _merge(file: ConfigFile, into: dict[str, Any], data: dict[str, Any], above: Keys) -> None:
    for key, value in data.items():
        old = into.setdefault(key, value)
        if old is value:
            continue
        if isinstance(old, dict) and isinstance(value, dict):
            _merge(file, old, value, (*above, key))
        else:
            file.complain((*above, key), "it is given twice; remove one")
