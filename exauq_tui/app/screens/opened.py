"""What screens have in common that stay open over the main one while things change."""

from __future__ import annotations


class Opened:
    """The part of a screen that is told when jobs or servers changed."""

    def take_changes(self) -> None:
        """Draw what is new."""
        raise NotImplementedError
