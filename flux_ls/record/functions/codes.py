"""A module's code with wrappers for its functions: what the decorators of a module get hold of is wrapped already."""

import dis
import inspect
from collections.abc import Callable
from types import CodeType
from typing import Final

from flux_ls.record.functions.calls import Site
from flux_ls.record.functions.wrapper import site_of, wrapped

Fits = Callable[[str, str], bool]
"""Whether to record the function with a qualified name, of a file."""

_PROPERTIES: Final = frozenset({"property", "cached_property", "setter", "getter", "deleter"})
_COMPILERS: Final = frozenset(
    {"jit", "njit", "jit_module", "vectorize", "guvectorize", "stencil", "cfunc", "generated_jit"}
)
"""Decorators that read a function's bytecode."""
_TELLTALE: Final = _PROPERTIES | _COMPILERS
_GENERIC: Final = "<generic parameters of "


def instrumented(code: CodeType, module: str, fits: Fits) -> CodeType:
    """The code, of a module, class or function, with wrappers in place of the functions in it that fit."""
    inner = [const for const in code.co_consts if isinstance(const, CodeType)]
    if not inner:
        return code
    left = set() if _TELLTALE.isdisjoint(code.co_names) else _decorated(code)
    consts: list[object] = []
    changed = False
    for const in code.co_consts:
        put = const
        if isinstance(const, CodeType) and id(const) not in left:
            put = _wrapped(const, module, fits, nested=_is_function(code))
            changed = changed or put is not const
        consts.append(put)
    return code.replace(co_consts=tuple(consts)) if changed else code


def _wrapped(code: CodeType, module: str, fits: Fits, nested: bool) -> CodeType:
    if code.co_name.startswith("<") and not code.co_name.startswith(_GENERIC):
        return code
    inside = instrumented(code, module, fits)
    if not _is_function(code) or not worth_it(code, nested) or not fits(code.co_qualname, code.co_filename):
        return inside
    return wrapped(code, Site(code, module, by_pattern=True), inside)


def worth_it(code: CodeType, nested: bool) -> bool:
    """Whether a function that fits a pattern is to be recorded."""
    name = code.co_name
    if name.startswith("<") or (name.startswith("__") and name.endswith("__")) or site_of(code) is not None:
        return False
    # Inside another function, one that only passes on what it gets is a decorator's.
    passes_on = code.co_flags & inspect.CO_VARARGS and code.co_flags & inspect.CO_VARKEYWORDS
    return not (nested and passes_on and code.co_argcount + code.co_kwonlyargcount <= 1)


def original(code: CodeType) -> CodeType:
    """The code as it was before patterns; what `@span` put in stays."""
    site = site_of(code)
    if site is not None and site.by_pattern:
        return site.code
    consts = tuple(original(const) if isinstance(const, CodeType) else const for const in code.co_consts)
    same = all(new is old for new, old in zip(consts, code.co_consts, strict=True))
    return code if same else code.replace(co_consts=consts)


def _is_function(code: CodeType) -> bool:
    return bool(code.co_flags & inspect.CO_OPTIMIZED) and not code.co_name.startswith(_GENERIC)


def _decorated(code: CodeType) -> set[int]:
    """The ids of the functions' codes that a telltale decorator gets: properties, and what is compiled otherwise."""
    found: set[int] = set()
    names: set[str] = set()
    for instruction in dis.get_instructions(code):
        value = instruction.argval
        if isinstance(value, CodeType):
            if not names.isdisjoint(_TELLTALE):
                found.add(id(value))
        elif instruction.opname.startswith("STORE_"):
            names.clear()
        elif isinstance(value, str) and instruction.opname.startswith("LOAD_") and instruction.opname != "LOAD_CONST":
            names.add(value)
    return found


def wrapped_function(code: CodeType, module: str, fits: Fits) -> CodeType:
    """The code for a function that is there already, with wrappers for it and for the functions that it defines."""
    if site_of(code) is not None:
        return code
    return _wrapped(code, module, fits, nested="<locals>" in code.co_qualname)
