"""Submission tokens of jobs, in nine bytes each: as texts they take eighty."""

from __future__ import annotations

_BYTES = 8
_BITS = 6
_SIZE = 1 << _BITS
_LAST = _SIZE - 1
_NONE = bytes(_BYTES)


class PackedTokens:
    """Tokens by the keys of jobs, of the kind that we make: sixteen hexadecimal digits."""

    def __init__(self) -> None:
        self._pages: dict[int, bytearray] = {}

    def put(self, key: int, token: str) -> bool:
        """Keep the token of a job, where it is of that kind; tells whether it is."""
        data = _packed(token)
        if data is None:
            self.drop(key)
            return False
        page = self._pages.get(key >> _BITS)
        if page is None:
            page = self._pages[key >> _BITS] = bytearray(_SIZE * _BYTES)
        at = (key & _LAST) * _BYTES
        page[at : at + _BYTES] = data
        return True

    def get(self, key: int) -> str:
        """The token of a job, or "" where none is kept."""
        page = self._pages.get(key >> _BITS)
        if page is None:
            return ""
        at = (key & _LAST) * _BYTES
        data = page[at : at + _BYTES]
        return "" if data == _NONE else data.hex()

    def drop(self, key: int) -> None:
        """Keep the token of a job no longer."""
        page = self._pages.get(key >> _BITS)
        if page is not None:
            at = (key & _LAST) * _BYTES
            page[at : at + _BYTES] = _NONE
            if not any(page):
                del self._pages[key >> _BITS]


def _packed(token: str) -> bytes | None:
    try:
        data = bytes.fromhex(token)
    except ValueError:
        return None
    # Not so where another text would come back.
    return data if data.hex() == token and len(data) == _BYTES and data != _NONE else None
