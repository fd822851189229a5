"""The wrapper of a function: a code object that runs the function's own code and tells what went in and came out.

It takes the place of the code inside the function object. The object stays the same, with its name, signature,
defaults, annotations and closure, so it does not matter who holds it already: a framework's routes, a registry, another
module. The wrapper has the parameters, the flags and the first line of the code that it stands for, and takes its own
frame out of every traceback that comes by: an exception leaves the function as if nothing had been there.

The bytecode comes from Python's own compiler: one template for every shape of a signature, filled in per function.
"""

import ast
import inspect
from functools import lru_cache
from types import CodeType
from typing import Final, NamedTuple

from flux_ls.record.functions.calls import Site
from flux_ls.record.made import now_ns
from flux_ls.record.recording import current

GENERATES: Final = inspect.CO_GENERATOR
AWAITS: Final = inspect.CO_COROUTINE
BOTH: Final = inspect.CO_ASYNC_GENERATOR

_CURRENT, _GLOBALS, _NOW, _SITE, _DOC = "<current>", "<globals>", "<now>", "<site>", "<doc>"


def wrapped(code: CodeType, site: Site, runs: CodeType | None = None) -> CodeType:
    """The wrapper of `code`; `runs`, if given, is what it runs in its place."""
    shape = _shape(code, site.without_first)
    template = _template(shape)
    doc = code.co_consts[0] if code.co_consts and isinstance(code.co_consts[0], str) else None
    fill: dict[object, object] = {_CURRENT: current, _GLOBALS: globals, _NOW: now_ns, _SITE: site, _DOC: doc}
    given = _given(code)
    return template.replace(
        co_name=code.co_name,
        co_qualname=code.co_qualname,
        co_filename=code.co_filename,
        co_firstlineno=code.co_firstlineno,
        co_flags=code.co_flags,
        co_posonlyargcount=code.co_posonlyargcount,
        co_varnames=code.co_varnames[:given] + template.co_varnames[given:],
        co_freevars=code.co_freevars,
        co_consts=tuple(
            (code if runs is None else runs)
            if isinstance(const, CodeType)
            else fill.get(const, const)
            if isinstance(const, str)
            else const
            for const in template.co_consts
        ),
    )


def site_of(code: CodeType) -> Site | None:
    """What a wrapper tells; None if the code is not a wrapper."""
    for const in code.co_consts:
        if type(const) is Site:
            return const
    return None


def _given(code: CodeType) -> int:
    """How many parameters there are, of all kinds."""
    stars = bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
    return code.co_argcount + code.co_kwonlyargcount + stars


class _Shape(NamedTuple):
    kind: int
    positional: int
    keyword_only: tuple[str, ...]
    star: bool
    stars: bool
    closure: int
    """How many variables of enclosing functions it uses."""
    without_first: bool


def _shape(code: CodeType, without_first: bool) -> _Shape:
    positional = code.co_argcount
    return _Shape(
        code.co_flags & (GENERATES | AWAITS | BOTH),
        positional,
        code.co_varnames[positional : positional + code.co_kwonlyargcount],
        bool(code.co_flags & inspect.CO_VARARGS),
        bool(code.co_flags & inspect.CO_VARKEYWORDS),
        len(code.co_freevars),
        without_first,
    )


@lru_cache(maxsize=1024)
def _template(shape: _Shape) -> CodeType:
    positional = [f"_flux_{at}" for at in range(shape.positional)]
    star = ["*_flux_rest"] if shape.star else []
    stars = ["**_flux_named"] if shape.stars else []
    free = [f"_flux_free_{at:05}" for at in range(shape.closure)]
    passes = [*positional, *star, *(f"{name}={name}" for name in shape.keyword_only), *stars]
    # In the order of `co_varnames`.
    values = [*positional[shape.without_first :], *shape.keyword_only]
    values += [each.lstrip("*") for each in (*star, *stars)]
    parameters = [*positional, *(star or ["*"] * bool(shape.keyword_only)), *shape.keyword_only, *stars]
    define = f"def _flux_function(): {'; '.join(free) or 'pass'}"
    body = _BODIES[shape.kind].replace("<function>", define if free else _ONCE).replace("<define>", define)
    body = body.replace("<values>", "".join(f"{value}, " for value in values))
    text = f"""
def make({", ".join(free)}):
    {"async " if shape.kind & (AWAITS | BOTH) else ""}def wrapper({", ".join(parameters)}):
        {_DOC!r}
        {body.replace("<arguments>", ", ".join(passes))}
"""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        # The wrapper has no lines: wherever it is, it is at the function's first one.
        if isinstance(node, ast.expr | ast.stmt | ast.ExceptHandler | ast.arg | ast.keyword):
            node.lineno = node.end_lineno = 1
            node.col_offset = node.end_col_offset = 0
    return _inside(_inside(compile(tree, "<wrapper>", "exec", dont_inherit=True), "make"), "wrapper")


