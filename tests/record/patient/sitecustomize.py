"""Run first by programs that tests record: their exit waits until the receiver has had its turn on a busy machine.

For how long users wait, `tests/record/test_sending.py` has tests that go without this.
"""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType


class _Patience:
    """Finds the recorder's, when it is imported, and makes it greater."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: object = None) -> ModuleSpec | None:
        if name != "flux_ls.record.export.patience":
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path)
        assert spec is not None
        loader = spec.loader
        assert loader is not None
        run = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            run(module)
            module.SILENT_S = module.MOST_S = 30.0  # type: ignore[attr-defined]

        loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


sys.meta_path.insert(0, _Patience())
