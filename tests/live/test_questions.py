"""Second factors: several prompts at once, several rounds, a key before them; codes once only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exauq_tui.errors import AuthenticationError
from tests.live.questioner import Questioner, Round
from tests.live.sshd import ClientKeys
from tests.live.test_ssh_connection import Asked, reach

pytestmark = pytest.mark.live

Start = Callable[..., Questioner]
TWO_AT_ONCE = Round(("Password: ", "Verification code: "), ("p4ss", "111111"), "Sign in twice")
CONTROL = "\x1b]0;owned\x07\x1b[2J"


@pytest.fixture
def start(client_keys: ClientKeys, tmp_path: Path) -> Iterator[Start]:
    servers: list[Questioner] = []

    def make(*rounds: Round, wants_key: bool = False) -> Questioner:
        place = tmp_path / f"questioner-{len(servers)}"
        servers.append(Questioner(place, client_keys, rounds, wants_key))
        return servers[-1]

    yield make
    for server in servers:
        server.close()


@pytest.fixture(params=["paramiko", "openssh"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def in_by(server: Questioner, backend: str, ask: Asked, **options: object) -> None:
    """Log in, by one command."""
    server_like: object = server
    with reach(server_like, ssh_backend=backend, ask_secret=ask, **options) as connection:  # type: ignore[arg-type]
        assert connection.connections_made == 1


def test_several_prompts_of_one_round_are_asked_one_by_one(start: Start, backend: str) -> None:
    server = start(TWO_AT_ONCE)
    ask = Asked("p4ss", "111111")
    in_by(server, backend, ask)
    assert server.given == [("p4ss", "111111")]
    assert len(ask.prompts) == 2
    assert "assword" in ask.prompts[0]
    assert "Verification code:" in ask.prompts[1]
    assert all(f"{server.user}@127.0.0.1" in prompt for prompt in ask.prompts)


def test_several_rounds_are_followed(start: Start, backend: str) -> None:
    server = start(
        Round(("Password: ",), ("p4ss",)),
        Round(("Pick 1 or 2: ",), ("2",), "1. push 2. code"),
        Round(("Code: ",), ("222222",)),
    )
    ask = Asked("p4ss", "2", "222222")
    in_by(server, backend, ask)
    assert server.given == [("p4ss",), ("2",), ("222222",)]
    assert "1. push 2. code" in ask.prompts[1]


def test_a_key_and_then_a_code_are_given_where_the_server_wants_both(
    start: Start, backend: str, client_keys: ClientKeys
) -> None:
    server = start(Round(("Code: ",), ("333333",)), wants_key=True)
    ask = Asked("333333")
    in_by(server, backend, ask, key_filename=client_keys.ed25519)
    assert server.given == [("333333",)]
    assert len(ask.prompts) == 1


def test_codes_are_asked_for_anew_and_a_lone_password_is_not(start: Start) -> None:
    server = start(Round(("Password: ",), ("p4ss",)), Round(("Code: ",), ("1",)))
    ask = Asked("p4ss", "1", "1")
    with reach(server, ask_secret=ask) as connection:  # type: ignore[arg-type]
        connection.close()
        connection.connect()
    assert server.logins == 2
    assert ["ode" in prompt for prompt in ask.prompts] == [False, True, True]


def test_answers_given_together_with_a_code_are_never_given_again(start: Start) -> None:
    server = start(TWO_AT_ONCE)
    ask = Asked("p4ss", "111111", "p4ss", "stale")
    with reach(server, ask_secret=ask, max_attempts=1) as connection:  # type: ignore[arg-type]
        connection.close()
        with pytest.raises(AuthenticationError) as caught:
            connection.connect()
    assert len(ask.prompts) == 4
    assert not any(secret in str(caught.value) for secret in ("p4ss", "111111", "stale"))


def test_a_wrong_code_is_asked_for_as_often_as_may_be_and_never_told(
    start: Start, backend: str
) -> None:
    server = start(Round(("Code: ",), ("right",)))
    ask = Asked("wr0ng-1", "wr0ng-2", "wr0ng-3")
    with pytest.raises(AuthenticationError) as caught:
        in_by(server, backend, ask)
    assert server.given == [("wr0ng-1",), ("wr0ng-2",), ("wr0ng-3",)]
    assert "wr0ng" not in str(caught.value)


def test_what_a_server_says_beside_its_questions_reaches_no_terminal_as_it_is(
    start: Start, backend: str
) -> None:
    server = start(Round((f"Code{CONTROL}: ",), ("1",), f"Hello{CONTROL}\nthere"))
    ask = Asked("1")
    in_by(server, backend, ask)
    (prompt,) = ask.prompts
    assert prompt.isprintable()
    assert "Hello" in prompt
    assert "Code" in prompt
