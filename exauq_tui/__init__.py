"""A live terminal dashboard for simulation jobs on servers, and the library under it."""

__all__ = ["__version__"]

__version__ = "0.1.0"
