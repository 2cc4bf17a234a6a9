"""A mapping for keys that follow each other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exauq_tui.monitor.dense_map import DenseMap

keys = st.integers(-3, 200) | st.sampled_from([10**6, 2**62])
steps = st.lists(st.tuples(keys, st.none() | st.integers(0, 2)), max_size=60)


@given(steps)
def test_it_holds_what_a_dictionary_would_in_the_order_of_the_keys(
    steps: list[tuple[int, int | None]],
) -> None:
    dense, plain = DenseMap[int](), dict[int, int]()
    for key, value in steps:
        assert (key in dense) == (key in plain)
        if value is None:
            assert dense.pop(key, None) == plain.pop(key, None)
        else:
            dense[key] = plain[key] = value
        assert len(dense) == len(plain)
        assert list(dense) == sorted(plain)
        assert dense.every() == [plain[each] for each in sorted(plain)]
        assert [dense.get(each) for each in range(-5, 210)] == list(map(plain.get, range(-5, 210)))
    dense.clear()
    assert (len(dense), list(dense), dense.every()) == (0, [], [])


def test_a_key_that_is_not_there_is_told_even_where_its_neighbours_are() -> None:
    dense = DenseMap[str]()
    dense[7] = "seven"
    for key in (8, 700):
        with pytest.raises(KeyError):
            dense[key]
        with pytest.raises(KeyError):
            del dense[key]
        assert dense.get(key, "none") == "none"
    assert 8 not in dense
