"""Calls of functions as spans with input and output: `@span`, and whole modules by pattern."""

import logging
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from flux_ls.record.functions.decorator import span
from flux_ls.record.guard import guarded, say_once

if TYPE_CHECKING:
    from flux_ls.record.functions.modules import Modules

_modules: "Modules | None" = None
_recursion_limits = (0, 0)
"""The application's and ours."""


@guarded
def install(patterns: Iterable[str] | None = None) -> None:
    """From now on, functions that fit the patterns are recorded; without patterns, those of the settings in force."""
    from flux_ls.record import settings
    from flux_ls.record.functions import calls
    from flux_ls.record.functions.modules import Modules
    from flux_ls.record.functions.patterns import Patterns, Unusable, parse

    global _modules, _recursion_limits
    uninstall()
    calls.configure()
    usable = []
    for text in settings.in_force().functions if patterns is None else patterns:
        try:
            usable.append(parse(text))
        except Unusable as error:
            say_once("functions: %s; it is left out", error, level=logging.WARNING)
    wanted = Patterns(usable)
    if not wanted:
        return
    _modules = Modules(wanted)
    # A wrapper is a frame. What recursed as deep as it may still can.
    limit = sys.getrecursionlimit()
    _recursion_limits = (limit, 2 * limit)
    sys.setrecursionlimit(2 * limit)
    sys.meta_path.insert(0, _modules)
    _modules.adopt_imported()


@guarded
def uninstall() -> None:
    """Takes the wrappers of patterns out again; `@span` stays, and does nothing where nothing is recorded."""
    global _modules
    modules, _modules = _modules, None
    if modules is not None:
        if modules in sys.meta_path:
            sys.meta_path.remove(modules)
        modules.end()
        theirs, ours = _recursion_limits
        if sys.getrecursionlimit() == ours:
            sys.setrecursionlimit(theirs)


@guarded
def watch_main() -> None:
    """Wraps the functions of the script that `python script.py` runs; to be called while Python starts."""
    if _modules is not None:
        _modules.watch_main()


@guarded
def adopt_main() -> None:
    """The same where the script runs already; to be called when a recording begins."""
    if _modules is not None:
        _modules.adopt_main()


__all__ = ["adopt_main", "install", "span", "uninstall", "watch_main"]
