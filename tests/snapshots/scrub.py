"""Keeps the environment, secrets included, out of the report on snapshots that differ.

The plugin embeds all of ``os.environ`` in ``snapshot_report.html``. Under pytest-xdist the
report is written by the process that reads only the topmost conftest.py, so that one has to
import the hook too.
"""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

_NEEDED = ("TEXTUAL_SNAPSHOT_TEMPDIR", "TEXTUAL_SNAPSHOT_FILE_OPEN_PREFIX", "PYTEST_XDIST_WORKER")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish() -> Generator[None, object, object]:
    """Let the report see nothing but what it needs."""
    kept = dict(os.environ)
    for name in kept:
        if name not in _NEEDED:
            del os.environ[name]
    try:
        return (yield)
    finally:
        os.environ.update(kept)
