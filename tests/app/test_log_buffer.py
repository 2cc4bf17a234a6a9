"""The part of a log that is held."""

from hypothesis import given
from hypothesis import strategies as st

from exauq_tui.app.log_buffer import LogBuffer


def test_lines_grow_over_the_borders_of_pieces() -> None:
    buffer = LogBuffer()
    buffer.append(0, b"one\ntw", 6)
    buffer.append(6, b"o\nthree\n", 14)
    assert buffer.lines == [b"one", b"two", b"three", b""]
    assert buffer.visible_lines() == 3


def test_a_piece_that_does_not_fit_on_starts_afresh() -> None:
    buffer = LogBuffer()
    buffer.append(0, b"old log\n", 8)
    assert not buffer.append(8, b"", 3)
    assert buffer.lines == []
    assert buffer.start is None


def test_earlier_lines_are_put_before() -> None:
    buffer = LogBuffer()
    buffer.append(6, b"o\nthree\n", 14)
    assert buffer.prepend(0, b"one\ntw") == 1
    assert buffer.lines == [b"one", b"two", b"three", b""]
    assert buffer.start == 0


def test_what_is_held_is_bounded() -> None:
    buffer = LogBuffer(limit=1000)
    offset = 0
    for number in range(500):
        line = b"line %d\n" % number
        buffer.append(offset, line, offset + len(line))
        offset += len(line)
    assert sum(map(len, buffer.lines)) <= 1300
    assert buffer.lines[-2] == b"line 499"
    assert buffer.end == offset
    assert buffer.start is not None
    assert buffer.dropped + len(buffer.lines) == 501
    assert buffer.start == buffer.end - len(b"\n".join(buffer.lines))


def test_a_line_without_end_is_bounded() -> None:
    buffer = LogBuffer()
    buffer.append(0, b"x" * 1_000_000, 1_000_000)
    assert len(buffer.lines[0]) < 100_000


@given(st.binary(max_size=300), st.lists(st.integers(1, 40), max_size=20))
def test_pieces_give_the_same_as_the_whole(data: bytes, cuts: list[int]) -> None:
    buffer = LogBuffer()
    at = 0
    for cut in [*cuts, len(data)]:
        piece = data[at : at + cut]
        buffer.append(at, piece, at + len(piece))
        at += len(piece)
    assert b"\n".join(buffer.lines) == data
