"""Keys in the order of values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exauq_tui.app import sorted_keys
from exauq_tui.app.sorted_keys import SortedKeys

values_strategy = st.none() | st.sampled_from([0.0, -0.0, 1, 2.5, float("inf"), float("-inf")])
rows_strategy = st.dictionaries(st.integers(1, 40), values_strategy)


def in_order(rows: dict[int, float | None], *, descending: bool) -> list[int]:
    valued = sorted((value, key) for key, value in rows.items() if value is not None)
    bare = sorted(key for key, value in rows.items() if value is None)
    if descending:
        return [key for _, key in reversed(valued)] + bare[::-1]
    return [key for _, key in valued] + bare


def check(keys: SortedKeys, rows: dict[int, float | None]) -> None:
    assert len(keys) == len(rows)
    for descending in (False, True):
        expected = in_order(rows, descending=descending)
        assert keys.listed(descending=descending) == expected
        for at, key in enumerate(expected):
            assert keys.key_at(at, descending=descending) == key
            assert keys.index_of((rows[key], key), descending=descending) == at


@pytest.mark.parametrize("splices", [0, 10_000])
@given(
    rows=rows_strategy,
    batches=st.lists(rows_strategy, max_size=4),
    gone=st.sets(st.integers(1, 40)),
)
def test_keys_that_come_go_and_move_stand_where_they_would_if_sorted_afresh(
    splices: int,
    rows: dict[int, float | None],
    batches: list[dict[int, float | None]],
    gone: set[int],
) -> None:
    keys = SortedKeys.of(rows, rows.__getitem__)
    check(keys, rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sorted_keys, "_SPLICES", splices)
        for batch in batches:
            old = [(rows[key], key) for key in batch if key in rows]
            keys.change(old, [(value, key) for key, value in batch.items()])
            rows = rows | batch
            check(keys, rows)
        left = {key: value for key, value in rows.items() if key not in gone}
        keys.change([(rows[key], key) for key in rows if key not in left], [])
        check(keys, left)


@given(rows=rows_strategy, size=st.integers(1, 7))
def test_parts_put_together_again_are_the_whole(rows: dict[int, float | None], size: int) -> None:
    keys = SortedKeys.of(rows, rows.__getitem__)
    again, odd = SortedKeys([], [], []), SortedKeys([], [], [])
    for part in keys.parts(size):
        assert len(part) <= size
        again.extend(part)
        odd.extend(part.keep(lambda key: bool(key % 2)))
    check(again, rows)
    check(odd, {key: value for key, value in rows.items() if key % 2})


def test_a_copy_is_changed_apart() -> None:
    keys = SortedKeys.of([1, 2, 3], {1: 5, 2: None, 3: 4}.get)
    copy = keys.copy()
    copy.change([(5, 1), (None, 2)], [])
    assert (keys.listed(), copy.listed()) == ([3, 1, 2], [3])
