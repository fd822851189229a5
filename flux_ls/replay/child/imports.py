"""What is to be done to a module as soon as the application imports it."""

import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

Change = Callable[[ModuleType], None]
_changes: dict[str, list[Change]] = {}


def when_imported(name: str, change: Change) -> None:
    """Calls `change` with the module once its code has run; at once if that was before."""
    module = sys.modules.get(name)
    if module is not None:
        change(module)
        return
    _changes.setdefault(name, []).append(change)


class _Finder:
    """Finds as the others do, and does what is to be done afterwards."""

    def __init__(self) -> None:
        self.looking: set[str] = set()

    def find_spec(self, name: str, *_: Sequence[str] | ModuleType | None) -> ModuleSpec | None:
        if name not in _changes or name in self.looking:
            return None
        self.looking.add(name)
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError):
            return None
        finally:
            self.looking.discard(name)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)  # type: ignore[assignment]
        return spec


class _Loader:
    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        made: ModuleType | None = self._loader.create_module(spec)
        return made

    def exec_module(self, module: ModuleType) -> None:
        spec = module.__spec__
        if spec is not None:
            spec.loader = self._loader
            module.__loader__ = self._loader
        self._loader.exec_module(module)
        for change in _changes.pop(module.__name__, ()):
            change(module)


def install() -> None:
    sys.meta_path.insert(0, _Finder())
