"""Tokens of jobs, in few bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exauq_tui.monitor.packed_tokens import PackedTokens

keys = st.integers(1, 150) | st.just(2**62)
tokens = st.integers(1, 2**64 - 1).map("{:016x}".format)


@given(st.lists(st.tuples(keys, st.none() | tokens), max_size=60))
def test_a_token_is_told_as_it_was_given(steps: list[tuple[int, str | None]]) -> None:
    packed, plain = PackedTokens(), dict[int, str]()
    for key, token in steps:
        if token is None:
            packed.drop(key)
            plain.pop(key, None)
        else:
            assert packed.put(key, token)
            plain[key] = token
        assert all(packed.get(each) == plain.get(each, "") for each in range(-1, 152))
        assert packed.get(key) == plain.get(key, "")


@pytest.mark.parametrize(
    "token",
    [
        "",
        "abc123",
        "0123456789ABCDEF",
        "0123456789abcdef0",
        "01 23456789abcdef",
        "0" * 16,
        "théirs",
    ],
)
def test_a_token_of_another_kind_is_left_to_others_and_replaces_what_was_known(token: str) -> None:
    packed = PackedTokens()
    assert packed.put(5, "0123456789abcdef")
    assert not packed.put(5, token)
    assert packed.get(5) == ""
