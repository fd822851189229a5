"""Whole modules by pattern: their functions are wrapped while they are imported, or where they are when they were
imported before.

A loader's `get_code` is asked as ever, so byte code is cached, archives and `python -m` work and a module is reloaded
as before; what it answers is a module's code whose functions have wrappers. Decorators that run at import see wrapped
functions. A loader without `get_code` (pytest rewrites the tests' asserts) has its module gone through afterwards.

The file that `python script.py` runs is not imported: it is looked at when it begins (see `main.py`) or, where the
recorder comes later, at the first request. Left alone: what is compiled from source at run time.
"""

import gc
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, Final

from flux_ls.record.functions import codes, main
from flux_ls.record.functions.patterns import Patterns
from flux_ls.record.guard import tell

_MAIN: Final = "__main__"


class Modules:
    """A finder in front of the others, which does not find anything but looks at what they have found."""

    def __init__(self, patterns: Patterns) -> None:
        self.patterns = patterns
        self.active = True
        self._main_adopted = False

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not self.active or not self.patterns.may_be_in(name):
            return None
        for finder in list(sys.meta_path):
            find = None if finder is self else getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = None if find is None else find(name, path, target)
            if spec is not None:
                try:
                    self._watch(spec)
                except Exception as error:
                    tell("watching an import", error)
                return spec
        return None

    def _watch(self, spec: ModuleSpec) -> None:
        loader: Any = spec.loader
        if loader is None or isinstance(loader, type) or not hasattr(loader, "exec_module"):
            return  # a namespace package; built in or frozen
        if hasattr(loader, "get_code"):
            if not hasattr(loader.get_code, "flux_watched"):
                loader.get_code = _watched(loader.get_code, self._code_of)
        elif not hasattr(loader.exec_module, "flux_watched"):
            loader.exec_module = _watched(loader.exec_module, self._executed)

    def _code_of(self, name: str, code: object) -> object:
        if isinstance(code, CodeType) and self.active and self.patterns.may_be_in(name, code.co_filename):
            return codes.instrumented(code, name, lambda qualname, file: self.patterns.fits(name, qualname, file))
        return code

    def _executed(self, module: ModuleType, answer: object) -> object:
        if self.active and self.patterns.may_be_in(module.__name__):
            self._adopt((each for each in _members(module) if type(each) is FunctionType), (module.__name__,))
        return answer

    def adopt_imported(self) -> None:
        """Wraps the functions of modules that are there already, wherever they are held."""
        names = [name for name in list(sys.modules) if name != _MAIN and self.patterns.may_be_in(name)]
        if names:
            self._adopt(_all_functions(), names)

    def watch_main(self) -> None:
        """Wraps the functions of the script that is going to run."""

        def instrumented(code: CodeType) -> CodeType:
            names = (_MAIN, Path(code.co_filename).stem)
            if not self.active or not any(self.patterns.may_be_in(name, code.co_filename) for name in names):
                return code
            return codes.instrumented(
                code, _MAIN, lambda qualname, file: any(self.patterns.fits(name, qualname, file) for name in names)
            )

        main.when_it_begins(instrumented)

    def adopt_main(self) -> None:
        """Wraps the functions of the script that runs, as far as it has come; the first time that there are some."""
        if self._main_adopted or not self.active:
            return
        script = sys.modules.get(_MAIN)
        names = [_MAIN, *_names_of_main(script)]
        if script is None or not any(self.patterns.may_be_in(name) for name in names):
            self._main_adopted = True
            return
        hidden = _behind_properties(_members(script))
        functions = [each for each in gc.get_referrers(script.__dict__) if type(each) is FunctionType]
        self._main_adopted = bool(functions)
        for function in functions:
            if id(function) not in hidden:
                self._replace(function, names)

    def _adopt(self, functions: Iterable[FunctionType], names: Sequence[str]) -> None:
        for function in functions:
            name = function.__globals__.get("__name__")
            if isinstance(name, str) and name in names:
                self._replace(function, (name,))

    def _replace(self, function: FunctionType, names: Sequence[str]) -> None:
        def fits(qualname: str, file: str) -> bool:
            return any(self.patterns.fits(name, qualname, file) for name in names)

        try:
            code = codes.wrapped_function(function.__code__, names[0], fits)
            if code is not function.__code__:
                function.__code__ = code
        except Exception as error:
            tell("wrapping a function", error)

    def end(self) -> None:
        """Everything is as it was before, but for loaders, which answer what they have."""
        self.active = False
        for function in _all_functions():
            name = function.__globals__.get("__name__")
            if isinstance(name, str) and (name == _MAIN or self.patterns.may_be_in(name)):
                try:
                    code = codes.original(function.__code__)
                    if code is not function.__code__:
                        function.__code__ = code
                except Exception as error:
                    tell("unwrapping a function", error)


def _watched(call: Callable[..., Any], then: Callable[[Any, object], object]) -> Callable[..., Any]:
    def watched(*args: Any, **kwargs: Any) -> Any:
        try:
            answer = call(*args, **kwargs)
        except BaseException as error:
            # Python leaves the import system out of tracebacks, and so must we be.
            error.__traceback__ = None if error.__traceback__ is None else error.__traceback__.tb_next
            raise
        try:
            about = args[0] if args else next(iter(kwargs.values()), None)
            return then(about if about is not None else getattr(call, "name", ""), answer)
        except Exception as error:
            tell("wrapping a module", error)
            return answer

    watched.flux_watched = True  # type: ignore[attr-defined]
    return watched


def _names_of_main(main: ModuleType | None) -> list[str]:
    """`app` for `python app.py`, `pkg.app` for `python -m pkg.app`."""
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        return [spec.name.removesuffix(".__main__")]
    file = getattr(main, "__file__", None)
    return [Path(file).stem] if isinstance(file, str) else []


def _members(module: ModuleType) -> Iterable[object]:
    """What a module defines and holds: all of its names, and those of its classes."""
    waiting: list[object] = list(vars(module).values())
    seen: set[int] = set()
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        if type(each) is FunctionType:
            waiting.append(vars(each).get("__wrapped__"))
        elif isinstance(each, staticmethod | classmethod):
            waiting.append(each.__func__)
        elif isinstance(each, type) and each.__module__ == module.__name__:
            waiting.extend(list(vars(each).values()))


def _behind_properties(objects: Iterable[object]) -> set[int]:
    """The ids of the functions that properties hold."""
    hidden: set[int] = set()
    for each in objects:
        if type(each) is property:
            hidden.update(map(id, (each.fget, each.fset, each.fdel)))
        elif type(each) is cached_property:
            hidden.add(id(each.func))
    return hidden


def _all_functions() -> list[FunctionType]:
    """All functions of the process, but for those behind properties."""
    objects = gc.get_objects()
    hidden = _behind_properties(objects)
    return [each for each in objects if type(each) is FunctionType and id(each) not in hidden]
