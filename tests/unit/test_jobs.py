"""Inputs, ids and jobs, as HARDWARE.md has them."""

from __future__ import annotations

import copy
import math
import pickle
from decimal import Decimal
from fractions import Fraction
from numbers import Real

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import exauq_tui.hardware
from exauq_tui.jobs import Input, Job, JobId

BUSY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""Machines that run tests are busy."""

FINITE = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**30), 10**30)


@BUSY
@given(st.lists(FINITE))
def test_an_input_is_a_sequence_of_its_coordinates(coords: list[float]) -> None:
    data = Input(*coords)
    assert len(data) == len(coords)
    assert list(data) == coords
    assert data.value == (tuple(coords) or None)
    assert [data[index] for index in range(-len(coords), len(coords))] == coords * 2
    assert data[1:] == Input(*coords[1:])
    assert isinstance(data[::-1], Input)
    assert data == Input(*coords)
    assert hash(data) == hash(Input(*coords))
    assert eval(repr(data), {"Input": Input}) == data


@BUSY
@given(st.lists(FINITE, min_size=1))
def test_the_csv_line_holds_every_digit(coords: list[float]) -> None:
    words = Input(*coords).to_csv().split(",")
    assert [float(word) for word in words] == [float(coord) for coord in coords]
    assert words == [repr(coord) for coord in coords]


def test_an_empty_input_has_no_value() -> None:
    assert Input().value is None
    assert len(Input()) == 0
    assert Input().to_csv() == ""
    with pytest.raises(IndexError):
        Input()[0]


@pytest.mark.parametrize("coord", [None, "1", b"1", 1j, [1.0], True, Decimal(1), object()])
def test_what_is_no_real_number_is_a_type_error(coord: object) -> None:
    with pytest.raises(TypeError, match="coordinate 2"):
        Input(1.0, coord)  # type: ignore[arg-type]  # the point of the test


@pytest.mark.parametrize("coord", [math.nan, math.inf, -math.inf, 10**400, Fraction(10**400)])
def test_what_is_not_finite_is_a_value_error(coord: Real | float) -> None:
    with pytest.raises(ValueError, match="coordinate 1"):
        Input(coord)


def test_a_fraction_is_written_as_a_decimal_number() -> None:
    assert Input(Fraction(1, 4), 2).to_csv() == "0.25,2"


def test_inputs_are_immutable_and_equal_only_to_inputs() -> None:
    data = Input(1, 2)
    with pytest.raises(AttributeError):
        data.value = (3,)  # type: ignore[misc]  # the point of the test
    with pytest.raises(TypeError):
        data[0] = 3  # type: ignore[index]  # the point of the test
    assert data != (1, 2)
    assert data != Input(2, 1)
    assert Input(1) == Input(1.0)


@BUSY
@given(st.integers(0, 10**40))
def test_an_id_is_made_of_a_number_of_its_digits_and_of_another_id(number: int) -> None:
    assert JobId(number) == JobId(str(number)) == JobId(JobId(number))
    assert str(JobId(number)) == str(number)
    assert hash(JobId(number)) == hash(JobId(str(number)))


def test_leading_zeros_are_part_of_an_id() -> None:
    assert str(JobId("007")) == "007"
    assert JobId("007") != JobId(7)
    assert len({JobId("7"), JobId("07"), JobId(7)}) == 2


@pytest.mark.parametrize(
    "value",
    [
        -1,
        "",
        "-1",
        "+1",
        " 1",
        "1 ",
        "1\n",
        "1.0",
        "1_0",
        "x",
        "٣",
        "１",
        "²",
        1.0,
        None,
        True,
        b"1",
    ],
)
def test_anything_else_is_no_id(value: object) -> None:
    with pytest.raises(ValueError, match="is not a job id"):
        JobId(value)  # type: ignore[arg-type]  # the point of the test


def test_an_id_equals_only_ids() -> None:
    assert JobId(1) != "1"
    assert JobId(1) != 1


def test_a_job_is_a_value_of_its_four_parts() -> None:
    made = Job("01", Input(1.5), level=2, interface_name="hpc")
    assert (made.id, made.data, made.level) == (JobId("01"), Input(1.5), 2)
    assert made.interface_name == "hpc"
    assert made == Job(JobId("01"), Input(1.5), 2, "hpc")
    assert hash(made) == hash(Job("01", Input(1.5), 2, "hpc"))
    assert Job(1, Input(1.5)) == Job("1", Input(1.5), 1, None)
    for other in (
        Job("1", Input(1.5), 2, "hpc"),
        Job("01", Input(2.5), 2, "hpc"),
        Job("01", Input(1.5), 1, "hpc"),
        Job("01", Input(1.5), 2),
    ):
        assert made != other
    for name in ("id", "data", "level", "interface_name"):
        with pytest.raises(AttributeError):
            setattr(made, name, None)


def test_jobs_can_be_copied_and_pickled() -> None:
    made = Job("01", Input(1.5, 2), level=2)
    assert copy.deepcopy(made) == made
    assert pickle.loads(pickle.dumps(made)) == made


def test_the_job_types_are_also_names_of_the_library() -> None:
    assert exauq_tui.hardware.Job is Job
    assert exauq_tui.hardware.JobId is JobId
    assert exauq_tui.hardware.Input is Input
