"""What ``exauq-tui doctor`` prints: the findings about one server, and the report of them."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import click

from exauq_tui.config import ServerProfile
from exauq_tui.console import DONE, FAILED, REFUSED, UNREACHABLE
from exauq_tui.hardware.diagnosis import (
    Check,
    Finding,
    Result,
    completed,
    has_failed,
    is_refused,
    is_unreachable,
)
from exauq_tui.headless import say
from exauq_tui.monitor.fleet import Fleet
from exauq_tui.monitor.support_report import finding_lines, report_text, write_report

_TURN = 0.5  # seconds


def diagnose(
    fleet: Fleet, profile: ServerProfile, *, report: Path | None, log: Path, as_json: bool
) -> int:
    """Examine a server and print each finding as it is made; the exit code tells the worst."""

    def tell(finding: Finding) -> None:
        for line in finding_lines(finding):
            click.echo(line)

    future = fleet.diagnose(profile.name, (lambda _: None) if as_json else tell)
    fleet.start()
    while not future.done():
        with suppress(TimeoutError):  # in pieces, so that ctrl+C is heard
            future.exception(_TURN)
    findings = future.result()
    if as_json:
        click.echo(json.dumps([_finding_as_json(each) for each in findings], indent=2))
    if report is not None:
        text = report_text(profile.name, profile, findings, log, time.time())
        write_report(report, text)
        say(f"the report is in {report}")
    if is_refused(findings):
        return REFUSED
    if is_unreachable(findings):
        return UNREACHABLE
    return FAILED if has_failed(findings) else DONE


def diagnose_unusable(
    name: str, problems: Sequence[str], *, report: Path | None, log: Path, as_json: bool
) -> int:
    """Say of a server whose profile cannot be used that nothing could be examined."""
    wrong = [Finding(Check.PROFILE, Result.FAILED, problem) for problem in problems]
    findings = completed(wrong, over_ssh=True)
    if as_json:
        click.echo(json.dumps([_finding_as_json(each) for each in findings], indent=2))
    else:
        for line in (line for finding in findings for line in finding_lines(finding)):
            click.echo(line)
    if report is not None:
        write_report(report, report_text(name, None, findings, log, time.time()))
        say(f"the report is in {report}")
    return FAILED


def _finding_as_json(finding: Finding) -> dict[str, str]:
    return {
        "check": finding.label,
        "result": finding.result.value,
        "found": finding.found,
        "advice": finding.advice,
        "printed": finding.heard,
    }
