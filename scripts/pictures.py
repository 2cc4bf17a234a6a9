"""Turns pictures of a terminal, as Textual writes them, into PNG files by Chromium."""

from __future__ import annotations

import math
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER_TIMEOUT = 120.0

_VIEW_BOX = re.compile(r'<svg\b[^>]*\bviewBox="0 0 ([0-9.]+) ([0-9.]+)"')
_FONT_FROM_THE_NET = re.compile(r',\s*url\("https?://[^"]*"\)\s*format\("[^"]*"\)')


def without_remote_fonts(svg: str) -> str:
    """Leave only the installed font as a source: a picture must not load anything."""
    return _FONT_FROM_THE_NET.sub("", svg)


def picture_size(svg: str) -> tuple[int, int]:
    """Read the width and height of a terminal's picture, in whole pixels.

    Raises:
        ValueError: The SVG does not begin as Textual writes it.
    """
    found = _VIEW_BOX.search(svg)
    if found is None:
        raise ValueError("no viewBox in the SVG")
    return math.ceil(float(found[1])), math.ceil(float(found[2]))


def find_browser() -> str | None:
    """Find the Chromium that draws PNG files, or None."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def write_png(svg: str, target: Path, browser: str) -> None:
    """Draw an SVG picture as a PNG file.

    Raises:
        RuntimeError: The browser failed, or wrote no file.
    """
    width, height = picture_size(svg)
    sized = svg.replace("<svg ", f'<svg width="{width}" height="{height}" ', 1)
    with tempfile.TemporaryDirectory(prefix="exauq-screenshot-") as directory:
        page = Path(directory, "page.html")
        picture = Path(directory, "picture.png")
        page.write_text(
            '<!doctype html><meta charset="utf-8"><style>html, body { margin: 0; overflow: hidden }'
            f"svg {{ display: block }}</style>{sized}",
            encoding="utf-8",
        )
        command = [
            browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
            "--no-first-run", "--disable-background-networking", "--disable-component-update",
            "--disable-sync", "--hide-scrollbars", "--force-device-scale-factor=1",
            "--default-background-color=00000000",
            f"--user-data-dir={directory}/profile", f"--window-size={width},{height}",
            f"--screenshot={picture}", page.as_uri(),
        ]  # fmt: skip
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=BROWSER_TIMEOUT, check=False
        )
        if done.returncode != 0 or not picture.is_file():
            raise RuntimeError(f"{browser} wrote no picture of {target.stem}: {done.stderr[-500:]}")
        shutil.copyfile(picture, target)
