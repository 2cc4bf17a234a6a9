"""Imports paramiko without what it hardly ever uses."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType


class _LateModule(ModuleType):
    """Stands for a module that is imported as soon as something of it is asked for."""

    def __getattr__(self, name: str) -> object:
        return getattr(import_module(self.__name__), name)


def import_paramiko() -> None:
    """Import paramiko, with the package invoke only when something of it is used.

    paramiko uses that for the key word ``Match exec`` of its own reader of configurations, which
    we do not use; it brings a hundred modules (YAML, unittest, ...): 3 MB, and a while before
    the first connection. Nothing changes for other programs that import it.
    """
    if "invoke" not in sys.modules and "paramiko" not in sys.modules:
        late = sys.modules["invoke"] = _LateModule("invoke")
        try:
            import_module("paramiko")
        finally:
            if sys.modules.get("invoke") is late:
                del sys.modules["invoke"]