def _inside(code: CodeType, name: str) -> CodeType:
    return next(const for const in code.co_consts if isinstance(const, CodeType) and const.co_name == name)


# What runs in the user's module must use none of its names: a module may have a `type` or a `BaseException` of its own.
# Everything comes by constants. An attribute of a constant costs nothing until it is needed.

_CALL = """
        _flux_here = "<site>".here
        _flux_recording = _flux_here()
        if _flux_recording is None or _flux_recording.ended:
            _flux_current = "<current>"
            _flux_recording = _flux_current()
            if _flux_recording is None:
                <define>
                try:
                    return <run>
                except "<site>".everything as _flux_error:
                    _flux_error.__traceback__ = _flux_error.__traceback__.tb_next
                    raise
        _flux_calls = _flux_recording.calls["<site>"]
        <function>
        _flux_left = _flux_calls.left - 1
        _flux_calls.left = _flux_left
        if _flux_left < 0:
            _flux_now = "<now>"
            _flux_start = _flux_now()
            try:
                return <run>
            except "<site>".everything as _flux_error:
                _flux_error.__traceback__ = _flux_error.__traceback__.tb_next
                "<site>".failed(_flux_recording, None, _flux_start, (<values>), _flux_error)
                raise
        _flux_call = "<site>".kept((<values>))
        try:
            _flux_result = <run>
        except "<site>".everything as _flux_error:
            _flux_error.__traceback__ = _flux_error.__traceback__.tb_next
            "<site>".failed(_flux_recording, _flux_call, 0, (<values>), _flux_error)
            raise
        if _flux_call is not None:
            "<site>".returned(_flux_recording, _flux_call, _flux_result)
        return _flux_result
"""

# Making a function of the code takes a third of all that is to be done for a call which is only counted.
_ONCE = """
        _flux_function, _flux_names = _flux_calls.run
        _flux_globals = "<globals>"
        if _flux_names is not _flux_globals():
            <define>
            _flux_calls.run = _flux_function, _flux_globals()
""".strip()

# A generator is driven by hand: `yield from` would close it where an exception was thrown in, drop what it answers to
# that, and does not exist for asynchronous ones. An exception that is thrown in is passed on when it is no longer being
# handled here, or it would become the context of whatever the generator raises afterwards.
_GENERATOR = """
        _flux_current = "<current>"
        _flux_recording = _flux_current()
        _flux_call = None
        _flux_start = 0
        if _flux_recording is not None:
            _flux_now = "<now>"
            _flux_start = _flux_now()
            _flux_call = "<site>".begin(_flux_recording, (<values>))
            "<site>".pause(_flux_call)
        <define>
        _flux_source = <run>
        _flux_sent = None
        _flux_thrown = []
        try:
            while True:
                if _flux_call is not None:
                    "<site>".resume(_flux_call)
                <step>
                if _flux_call is not None:
                    "<site>".yielded(_flux_call, _flux_value)
                try:
                    _flux_sent = yield _flux_value
                except "<site>".everything as _flux_error:
                    _flux_error.__traceback__ = _flux_error.__traceback__.tb_next
                    _flux_thrown.append(_flux_error)
        except "<site>".everything as _flux_error:
            _flux_error.__traceback__ = _flux_error.__traceback__.tb_next
            if _flux_recording is not None:
                "<site>".failed(_flux_recording, _flux_call, _flux_start, (<values>), _flux_error)
            raise
"""
_STEP = """
                try:
                    if _flux_thrown:
                        _flux_value = _flux_source.throw(_flux_thrown.pop())
                    else:
                        _flux_value = _flux_source.send(_flux_sent)
                except "<site>".exhausted as _flux_stop:
                    if _flux_call is not None:
                        "<site>".ended(_flux_recording, _flux_call)
                    return _flux_stop.value
"""
_ASYNC_STEP = (
    _STEP.replace("_flux_source.throw(", "await _flux_source.athrow(")
    .replace("_flux_source.send(", "await _flux_source.asend(")
    .replace(".exhausted as _flux_stop", ".exhausted_async")
    .replace("return _flux_stop.value", "return")
)


def _with(body: str, run: str) -> str:
    return body.strip().replace("<run>", run)


_RUN = "_flux_function(<arguments>)"
_BODIES: Final = {
    0: _with(_CALL, _RUN),
    AWAITS: _with(_CALL, f"await {_RUN}"),
    GENERATES: _with(_GENERATOR.replace("<step>", _STEP.strip()), _RUN),
    BOTH: _with(_GENERATOR.replace("<step>", _ASYNC_STEP.strip()), _RUN),
}
