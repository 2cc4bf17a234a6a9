"""Where to cut a connection: at points of what an undisturbed exchange takes."""

from __future__ import annotations

import random
from itertools import pairwise

from tests.live.proxy import Direction, Proxy

_PACKET = 16 * 1024


def spread(first: int, last: int, count: int, name: str) -> list[int]:
    """Choose one number of each of `count` stretches of first ... last - 1; `name` is the seed."""
    chance = random.Random(name)
    edges = [first + (last - first) * step // count for step in range(count + 1)]
    return [chance.randrange(low, high) for low, high in pairwise(edges) if low < high]


def points(proxy: Proxy, direction: Direction, first: int, last: int, times: int = 1) -> list[int]:
    """Every point of an exchange where a cut makes a difference, counted from its beginning.

    What went from byte `first` to byte `last` came in pieces. SSH takes a packet as a whole or not
    at all, so that a piece that is cut anywhere has just not come: there is one point before the
    first, and then one somewhere within each, and one right after it. Long ones, of several
    packets, have more. What each end was at just then is another matter: `times` of each.
    """
    chance = random.Random(direction.name)
    found = [0]
    start = first
    for end in proxy.ends(direction):
        if first < end <= last:
            parts = 1 + (end - start) // _PACKET
            edges = [start - first + (end - start) * part // parts for part in range(parts + 1)]
            for low, high in pairwise(edges):
                found += times * [high]
                found += [chance.randrange(low, high) for _ in range(times)]
            start = end
    return sorted(found)


def some(found: list[int], count: int | None, name: str) -> list[int]:
    """Choose one of each of `count` stretches of points; None: all. `name` is the seed."""
    if count is None:
        return found
    return [found[place] for place in spread(0, len(found), count, name)]


def carried(proxy: Proxy, direction: Direction) -> int:
    """How many bytes went one way so far."""
    traffic = proxy.traffic()
    return traffic.to_server if direction is Direction.TO_SERVER else traffic.to_client
