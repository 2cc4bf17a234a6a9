"""Figures that campaigns tell at the end of a run of the suite, for people to quote."""

from __future__ import annotations

from collections.abc import Callable

import pytest

_NAME = "figures"

Tell = Callable[..., None]
"""Tells figures by name, such as `jobs=200`."""


@pytest.fixture
def tell(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> Tell:
    """Give a function that has a test's figures printed after the run, passed or not."""

    def tell_figures(**figures: object) -> None:
        words = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in figures.items())
        record_property(_NAME, f"{request.node.name}: {words}")

    return tell_figures


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    lines = [
        str(value)
        for reports in terminalreporter.stats.values()
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when == "call"
        for name, value in report.user_properties
        if name == _NAME
    ]
    if lines:
        terminalreporter.section("figures of the campaigns")
        for line in lines:
            terminalreporter.write_line(line)
