"""Fixes what screens depend on before any of them is imported."""

from tests.app.fixed import fix_textual

fix_textual()
