"""The part of a log that is held."""

from hypothesis import given
from hypothesis import strategies as st

from exauq_tui.app.log_buffer import LONGEST_LINE, LogBuffer


def lines(buffer: LogBuffer) -> list[bytes]:
    return [buffer.line(index) for index in range(len(buffer))]


def agrees(buffer: LogBuffer, log: bytes) -> bool:
    """Whether what is held is what stands there in the log, cut into lines at line breaks."""
    if buffer.start is None:
        return not len(buffer)
    held = log[buffer.start : buffer.end]
    fresh = LogBuffer(limit=len(log) + 1)
    fresh.begin(buffer.start, held, len(log))
    return (
        buffer.text() == held
        and buffer.offsets == fresh.offsets
        and b"".join(lines(buffer)) == held.replace(b"\n", b"")
    )


def test_lines_grow_over_the_borders_of_pieces() -> None:
    buffer = LogBuffer()
    buffer.append(0, b"one\ntw", 6)
    buffer.append(6, b"o\nthree\n", 14)
    assert lines(buffer) == [b"one", b"two", b"three"]
    assert list(buffer.offsets) == [0, 4, 8]
    assert [buffer.index_of(offset) for offset in (0, 3, 4, 13, 99)] == [0, 0, 1, 2, 2]


def test_empty_lines_are_lines() -> None:
    buffer = LogBuffer()
    buffer.append(0, b"\n\na\n", 4)
    assert lines(buffer) == [b"", b"", b"a"]


def test_a_piece_that_does_not_fit_on_starts_afresh() -> None:
    buffer = LogBuffer()
    buffer.append(0, b"old log\n", 8)
    assert not buffer.append(8, b"", 3)
    assert lines(buffer) == []
    assert buffer.start is None


def test_earlier_lines_are_put_before() -> None:
    buffer = LogBuffer()
    buffer.append(6, b"o\nthree\n", 14)
    assert buffer.prepend(0, b"one\ntw", 14)
    assert lines(buffer) == [b"one", b"two", b"three"]
    assert buffer.start == 0
    assert not buffer.prepend(0, b"again", 14)


def test_what_is_held_is_bounded_at_the_front_while_it_grows() -> None:
    buffer = LogBuffer(limit=1000)
    log = b"".join(b"line %d\n" % number for number in range(500))
    for offset in range(0, len(log), 90):
        piece = log[offset : offset + 90]
        buffer.append(offset, piece, offset + len(piece))
        assert len(buffer.text()) <= 1250
    assert buffer.line(len(buffer) - 1) == b"line 499"
    assert buffer.end == len(log)
    assert agrees(buffer, log)
    assert not buffer.has_room


def test_what_is_held_is_bounded_at_the_end_while_earlier_pieces_come() -> None:
    buffer = LogBuffer(limit=1000)
    log = b"".join(b"line %d\n" % number for number in range(500))
    buffer.begin(len(log) - 90, log[-90:], len(log))
    while buffer.start:
        offset = max(0, buffer.start - 90)
        assert buffer.prepend(offset, log[offset : buffer.start], len(log))
        assert len(buffer.text()) <= 1250
        assert agrees(buffer, log)
    assert buffer.line(0) == b"line 0"
    assert buffer.end < len(log)
    assert buffer.append(buffer.end, log[buffer.end : buffer.end + 90], len(log))
    assert agrees(buffer, log)


def test_a_line_without_end_is_several_lines() -> None:
    buffer = LogBuffer()
    buffer.append(0, b"x" * 10_000, 20_000)
    buffer.append(10_000, b"y" * 10_000, 20_000)
    assert max(map(len, lines(buffer))) <= LONGEST_LINE
    assert b"".join(lines(buffer)) == b"x" * 10_000 + b"y" * 10_000


piece = st.one_of(
    st.binary(max_size=300),
    st.integers(0, 3 * LONGEST_LINE).map(lambda size: b"z" * size),
    st.just(b"\n"),
)


@given(st.lists(piece, max_size=8), st.data())
def test_a_window_that_moves_to_and_fro_is_always_what_stands_there(
    pieces: list[bytes], data: st.DataObject
) -> None:
    log = b"".join(pieces)
    buffer = LogBuffer(limit=2000)
    begin = data.draw(st.integers(0, len(log)))
    buffer.begin(begin, log[begin : begin + 50], len(log))
    for upwards, size in data.draw(
        st.lists(st.tuples(st.booleans(), st.integers(1, 3000)), max_size=12)
    ):
        assert buffer.start is not None
        if upwards:
            start = max(0, buffer.start - size)
            buffer.prepend(start, log[start : buffer.start], len(log))
        else:
            buffer.append(buffer.end, log[buffer.end : buffer.end + size], len(log))
        assert agrees(buffer, log)
