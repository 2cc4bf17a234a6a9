"""From text that a person typed, or a CSV file, to input vectors.

The dashboard's form and the command line read the same words by these functions.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from exauq_tui.errors import InputError
from exauq_tui.jobs import Input

_SEPARATORS = re.compile(r"\s*[,;\t]\s*|\s+")
_INTEGER = re.compile(r"[+-]?[0-9]+\Z", re.ASCII)
# Python's float() also takes underscores and digits of other scripts: not meant by anybody here.
_FLOAT = re.compile(
    r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\Z|[+-]?(?:nan|inf(?:inity)?)\Z",
    re.ASCII | re.IGNORECASE,
)
_MAX_BYTES = 256 * 1024 * 1024
_MAX_DIGITS = 400
_MOST_NAMES = 12
_NOTHING = "there is no line with numbers in it"


def parse_number(text: str) -> float:
    """Read one coordinate; whole numbers stay whole.

    Raises:
        InputError: The text is not a finite number; the message says which way.
    """
    text = text.strip()
    if not text:
        raise InputError("a value is missing")
    if len(text) > _MAX_DIGITS:
        raise InputError(f"{_shown(text)} is too long for a number")
    if _INTEGER.match(text):
        whole = int(text)
        try:
            float(whole)
        except OverflowError as error:
            raise InputError(f"{_shown(text)} is too large for a number") from error
        return whole
    if not _FLOAT.match(text):
        raise InputError(f"{_shown(text)} is not a number")
    value = float(text)
    if math.isnan(value):
        raise InputError("NaN is not a number to run a simulator with")
    if math.isinf(value):
        raise InputError(f"{_shown(text)} is infinite or too large for a number")
    return value


def parse_row(text: str, names: Sequence[str] = ()) -> Input:
    """Read one input vector from numbers separated by commas, semicolons or spaces.

    Args:
        text: The numbers.
        names: Names of the simulator's inputs; their number is the dimension. () accepts any.

    Raises:
        InputError: A number cannot be read, or there are too few or too many.
    """
    return _row(_fields(text), names)


def read_csv(source: str | Path, names: Sequence[str] = ()) -> tuple[Input, ...]:
    r"""Read input vectors from a CSV file, one a line.

    Spaces, tabs or semicolons may stand for the commas. Blank lines, what follows a ``#``, a
    byte order mark and Windows line ends are passed over. A first line of names is a header:
    it may give the inputs in another order than the profile, but must give exactly those.

    Args:
        source: A path; or the text itself, which is what a str holding a line break is.
        names: Names of the simulator's inputs; their number is the dimension. () accepts any
            number of columns, the same on every line.

    Returns:
        The input vectors, in the order of the lines; never empty.

    Raises:
        InputError: The file cannot be read, or a line of it; the message starts with the
            line's number ("line 7: ...") and nothing is returned.
    """
    rows: list[Input] = []
    for position, row in _parse(_text_of(source), names):
        if isinstance(row, InputError):
            raise _in_line(position, row) from row
        rows.append(row)
    if not rows:
        raise InputError(_NOTHING)
    return tuple(rows)


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that holds no input vector.

    Attributes:
        line: Its number, from 1.
        reason: Why.
    """

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Rows:
    """What was read of a table, with what could not be.

    Attributes:
        points: The input vectors of the good lines.
        lines: Their lines' numbers, from 1.
        bad: The first of the bad lines.
        bad_count: How many bad lines there are.
    """

    points: tuple[Input, ...] = ()
    lines: tuple[int, ...] = ()
    bad: tuple[BadLine, ...] = ()
    bad_count: int = 0


def read_rows(source: str | Path, names: Sequence[str] = (), most_bad: int = 50) -> Rows:
    """Read input vectors as `read_csv` does, but go on after a bad line.

    Args:
        source: A path, or the text itself where it is a str.
        names: Names of the simulator's inputs; () accepts any number of columns.
        most_bad: Of how many bad lines to keep the reason.

    Raises:
        InputError: The file cannot be read, or its header, so that no line means anything;
            or there is no line in it.
    """
    points: list[Input] = []
    lines: list[int] = []
    bad: list[BadLine] = []
    bad_count = 0
    for position, row in _parse(source if isinstance(source, str) else _read(source), names):
        if not isinstance(row, InputError):
            points.append(row)
            lines.append(position)
            continue
        bad_count += 1
        if bad_count <= most_bad:
            bad.append(BadLine(position, str(row)))
    if not points and not bad:
        raise InputError(_NOTHING)
    return Rows(tuple(points), tuple(lines), tuple(bad), bad_count)


