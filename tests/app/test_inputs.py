"""Reading input vectors from a line or a CSV file."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exauq_tui.errors import InputError
from exauq_tui.jobs import Input
from exauq_tui.monitor.inputs import BadLine, parse_number, parse_row, read_csv, read_rows

NAMES = ("x1", "x2", "x3")


@pytest.mark.parametrize(
    "text", ["1,-2,0.5", "1, -2, .5", " 1\t-2  0.5 ", "1;-2;5e-1", "1 ,-2 ,0.5"]
)
def test_numbers_may_be_separated_in_several_ways(text: str) -> None:
    assert parse_row(text, NAMES) == Input(1, -2, 0.5)


def test_whole_numbers_stay_whole() -> None:
    assert parse_row("3,3.0").to_csv() == "3,3.0"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1,2", "2 values given, 3 expected (x1, x2, x3)"),
        ("1,2,3,4", "4 values given, 3 expected (x1, x2, x3)"),
        ("1,abc,3", "x2: 'abc' is not a number"),
        ("1,,3", "x2: a value is missing"),
        ("1,nan,3", "x2: NaN is not a number to run a simulator with"),
        ("1,2,-inf", "x3: '-inf' is infinite or too large for a number"),
        ("1,2,1e999", "x3: '1e999' is infinite or too large for a number"),
        ("1,2,1_000", "x3: '1_000' is not a number"),
        ("1,2,٣", "x3: '٣' is not a number"),
        ("1,2," + "9" * 350, "x3: '" + "9" * 29 + "…' is too large for a number"),
        ("1,2," + "9" * 500, "x3: '" + "9" * 29 + "…' is too long for a number"),
    ],
)
def test_a_bad_row_is_refused_with_the_name_of_the_input(text: str, reason: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_row(text, NAMES)
    assert str(caught.value) == reason


def test_a_column_without_a_name_is_told_by_its_number() -> None:
    with pytest.raises(InputError, match="column 2: 'a' is not a number"):
        parse_row("1,a")


def test_comments_blank_lines_and_windows_ends_are_passed_over() -> None:
    text = "\ufeff# a design\r\nx1,x2,x3\r\n\r\n1,2,3 # first\r\n4,5,6\r\n"
    assert read_csv(text, NAMES) == (Input(1, 2, 3), Input(4, 5, 6))


def test_a_header_in_another_order_reorders() -> None:
    assert read_csv("x3,x1,x2\n3,1,2\n", NAMES) == (Input(1, 2, 3),)


def test_names_that_look_like_numbers_are_a_header_too() -> None:
    assert read_csv("2,1\n20,10\n", ("1", "2")) == (Input(10, 20),)


def test_without_names_the_first_line_decides_the_dimension() -> None:
    assert read_csv("a,b\n1,2\n") == (Input(1, 2),)
    with pytest.raises(InputError, match="line 2: 3 values given, 2 expected"):
        read_csv("1,2\n1,2,3\n")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x1,x2,y\n1,2,3\n", "line 1: the header names 'y', but the inputs are x1, x2, x3"),
        ("x1,x2\n1,2\n", "line 1: the header lacks x3"),
        ("x1,x1,x2\n", "line 1: the header names 'x1' twice"),
        ("1,2,3\n\n# no\n1,2,x\n", "line 4: x3: 'x' is not a number"),
        ("x3,x1,x2\n1,nan,2\n", "line 2: x1: NaN is not a number to run a simulator with"),
        ("1,2,3\nx1,x2,x3\n", "line 2: x1: 'x1' is not a number"),
        ("\n# nothing\n", "there is no line with numbers in it"),
        ("x1,x2,x3\n", "there is no line with numbers in it"),
    ],
)
def test_a_bad_file_is_refused_with_the_line_s_number(text: str, reason: str) -> None:
    with pytest.raises(InputError) as caught:
        read_csv(text, NAMES)
    assert str(caught.value) == reason


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "design one.csv"
    path.write_bytes(b"\xef\xbb\xbfx1;x2;x3\r\n1;2;3\r\n")
    assert read_csv(path, NAMES) == (Input(1, 2, 3),)
    assert read_csv(str(path), NAMES) == (Input(1, 2, 3),)


def test_what_is_not_a_readable_file_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\x01")
    for name, reason in [
        ("none.csv", "there is no such file"),
        ("", "is a directory, not a CSV file"),
        ("binary.csv", "is not text in UTF-8"),
        ("a\0b", "a\0b"),
    ]:
        with pytest.raises(InputError) as caught:
            read_csv(tmp_path / name)
        assert reason in str(caught.value)


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**300), 10**300))
def test_a_number_that_was_written_is_read_back(value: float) -> None:
    assert parse_number(repr(value)) == value


@given(st.text(max_size=80))
def test_no_text_gives_another_error(text: str) -> None:
    with suppress(InputError):
        read_csv(text + "\n", NAMES)


def test_good_lines_are_read_past_bad_ones_with_all_their_reasons() -> None:
    rows = read_rows("x1,x2,x3\n1,2,3\n1,2\n\n# no\n4,5,6\n1,x,3\n", NAMES)
    assert rows.points == (Input(1, 2, 3), Input(4, 5, 6))
    assert rows.lines == (2, 6)
    assert rows.bad == (
        BadLine(3, "2 values given, 3 expected (x1, x2, x3)"),
        BadLine(7, "x2: 'x' is not a number"),
    )
    assert rows.bad_count == 2


def test_the_reasons_of_some_dozen_bad_lines_are_kept_and_all_are_counted() -> None:
    rows = read_rows("1,2,3\n" + "1,2\n" * 1000, NAMES)
    assert (len(rows.points), len(rows.bad), rows.bad_count) == (1, 50, 1000)


def test_a_header_that_cannot_be_makes_the_whole_table_unreadable() -> None:
    with pytest.raises(InputError, match="line 1: the header lacks x3"):
        read_rows("x1,x2\n1,2,3\n", NAMES)
    with pytest.raises(InputError, match="there is no line with numbers in it"):
        read_rows("", NAMES)


def test_one_row_of_text_needs_no_line_break(tmp_path: Path) -> None:
    assert read_rows("1,2,3").points == (Input(1, 2, 3),)
    path = tmp_path / "one.csv"
    path.write_text("4,5,6")
    assert read_rows(path).points == (Input(4, 5, 6),)


@given(st.text(alphabet="01.,-x\n#;", max_size=80))
def test_lines_are_good_or_bad_as_read_csv_has_it(text: str) -> None:
    with suppress(InputError):
        rows = read_rows(text)
        if rows.bad:
            with pytest.raises(InputError) as caught:
                read_csv(text + "\n")
            first = rows.bad[0]
            assert str(caught.value) == f"line {first.line}: {first.reason}"
        else:
            assert read_csv(text + "\n") == rows.points
