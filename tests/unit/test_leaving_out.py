"""Tests of what the suite does where it lacks a right."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.leaving_out import leave_out
from tests.live.disks import small_disk


def test_what_cannot_be_tested_is_left_out_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="NEEDS ROOT"):
        leave_out("it NEEDS ROOT")


def test_in_continuous_integration_nothing_is_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CI", "true")
    mount = tmp_path / "mount"
    mount.write_text("#!/bin/sh\necho 'mount: permission denied.' >&2\nexit 1\n")
    mount.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with (
        pytest.raises(pytest.fail.Exception, match=r"UNTESTED: mount: permission denied"),
        small_disk(tmp_path / "disk", 64),
    ):
        pass
