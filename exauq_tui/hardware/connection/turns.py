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
_holders: dict[str, str] = {}


def account(user: str, host: str, port: int) -> str:
    """Name an account on a machine, in one way however it was written."""
    return f"{user}@{host.lower().rstrip('.')}:{port}"


@contextmanager
def turn(
    accounts: Sequence[str],
    check: Callable[[], None],
    who: str = "",
    tell: Callable[[str], None] | None = None,
) -> Iterator[None]:
    """Be the only one in this process who logs in to some accounts.

    Args:
        accounts: Which, as `account` names them.
        check: Called now and then while others are waited for; may raise to give up.
        who: The name by which those who wait are told whom they wait for.
        tell: Told who is waited for, by name, and "" once nobody is.
    """
    with ExitStack() as held:
        told = ""
        # In one order for all, so that nobody waits in a circle.
        for name in sorted(set(accounts)):
            with _guard:
                lock = _locks.setdefault(name, threading.Lock())
            while not lock.acquire(timeout=_SLICE):
                holder = _holders.get(name, "")
                if tell is not None and holder not in ("", told):
                    told = holder
                    tell(holder)
                check()
            held.callback(_release, name, lock)
            _holders[name] = who
        if tell is not None and told:
            tell("")
        check()
        yield


def _release(name: str, lock: threading.Lock) -> None:
    _holders.pop(name, None)  # before: the next one writes its own name
    lock.release()
