"""Tells what a server's question is about."""

from __future__ import annotations

import re

_PASSWORD = re.compile(r"password", re.IGNORECASE)
_CODE = re.compile(r"one.?time|otp|code|token|new|current|retype", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def asks_for_password(prompt: str) -> bool:
    """Tell whether a prompt asks for the account's password: a code is never kept."""
    return bool(_PASSWORD.search(prompt) and not _CODE.search(prompt))


def on_one_line(words: str) -> str:
    """Make a server's words fit to be shown as a prompt: no control characters."""
    return _CONTROL.sub(" ", words)
