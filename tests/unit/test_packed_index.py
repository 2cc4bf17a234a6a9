"""Keys by texts, in eight bytes for each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exauq_tui.monitor import packed_index
from exauq_tui.monitor.packed_index import PackedIndex

texts = st.sampled_from(["", "a", "b", "20261125195902777", "20261125195902778", "\udcff"])
keys = st.integers(0, 30) | st.just(2**40 - 1)
texts_of_keys = st.dictionaries(keys, texts, max_size=30)


def check(index: PackedIndex, expected: dict[int, str]) -> None:
    assert len(index) == len(expected)
    assert sorted(index) == sorted(expected)
    for text in {"never there", *expected.values()}:
        # Texts may share a hash by chance: then more is found, never less.
        assert set(index.find(text)) >= {key for key in expected if expected[key] == text}


@pytest.mark.parametrize("few", [0, 5, 10_000])
@given(expected=texts_of_keys, steps=st.lists(st.tuples(keys, texts), max_size=40))
def test_what_was_put_in_and_not_taken_out_is_found(
    few: int, expected: dict[int, str], steps: list[tuple[int, str]]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packed_index, "_FEW", few)
        index = PackedIndex((text, key) for key, text in expected.items())
        check(index, expected)
        for key, text in steps:
            before = expected.pop(key, None)
            if before is not None:
                index.remove(before, key)
            if before != text:
                index.add(text, key)
                expected[key] = text
            check(index, expected)


def test_of_many_texts_hardly_any_is_taken_for_another() -> None:
    index = PackedIndex((f"2026{number:013d}", number) for number in range(20_000))
    for number in range(20_000, 40_000):
        index.add(f"2026{number:013d}", number)
    found = [index.find(f"2026{number:013d}") for number in range(40_000)]
    assert all(number in keys for number, keys in enumerate(found))
    assert sum(map(len, found)) < 41_000


def test_keys_whose_texts_are_the_same_are_told_together() -> None:
    index = PackedIndex([("a", 1), ("b", 2), ("a", 3), ("c", 4), ("a", 5)])
    assert any({1, 3, 5} <= set(alike) for alike in index.alike())
    assert not any(1 in alike for alike in PackedIndex([("a", 1)]).alike())
