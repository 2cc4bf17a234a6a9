"""The things that are sent to a simulator: an input vector, a job and its id."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from numbers import Real
from typing import overload

_ASCII_DIGITS = re.compile(r"[0-9]+\Z", re.ASCII)


class Input(Sequence[float]):
    """A point in a simulator's input space: an immutable sequence of finite numbers.

    Args:
        *coords: The coordinates, in the order in which the simulator takes them.

    Raises:
        TypeError: A coordinate is None or not a real number.
        ValueError: A coordinate is NaN or infinite.
    """

    __slots__ = ("_coords",)

    def __init__(self, *coords: Real | float) -> None:
        checked: list[Real | float] = []
        for position, coord in enumerate(coords, start=1):
            if isinstance(coord, bool) or not isinstance(coord, Real):
                raise TypeError(
                    f"coordinate {position} is {coord!r}, of type "
                    f"{type(coord).__name__}: expected a real number"
                )
            try:
                finite = math.isfinite(coord)
            except OverflowError as error:
                raise ValueError(f"coordinate {position} is too large for a float") from error
            if not finite:
                raise ValueError(f"coordinate {position} is {coord!r}: expected a finite number")
            checked.append(coord)
        self._coords = tuple(checked)

    @property
    def value(self) -> tuple[Real | float, ...] | None:
        """The coordinates as a tuple, or None when there are none."""
        return self._coords or None

    def __len__(self) -> int:
        return len(self._coords)

    @overload
    def __getitem__(self, index: int) -> float: ...
    @overload
    def __getitem__(self, index: slice) -> Input: ...
    def __getitem__(self, index: int | slice) -> float | Input:
        if isinstance(index, slice):
            return Input(*self._coords[index])
        return self._coords[index]  # type: ignore[return-value]  # any Real; float to callers

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Input):
            return NotImplemented
        return self._coords == other._coords

    def __hash__(self) -> int:
        return hash(self._coords)

    def __repr__(self) -> str:
        return f"Input({', '.join(map(repr, self._coords))})"

    def to_csv(self) -> str:
        """The one line, without its newline, that the simulator reads; no digit is lost."""
        return ",".join(_plain_repr(coord) for coord in self._coords)


def _plain_repr(coord: Real | float) -> str:
    """Write a number as Python would, also where it is a NumPy scalar or a fraction."""
    if isinstance(coord, int):
        return repr(int(coord))
    return repr(float(coord))


class JobId:
    """The id of a job: one or more ASCII digits, leading zeros being part of it.

    Args:
        id_: A non-negative int, a string of digits, or another JobId.

    Raises:
        ValueError: The value is none of these.
    """

    __slots__ = ("_digits",)

    def __init__(self, id_: int | str | JobId) -> None:
        if isinstance(id_, bool) or not isinstance(id_, (int, str, JobId)):
            raise ValueError(f"{id_!r} is not a job id: expected digits or a non-negative int")
        digits = str(id_)
        if not _ASCII_DIGITS.match(digits):
            raise ValueError(f"{id_!r} is not a job id: expected digits or a non-negative int")
        self._digits = digits

    def __str__(self) -> str:
        return self._digits

    def __repr__(self) -> str:
        return f"JobId({self._digits!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, JobId):
            return NotImplemented
        return self._digits == other._digits

    def __hash__(self) -> int:
        return hash(self._digits)


class Job:
    """One input to run a simulator with, under an id.

    Args:
        id_: The job's id.
        data: The input vector.
        level: The level of the simulator, a positive int.
        interface_name: The hardware interface that the job is meant for, if decided.
    """

    __slots__ = ("_data", "_id", "_interface_name", "_level")

    def __init__(
        self,
        id_: JobId | str | int,
        data: Input,
        level: int = 1,
        interface_name: str | None = None,
    ) -> None:
        self._id = JobId(id_)
        self._data = data
        self._level = level
        self._interface_name = interface_name

    @property
    def id(self) -> JobId:
        """The job's id."""
        return self._id

    @property
    def data(self) -> Input:
        """The input vector."""
        return self._data

    @property
    def level(self) -> int:
        """The level of the simulator."""
        return self._level

    @property
    def interface_name(self) -> str | None:
        """The name of the interface that the job is meant for, or None."""
        return self._interface_name

    def _key(self) -> tuple[JobId, Input, int, str | None]:
        return (self._id, self._data, self._level, self._interface_name)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Job):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return (
            f"Job({str(self._id)!r}, {self._data!r}, level={self._level}, "
            f"interface_name={self._interface_name!r})"
        )
