"""Fixes what pictures depend on before any screen is imported."""

from tests.app.fixed import fix_textual
from tests.snapshots.scrub import pytest_sessionfinish

__all__ = ["pytest_sessionfinish"]

fix_textual()
