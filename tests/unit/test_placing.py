"""Which server of a level gets a job."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exauq_tui.errors import InputError
from exauq_tui.monitor.placing import Candidate, share_out
from exauq_tui.monitor.snapshot import ServerState

UP, LOST, STALE = ServerState.UP, ServerState.LOST, ServerState.STALE
AUTH = ServerState.AUTH_NEEDED


def test_one_job_goes_to_the_server_with_the_fewest_active_jobs() -> None:
    servers = [Candidate("a", UP, 3), Candidate("b", UP, 1), Candidate("c", UP, 2)]
    assert share_out(servers, 1) == ["b"]


def test_many_jobs_even_the_numbers_of_active_jobs_out() -> None:
    servers = [Candidate("a", UP, 0), Candidate("b", UP, 6)]
    assert Counter(share_out(servers, 10)) == {"a": 8, "b": 2}


def test_the_first_named_wins_among_equals() -> None:
    assert share_out([Candidate("b", UP, 0), Candidate("a", UP, 0)], 3) == ["b", "a", "b"]


def test_jobs_are_shared_by_slots_where_all_are_known() -> None:
    servers = [Candidate("small", UP, 0, 2), Candidate("large", UP, 0, 6)]
    assert Counter(share_out(servers, 80)) == {"small": 20, "large": 60}
    assert share_out(servers, 1) == ["large"]


def test_a_server_without_a_limit_does_not_take_all() -> None:
    servers = [Candidate("free", UP, 0, 0), Candidate("large", UP, 0, 6)]
    assert Counter(share_out(servers, 10)) == {"free": 5, "large": 5}


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ((LOST, UP), {"b"}),
        ((STALE, UP), {"b"}),
        ((STALE, LOST), {"a"}),
        ((AUTH, LOST), {"b"}),
        ((LOST, LOST), {"a", "b"}),
        ((AUTH, ServerState.FAULT), {"a", "b"}),
    ],
)
def test_a_server_that_is_away_gets_nothing_while_a_better_one_is_there(
    states: tuple[ServerState, ServerState], expected: set[str]
) -> None:
    servers = [Candidate("a", states[0], 0), Candidate("b", states[1], 5)]
    assert set(share_out(servers, 20)) == expected


def test_where_there_is_no_server_that_is_said() -> None:
    with pytest.raises(InputError, match="no server"):
        share_out([], 1)


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 9)), min_size=1, max_size=6),
    st.integers(0, 200),
)
def test_no_server_is_left_with_more_load_than_another_would_have(
    loads: list[tuple[int, int]], count: int
) -> None:
    servers = [Candidate(str(n), UP, active, slots) for n, (active, slots) in enumerate(loads)]
    got = Counter(share_out(servers, count))
    assert got.total() == count
    sized = all(each.slots for each in servers)
    weight = {each.name: each.slots if sized else 1 for each in servers}
    after = {each.name: each.active + got[each.name] for each in servers}
    for name in got:
        assert all(after[name] / weight[name] <= (after[o] + 1) / weight[o] for o in after)
