"""Which jobs a filter selects: the meaning of the terms that `filter_text` reads (pure).

The dashboard's field and the command line's ``--filter`` take the same language.
"""

from __future__ import annotations

import difflib
import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from exauq_tui.errors import FilterError, InputError
from exauq_tui.hardware.status import JobStatus
from exauq_tui.monitor import spans
from exauq_tui.monitor.filter_text import Term, parse
from exauq_tui.monitor.snapshot import JobRow, ServerView

Test = Callable[[JobRow, float], bool]
"""Tells whether a row fulfils a term at a time, in seconds since 1970."""

_TEXTS = ("status", "server", "batch", "id")
_NUMBERS: Mapping[str, Callable[[JobRow], float | None]] = {
    "level": lambda row: row.level,
    "output": lambda row: row.output,
    "try": lambda row: row.try_number,
    "exit": lambda row: row.exit_code,
}
_SPANS = ("age", "ran")
NAMES = (*_TEXTS, *_NUMBERS, *_SPANS)
"""What can be compared, beside the inputs."""

_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    ":": operator.eq, "=": operator.eq, "!=": operator.eq,
}  # fmt: skip

_STATUS_NAMES = {status.value.lower(): status for status in JobStatus}
_UNITS = {"w": 604800.0, "d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
_BELOW = {"w": "d", "d": "h", "h": "m", "m": "s"}
# Compiled when the first filter is typed: the first picture comes sooner.
_SPAN = r"(?:[0-9]+(?:\.[0-9]+)?[wdhms])+(?:[0-9]{1,2})?"
_SPAN_PART = r"([0-9]+(?:\.[0-9]+)?)([wdhms]?)"
_POSITION = r"x([1-9][0-9]{0,5})"


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The names that a filter may use.

    Attributes:
        servers: The servers that jobs are on.
        inputs: Server to the names of its simulator's inputs, () where these have no names.
    """

    servers: frozenset[str] = frozenset()
    inputs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def input_names(self) -> tuple[str, ...]:
        """Every input's name, in order."""
        return tuple(dict.fromkeys(name for names in self.inputs.values() for name in names))


def vocabulary(views: Iterable[ServerView], others: Iterable[str] = ()) -> Vocabulary:
    """The names that there are: those of servers, and of others that only have jobs left."""
    inputs = {view.name: view.input_names for view in views}
    return Vocabulary(frozenset(inputs) | frozenset(others), inputs)


@dataclass(frozen=True, slots=True)
class _Span:
    """A span of time in a term: what makes it come true, or no longer true, by itself."""

    begin: Callable[[JobRow], float | None]
    seconds: float
    inclusive: bool

    def change(self, row: JobRow) -> float | None:
        """When the comparison turns for a row: the first instant at which it is otherwise."""
        begin = self.begin(row)
        if begin is None:
            return None
        instant = begin + self.seconds
        return math.nextafter(instant, math.inf) if self.inclusive else instant


@dataclass(frozen=True, slots=True)
class Query:
    """A filter that was understood.

    Attributes:
        text: What was written.
        tests: One for each term; a row is selected where all hold.
        spans: Those of its terms that depend on the time.
    """

    text: str = ""
    tests: tuple[Test, ...] = ()
    spans: tuple[_Span, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.tests)

    def matches(self, row: JobRow, now: float) -> bool:
        """Whether a row is selected at a time, in seconds since 1970."""
        for test in self.tests:  # noqa: SIM110 - half the time of all(), and there are many rows
            if not test(row, now):
                return False
        return True

    def next_change(self, row: JobRow, now: float) -> float | None:
        """When time alone may change whether a row is selected; None for never."""
        changes = (span.change(row) for span in self.spans)
        return min((at for at in changes if at is not None and at > now), default=None)


def understand(text: str, names: Vocabulary) -> Query:
    """Make a query of what somebody wrote.

    Raises:
        FilterError: It cannot be understood; the message is one sentence that says what to
            write instead.
    """
    tests: list[Test] = []
    found: list[_Span] = []
    for term in parse(text):
        test, more = _meaning(term, names)
        tests.append(_not(test) if term.negated else test)
        found += more
    return Query(text, tuple(tests), tuple(found))


def is_unfinished(text: str, names: Vocabulary) -> bool:
    """Whether a filter ends in what may become a term, such as the ``x1`` of ``x1>0.9``.

    Raises:
        FilterError: It cannot be understood.
    """
    terms = parse(text)
    if not terms or terms[-1].name or text[-1:].isspace():
        return False
    word = terms[-1].values[-1].lower()
    return any(name.lower().startswith(word) for name in (*NAMES, *names.input_names))


def _not(test: Test) -> Test:
    return lambda row, now: not test(row, now)


def _meaning(term: Term, names: Vocabulary) -> tuple[Test, tuple[_Span, ...]]:
    """The test that a term stands for, and what in it depends on the time."""
    if not term.name:
        return _words(term.values), ()
    name = term.name.lower()
    if not term.quoted:
        if name in _TEXTS:
            return _text(name, term, names), ()
        if name in _NUMBERS:
            return _number(_NUMBERS[name], term), ()
        if name in _SPANS:
            return _span(name, term)
    return _number(_input(term, names), term), ()


# Words and text


def _words(values: tuple[str, ...]) -> Test:
    """Whether one of several words is in a row's id, status, server or batch."""
    words = tuple(value.lower().removeprefix("…") for value in values)
    statuses = frozenset(
        status for status in JobStatus if any(word in status.value.lower() for word in words)
    )
    has_word = _Memo(words)

    def test(row: JobRow, _now: float) -> bool:
        return (
            row.status in statuses
            or has_word[row.server]
            or has_word[row.batch]
            or any(word in row.job_id for word in words)
        )

    def has_it(row: JobRow, _now: float) -> bool:
        return (
            row.status in statuses
            or has_word[row.server]
            or has_word[row.batch]
            or word in row.job_id
        )

    if len(words) == 1:
        (word,) = words
        return has_it
    return test


class _Memo(dict[str, bool]):
    """Remembers of few texts, which many rows share, whether a word is in them."""

    def __init__(self, words: tuple[str, ...]) -> None:
        super().__init__()
        self._words = words

    def __missing__(self, text: str) -> bool:
        lowered = text.lower()
        self[text] = found = any(word in lowered for word in self._words)
        return found


def _text(name: str, term: Term, names: Vocabulary) -> Test:
    """Whether a row's status, server, batch or id is one of those that are named."""
    if term.operator not in (":", "=", "!="):
        value = term.values[0]
        raise FilterError(f'"{name}" has no order: write {name}:{value} or -{name}:{value}')
    test: Test
    if name == "status":
        statuses = frozenset().union(*map(_statuses, term.values))
        test = lambda row, _now: row.status in statuses  # noqa: E731
    elif name == "server":
        servers = frozenset().union(*(_servers(value, names) for value in term.values))
        test = lambda row, _now: row.server in servers  # noqa: E731
    elif name == "batch":
        batches = _Memo(tuple(value.lower() for value in term.values if value))
        batches[""] = "" in term.values
        test = lambda row, _now: batches[row.batch]  # noqa: E731
    else:
        ids = tuple(value.removeprefix("…") for value in term.values)
        test = lambda row, _now: any(part in row.job_id for part in ids)  # noqa: E731
    return _not(test) if term.operator == "!=" else test


def _statuses(value: str) -> frozenset[JobStatus]:
    """The status of that name, or else all that begin so."""
    wanted = value.lower().replace("_", " ").replace("-", " ").strip()
    if wanted in _STATUS_NAMES:
        return frozenset({_STATUS_NAMES[wanted]})
    found = {status for name, status in _STATUS_NAMES.items() if wanted and name.startswith(wanted)}
    if found:
        return frozenset(found)
    near = difflib.get_close_matches(wanted, _STATUS_NAMES, n=1)
    known = ", ".join(name.replace(" ", "-") for name in _STATUS_NAMES)
    hint = f"did you mean {near[0].replace(' ', '-')}?" if near else f"there are {known}"
    raise FilterError(f'There is no status "{value}"; {hint}')


def _servers(value: str, names: Vocabulary) -> frozenset[str]:
    """The server of that name, or else all that have it in theirs."""
    wanted = value.lower()
    exact = frozenset(name for name in names.servers if name.lower() == wanted)
    found = exact or frozenset(name for name in names.servers if wanted in name.lower())
    if found:
        return found
    known = sorted(names.servers)
    near = difflib.get_close_matches(value, known, n=1)
    if near:
        hint = f"did you mean {near[0]}?"
    else:
        hint = f"there are {', '.join(known[:6])}" if known else "there are none"
    raise FilterError(f'There is no server "{value}"; {hint}')


# Numbers


def _number(value_of: Callable[[JobRow], float | None], term: Term) -> Test:
    """Compare a row's number; where it has none, no comparison holds."""
    numbers = tuple(_parsed(value, term) for value in term.values)
    compare = _COMPARE[term.operator]
    unequal = term.operator == "!="

    def test(row: JobRow, _now: float) -> bool:
        value = value_of(row)
        if value is None or value != value:  # NaN is no number either
            return False
        return any(compare(value, number) for number in numbers) is not unequal

    return test


def _parsed(text: str, term: Term) -> float:
    from exauq_tui.monitor.inputs import parse_number  # noqa: PLC0415 - see _SPAN

    stripped = text.strip().lower()
    if stripped.lstrip("+-") in ("inf", "infinity"):
        return -math.inf if stripped.startswith("-") else math.inf
    try:
        return parse_number(text)
    except InputError as error:
        raise FilterError(
            f'"{text}" is not a number: write for example {term.name}{term.operator}0.5'
        ) from error


def _input(term: Term, names: Vocabulary) -> Callable[[JobRow], float | None]:
    """Find an input by the name that it has on each server, or by its position: x1, x2, ..."""
    known = names.input_names
    name = term.name
    if name not in known:
        name = next((each for each in known if each.lower() == name.lower()), name)
    positions = {
        server: those.index(name) for server, those in names.inputs.items() if name in those
    }
    by_position = re.fullmatch(_POSITION, term.name.lower())
    position = int(by_position[1]) - 1 if by_position else None
    most = max(map(len, names.inputs.values()), default=0)
    is_certain = bool(names.inputs) and all(names.inputs.values())
    if not positions and (position is None or (is_certain and position >= most)):
        raise FilterError(_no_such_name(term, known))

    def value(row: JobRow) -> float | None:
        at = positions.get(row.server, position)
        return row.inputs[at] if at is not None and at < len(row.inputs) else None

    return value


def _no_such_name(term: Term, inputs: tuple[str, ...]) -> str:
    """Say that a name is neither a known one nor an input's, and what might be meant."""
    known = (*NAMES, *inputs)
    near = difflib.get_close_matches(term.name.lower(), known, n=1)
    if near:
        return f'There is no "{term.name}" to compare; did you mean {near[0]}{term.operator}?'
    listed = ", ".join((*NAMES, *(inputs[:6] or ("x1", "x2"))))
    quoted = f'"{term.name}{term.operator}{term.values[0]}"'
    return f'There is no "{term.name}": there are {listed}; words go in quotes, {quoted}'


# Spans of time


def _span(name: str, term: Term) -> tuple[Test, tuple[_Span, ...]]:
    """Compare a row's age, or how long it ran or has been running."""
    if term.operator not in ("<", "<=", ">", ">="):
        raise FilterError(f"Time goes on: write {name}<{term.values[0]} or {name}>{term.values[0]}")
    begin = spans.set_up if name == "age" else spans.running_since
    parts = tuple(
        _Span(begin, seconds_of(value, f"{name}{term.operator}"), term.operator in ("<=", ">"))
        for value in term.values
    )
    compare = _COMPARE[term.operator]

    def test(row: JobRow, now: float) -> bool:
        since = begin(row)
        if since is not None:
            # By instants, as the same sum tells when it changes.
            return any(compare(now, since + part.seconds) for part in parts)
        if name == "age":
            return False
        ran = spans.ran(row)
        return ran is not None and any(compare(ran, part.seconds) for part in parts)

    return test, parts


def seconds_of(text: str, before: str = "age<") -> float:
    """Read a span of time: 90s, 10m, 1h30m, 2d; also as the table has it, 4m12.

    Args:
        text: What was written.
        before: What stood before it, for the message.

    Raises:
        FilterError: It is not a span of time; the message says how one is written.
    """
    lowered = text.strip().lower()
    if not re.fullmatch(_SPAN, lowered):
        number = lowered if re.fullmatch(r"\d{1,6}", lowered, re.ASCII) else "2"
        raise FilterError(
            f'"{text}" is not a span of time: write {before}{number}h, or s, m, d for h'
        )
    seconds = 0.0
    unit = "s"
    for number, given in re.findall(_SPAN_PART, lowered):
        unit = given or _BELOW.get(unit, "s")
        seconds += float(number) * _UNITS[unit]
    return seconds
