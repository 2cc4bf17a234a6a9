"""``exauq-tui`` and ``python -m exauq_tui``: hand over to the command line."""

from exauq_tui.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
