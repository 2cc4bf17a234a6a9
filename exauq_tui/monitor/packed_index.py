"""Finds keys by a text or the like, in eight bytes for each: a dictionary takes five times that."""

from __future__ import annotations

from array import array
from bisect import bisect_left, insort
from collections.abc import Hashable, Iterable, Iterator

_KEY_BITS = 40
_KEY_MASK = (1 << _KEY_BITS) - 1
_HASH_MASK = (1 << (64 - _KEY_BITS)) - 1
_OFTEN = 4
"""So many keys at most have mostly the same hash."""

_FEW = 4000
_SHARE = 4
"""Once there are more changes than either, they are worked in, which goes through all."""


class PackedIndex:
    """Keys by a hash of a text each, or of something else that has one.

    Texts are not kept: where two of them have the same hash, both their keys are found, and
    whoever asks has to compare the texts.

    Args:
        items: Texts and keys to begin with; a key is less than 2**40.
    """

    def __init__(self, items: Iterable[tuple[Hashable, int]] = ()) -> None:
        packed = [_pack(text, key) for text, key in items]
        packed.sort()
        self._packed = array("Q", packed)
        self._new = array("Q")  # sorted like the other
        self._gone: set[int] = set()

    def __len__(self) -> int:
        return len(self._packed) + len(self._new) - len(self._gone)

    def __iter__(self) -> Iterator[int]:
        """All keys, in no order that matters."""
        for packed in self._packed:
            if packed not in self._gone:
                yield packed & _KEY_MASK
        for packed in self._new:
            yield packed & _KEY_MASK

    def find(self, text: Hashable) -> list[int]:
        """The keys of a text, and maybe some of others."""
        first = _pack(text, 0)
        found = _between(self._packed, first)
        if self._gone:
            found = [key for key in found if (first | key) not in self._gone]
        return found + _between(self._new, first) if self._new else found

    def alike(self) -> Iterator[list[int]]:
        """Keys whose texts have the same hash, all such together; what was just made is told."""
        start = 0
        packed = self._packed
        for at in range(1, len(packed) + 1):
            if at == len(packed) or packed[at] ^ packed[start] > _KEY_MASK:
                if at - start > 1:
                    yield [each & _KEY_MASK for each in packed[start:at]]
                start = at

    def add(self, text: Hashable, key: int) -> None:
        """Put a key in, which is not there with this text."""
        packed = _pack(text, key)
        if packed in self._gone:
            self._gone.discard(packed)
        else:
            insort(self._new, packed)
            self._work_in()

    def remove(self, text: Hashable, key: int) -> None:
        """Take a key out, which is there with this text."""
        packed = _pack(text, key)
        at = bisect_left(self._new, packed)
        if at < len(self._new) and self._new[at] == packed:
            del self._new[at]
        else:
            self._gone.add(packed)
            self._work_in()

    def _work_in(self) -> None:
        if len(self._new) + len(self._gone) > max(_FEW, len(self._packed) // _SHARE):
            gone = self._gone
            left = [packed for packed in self._packed if packed not in gone]
            self._packed = array("Q", sorted([*left, *self._new]))
            self._new, self._gone = array("Q"), set()


def _pack(text: Hashable, key: int) -> int:
    return (hash(text) & _HASH_MASK) << _KEY_BITS | key


def _between(packed: array[int], first: int) -> list[int]:
    """The keys that stand from a hash on to the next one."""
    at = bisect_left(packed, first)
    found: list[int] = []
    for each in packed[at : at + _OFTEN]:
        if each ^ first > _KEY_MASK:
            return found
        found.append(each & _KEY_MASK)
    end = bisect_left(packed, first + _KEY_MASK + 1, at)
    return [each & _KEY_MASK for each in packed[at:end]]
