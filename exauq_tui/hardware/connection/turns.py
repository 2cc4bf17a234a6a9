"""Takes turns in logging in: never two attempts at once for one account.

Servers count failures, and lock accounts that fail too often. Two profiles may name one
account, and a jump host serves several: whoever comes second waits until the first is done.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

_SLICE = 0.1

_guard = threading.Lock()
_locks: dict[str, threading.Lock] = {}


def account(user: str, host: str, port: int) -> str:
    """Name an account on a machine, in one way however it was written."""
    return f"{user}@{host.lower().rstrip('.')}:{port}"


@contextmanager
def turn(accounts: Sequence[str], check: Callable[[], None]) -> Iterator[None]:
    """Be the only one in this process who logs in to some accounts.

    Args:
        accounts: Which, as `account` names them.
        check: Called now and then while others are waited for; may raise to give up.
    """
    with ExitStack() as held:
        # In one order for all, so that nobody waits in a circle.
        for name in sorted(set(accounts)):
            with _guard:
                lock = _locks.setdefault(name, threading.Lock())
            while not lock.acquire(timeout=_SLICE):
                check()
            held.callback(lock.release)
        check()
        yield