def _in_line(position: int, error: InputError) -> InputError:
    return InputError(f"line {position}: {error}")


def _text_of(source: str | Path) -> str:
    return source if isinstance(source, str) and "\n" in source else _read(Path(source))


def _parse(text: str, names: Sequence[str]) -> Iterator[tuple[int, Input | InputError]]:
    """Read line by line; a line's number comes with its input vector, or with what is wrong."""
    order: list[int] | None = None
    expected = tuple(names)
    first = True
    for position, line in enumerate(text.removeprefix("\ufeff").splitlines(), start=1):
        fields = _fields(line.split("#", 1)[0])
        if not fields:
            continue
        if first and _is_header(fields, expected):
            try:
                order = _header_order(fields, expected)
            except InputError as error:
                raise _in_line(position, error) from error  # what is below would be misread
            expected = tuple(fields)
            first = False
            continue
        first = False
        try:
            row = _row(fields, expected)
        except InputError as error:
            yield position, error
            continue
        if not expected:
            expected = tuple(f"x{column}" for column in range(1, len(row) + 1))
        yield position, row if order is None else Input(*(row[column] for column in order))


def _read(path: Path) -> str:
    """Read a text file, with what can go wrong put into words."""
    path = path.expanduser()
    try:
        if path.is_dir():
            raise InputError(f"{path} is a directory, not a CSV file")
        if not path.is_file():
            # A pipe or a device would be waited for without end.
            raise InputError(f"{path}: there is no such file")
        if path.stat().st_size > _MAX_BYTES:
            raise InputError(f"{path} is larger than {_MAX_BYTES // 1024 // 1024} MiB")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not text in UTF-8") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a path"
        raise InputError(f"{path}: {reason or error}") from error


def _fields(line: str) -> list[str]:
    """Split a line at commas (spaces around them do not count), or else at spaces."""
    line = line.strip()
    if not line:
        return []
    if "," in line or ";" in line:
        return [field.strip().strip('"').strip() for field in re.split("[,;]", line)]
    return [field.strip('"') for field in _SEPARATORS.split(line)]


def _is_header(fields: Sequence[str], names: Sequence[str]) -> bool:
    """Tell a line of names: none of its fields could be meant as a number."""
    if names and set(fields) == set(names):
        return True
    return all(field and not _FLOAT.match(field) and field[0].isalpha() for field in fields)


def _header_order(fields: Sequence[str], names: Sequence[str]) -> list[int] | None:
    """Find which column holds each input, in the order that the simulator takes them."""
    doubled = sorted({field for field in fields if fields.count(field) > 1})
    if doubled:
        raise InputError(f"the header names {_shown(doubled[0])} twice")
    if not names:
        return None
    unknown = [field for field in fields if field not in names]
    if unknown:
        listed = ", ".join(_shown(field) for field in unknown[:3])
        raise InputError(f"the header names {listed}, but the inputs are {', '.join(names)}")
    missing = [name for name in names if name not in fields]
    if missing:
        raise InputError(f"the header lacks {', '.join(missing)}")
    return [fields.index(name) for name in names]


def _row(fields: Sequence[str], names: Sequence[str]) -> Input:
    """Read the fields of one line, checking their number."""
    if names and len(fields) != len(names):
        raise InputError(
            f"{len(fields)} {'value' if len(fields) == 1 else 'values'} given, "
            f"{len(names)} expected ({_listed(names)})"
        )
    if not fields:
        raise InputError("a value is missing")
    values: list[float] = []
    for column, field in enumerate(fields, start=1):
        try:
            values.append(parse_number(field))
        except InputError as error:
            where = names[column - 1] if names else f"column {column}"
            raise InputError(f"{where}: {error}") from error
    return Input(*values)


def _listed(names: Sequence[str]) -> str:
    """List names for a message, cut short."""
    more = f", … {names[-1]}" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more


def _shown(text: str) -> str:
    """Quote a piece of input for a message, cut short."""
    return repr(text if len(text) <= 30 else text[:29] + "…")
