"""A filter as text: words and terms such as ``status:failed -server:lab x1>0.9`` (pure).

Spaces separate terms, quotes keep spaces together, a comma offers alternatives, a leading minus
negates. What the terms mean is told by `filters`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from exauq_tui.errors import FilterError

Operator = Literal["", ":", "<", "<=", ">", ">=", "=", "!="]

_OPENING = frozenset(":<>=!")

# Characters, each with whether it stood in quotes, which takes away any special meaning.
_Token = list[tuple[str, bool]]


@dataclass(frozen=True, slots=True)
class Term:
    """One condition of a filter.

    Attributes:
        name: What is compared, or "" for words that may stand anywhere.
        operator: How, or "" for words.
        values: The alternatives, at least one.
        negated: Whether the condition must not hold.
        quoted: Whether the name stood in quotes, which makes it an input's whatever it is.
    """

    name: str
    operator: Operator
    values: tuple[str, ...]
    negated: bool = False
    quoted: bool = False


def parse(text: str) -> tuple[Term, ...]:
    """Read the terms of a filter.

    Spaces around operators and commas do not count. A quote that was not closed yet
    goes to the end, and a comma after which nothing follows yet is passed over, so that what
    is being typed can be used already.

    Raises:
        FilterError: Something is missing; the message says what.
    """
    return tuple(_term(token) for token in _tokens(text))


def write(terms: Iterable[Term]) -> str:
    """Write terms so that `parse` reads the same."""
    return " ".join(map(_written, terms))


def _tokens(text: str) -> list[_Token]:
    """Split at spaces that are neither in quotes nor beside an operator or a comma."""
    tokens: list[_Token] = []
    token: _Token = []
    in_quotes = False
    at = 0
    while at < len(text):
        char = text[at]
        at += 1
        if char == '"':
            if in_quotes and text[at : at + 1] == '"':
                token.append(('"', True))
                at += 1
            else:
                in_quotes = not in_quotes
                token.append(("", True))  # so that quotes with nothing in them leave a trace
        elif in_quotes or not char.isspace():
            token.append((char, in_quotes))
        elif token and not _goes_on(token, text[at:].lstrip()):
            tokens.append(token)
            token = []
    return [*tokens, token] if token else tokens


def _goes_on(token: _Token, rest: str) -> bool:
    """Whether a term goes on after a space."""
    if token[-1] in {(mark, False) for mark in (*"<>=:", ",")}:
        return True
    return rest[:1] in {":", "<", ">", "=", ","} or rest[:2] == "!="


def _term(token: _Token) -> Term:
    negated = token[0] == ("-", False)
    if negated:
        token = token[1:]
    if not token:
        raise FilterError('After "-" comes what is not wanted, such as -status:failed')
    found = _operator(token)
    if found is None:
        return Term("", "", _values(token, ""), negated)
    start, length, operator = found
    left = token[:start]
    name = _plain(left)
    if not name:
        raise FilterError(
            f'Before "{operator}" comes what is compared, such as status:failed or output>3'
        )
    values = _values(token[start + length :], name + operator)
    return Term(name, operator, values, negated, any(quoted for _, quoted in left))


def _operator(token: _Token) -> tuple[int, int, Operator] | None:
    """Find the first operator that does not stand in quotes: where, how long, which."""
    for at, (char, quoted) in enumerate(token):
        if quoted or char not in _OPENING:
            continue
        length = 2 if token[at + 1 : at + 2] == [("=", False)] else 1
        match char, length:
            case ":", _:
                return at, 1, ":"
            case "<", _:
                return at, length, "<=" if length == 2 else "<"
            case ">", _:
                return at, length, ">=" if length == 2 else ">"
            case "=", _:
                return at, length, "="  # == is what programs write
            case "!", 2:
                return at, 2, "!="
    return None


def _values(token: _Token, before: str) -> tuple[str, ...]:
    """Split at commas; what is empty counts only in quotes."""
    parts: list[_Token] = [[]]
    for char, quoted in token:
        if (char, quoted) == (",", False):
            parts.append([])
        else:
            parts[-1].append((char, quoted))
    values = tuple(_plain(part) for part in parts if part)
    if values:
        return values
    if before:
        raise FilterError(f'After "{before}" comes a value')
    raise FilterError("Beside a comma come the alternatives, such as status:failed,cancelled")


def _plain(token: _Token) -> str:
    return "".join(char for char, _ in token)


def _written(term: Term) -> str:
    sign = "-" if term.negated else ""
    name = _in_quotes(term.name) if term.quoted else term.name
    values = ",".join(_value_written(value, is_word=not term.operator) for value in term.values)
    return f"{sign}{name}{term.operator}{values}"


def _value_written(value: str, *, is_word: bool) -> str:
    special = _OPENING | {",", '"'}
    if not value or any(char in special or char.isspace() for char in value):
        return _in_quotes(value)
    if is_word and value[0] == "-":
        return _in_quotes(value)
    return value


def _in_quotes(text: str) -> str:
    doubled = text.replace('"', '""')
    return f'"{doubled}"'
