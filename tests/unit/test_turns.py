"""Never two attempts at once to log in to one account."""

from __future__ import annotations

import threading
import time

import pytest

from exauq_tui.errors import ConnectionLostError
from exauq_tui.hardware.connection.turns import account, turn


def never() -> None:
    """Nobody calls it off."""


def test_one_account_has_one_name() -> None:
    assert account("alice", "HPC1.example.org.", 22) == account("alice", "hpc1.example.org", 22)
    assert account("alice", "hpc1", 22) != account("alice", "hpc1", 2222)
    assert account("alice", "hpc1", 22) != account("bob", "hpc1", 22)


def test_attempts_for_one_account_never_meet() -> None:
    inside = 0
    most = 0
    guard = threading.Lock()

    def log_in(accounts: list[str]) -> None:
        nonlocal inside, most
        for _ in range(20):
            with turn(accounts, never):
                with guard:
                    inside += 1
                    most = max(most, inside)
                time.sleep(0)
                with guard:
                    inside -= 1

    threads = [
        threading.Thread(target=log_in, args=(accounts,))
        for accounts in (["a", "b"], ["b", "a"], ["b"], ["b", "c"])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    assert most == 1


def test_different_accounts_do_not_wait_for_each_other() -> None:
    with turn(["d"], never), turn(["e"], never):
        pass


def test_whoever_waits_can_give_up_and_leaves_the_turn_to_others() -> None:
    def give_up() -> None:
        raise ConnectionLostError("called off")

    def wait() -> None:
        with turn(["f", "g"], give_up):
            raise AssertionError("it was not its turn")

    with turn(["g"], never), pytest.raises(ConnectionLostError, match="called off"):
        wait()
    with turn(["f", "g"], never):
        pass


def test_a_failed_attempt_ends_its_turn() -> None:
    def fail() -> None:
        with turn(["h"], never):
            raise ValueError("refused")

    with pytest.raises(ValueError, match="refused"):
        fail()
    with turn(["h"], never):
        pass


def test_who_is_waited_for_is_told_once_by_name_and_so_is_the_end_of_it() -> None:
    told: list[str] = []
    waits, went = threading.Event(), threading.Event()

    def tell(name: str) -> None:
        told.append(name)
        waits.set()

    def log_in() -> None:
        with turn(["i"], never, "second", tell):
            went.set()

    with turn(["i"], never, "first", told.append):
        thread = threading.Thread(target=log_in)
        thread.start()
        assert waits.wait(20)
        assert told == ["first"]
        assert not went.is_set()
    thread.join(20)
    assert went.is_set()
    assert told == ["first", ""]
    with turn(["i"], never, "third", told.append):
        assert told == ["first", ""]
