"""Tests that need a right which not everybody has: skipped, but never in continuous integration."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def leave_out(reason: str) -> NoReturn:
    """Skip the test at hand; where ``CI=true`` says that everything is to be tested, fail it."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason}; with CI=true nothing may be left out", pytrace=False)
    pytest.skip(reason)
