"""How findings come together: what failed, what was not looked at, and in which order."""

from __future__ import annotations

import pytest

from exauq_tui.errors import (
    AuthenticationError,
    ConnectionLostError,
    HostKeyError,
    ServerRefusedError,
)
from exauq_tui.hardware.connection.attempt import Attempt
from exauq_tui.hardware.diagnosis import (
    OVER_SSH,
    Check,
    Finding,
    Result,
    Trail,
    completed,
    has_failed,
    in_order,
    is_refused,
    is_unreachable,
    trouble,
)


def ok(check: Check, hop: str = "") -> Finding:
    return Finding(check, Result.OK, "fine", hop=hop)


def failed(check: Check, hop: str = "") -> Finding:
    return Finding(check, Result.FAILED, "broken", hop=hop)


def test_an_attempt_tells_each_step_once_it_is_taken() -> None:
    told: list[Finding] = []
    attempt = Attempt(told.append)
    attempt.begin(Check.LOOKUP)
    assert attempt.trail == Trail((), (Check.LOOKUP, ""))
    attempt.found("10.0.0.1")
    with attempt.on_the_way("jump"):
        attempt.begin(Check.TCP)
        attempt.found("answers")
        attempt.begin(Check.SSH)
    assert told == [
        Finding(Check.LOOKUP, Result.OK, "10.0.0.1"),
        Finding(Check.TCP, Result.OK, "answers", hop="jump"),
    ]
    assert attempt.trail == Trail(tuple(told), (Check.SSH, "jump"))


@pytest.mark.parametrize(
    ("doing", "error", "check"),
    [
        ((Check.TCP, ""), ConnectionLostError("x"), Check.TCP),
        ((Check.SSH, "jump"), ServerRefusedError("x"), Check.SSH),
        # A key file that is none shows before there is any step.
        ((Check.PROFILE, ""), AuthenticationError("x"), Check.AUTHENTICATION),
        ((Check.PROFILE, ""), HostKeyError("x"), Check.HOST_KEY),
        (None, ServerRefusedError("has Bash 3.2 as /bin/bash"), Check.SERVER),
        (None, ConnectionLostError("nothing was heard"), Check.CONNECTION),
    ],
)
def test_trouble_is_said_of_the_step_that_was_under_way(
    doing: tuple[Check, str] | None, error: Exception, check: Check
) -> None:
    finding = trouble(Trail((), doing), error)
    assert (finding.check, finding.result) == (check, Result.FAILED)
    assert finding.found == str(error)
    assert finding.hop == (doing[1] if doing else "")


def test_what_was_not_looked_at_is_listed_with_what_failed_before() -> None:
    made = [ok(Check.PROFILE), ok(Check.LOOKUP), failed(Check.TCP)]
    listed = completed(made, over_ssh=True)
    left = listed[3:]
    assert {each.result for each in left} == {Result.NOT_CHECKED}
    assert {each.found for each in left} == {"since this failed before: TCP connection"}
    # But for those that are looked at only where there is something to see.
    assert {each.check for each in listed} == set(Check) - {Check.CONNECTION, Check.QUOTA}
    assert not set(OVER_SSH) & {each.check for each in completed((), over_ssh=False)}


def test_a_step_on_the_way_does_not_count_as_that_of_the_server() -> None:
    listed = completed([failed(Check.TCP, "jump")], over_ssh=True)
    assert Check.TCP in {each.check for each in listed if each.result is Result.NOT_CHECKED}
    assert listed[-1].found == "since this failed before: TCP connection of jump"


def test_findings_are_ordered_by_check_and_the_way_comes_first() -> None:
    way = [ok(Check.TCP, "jump"), ok(Check.HOST_KEY, "jump")]
    rest = [ok(Check.SCRIPT), ok(Check.TCP), ok(Check.PROFILE)]
    ordered = in_order([*rest, *way])
    assert [each.label for each in ordered] == [
        "profile", "TCP connection of jump", "host key of jump", "TCP connection", "script",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("check", "unreachable", "refused"),
    [
        (Check.LOOKUP, True, False),
        (Check.TCP, True, False),
        (Check.CONNECTION, True, False),
        (Check.HOST_KEY, False, True),
        (Check.AUTHENTICATION, False, True),
        (Check.SCRIPT, False, False),
    ],
)
def test_what_failed_decides_what_is_said_of_the_whole(
    check: Check, unreachable: bool, refused: bool
) -> None:
    findings = [ok(Check.PROFILE), failed(check)]
    assert (is_unreachable(findings), is_refused(findings)) == (unreachable, refused)
    assert has_failed(findings)
    assert not has_failed([ok(check), Finding(check, Result.WARNING, "")])
