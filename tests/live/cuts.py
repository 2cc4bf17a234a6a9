"""Where to cut a connection: points spread over what an undisturbed exchange takes."""

from __future__ import annotations

import random
from itertools import pairwise

from tests.live.proxy import Direction, Proxy


def spread(first: int, last: int, count: int, name: str) -> list[int]:
    """Choose one number of each of `count` stretches of first ... last - 1; `name` is the seed."""
    chance = random.Random(name)
    edges = [first + (last - first) * step // count for step in range(count + 1)]
    return [chance.randrange(low, high) for low, high in pairwise(edges) if low < high]


def carried(proxy: Proxy, direction: Direction) -> int:
    """How many bytes went one way so far."""
    traffic = proxy.traffic()
    return traffic.to_server if direction is Direction.TO_SERVER else traffic.to_client
