"""What a module's text says of its application: what it starts to serve with when it is the program, and what it offers
by a name.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flux_ls.replay.child.finding import called, is_factory_name, made_by, makes_one
from flux_ls.replay.child.own_files import Module, OwnFiles

_SERVE = frozenset({"run", "serve", "run_simple", "run_app", "make_server", "WSGIServer", "run_sync", "Config"})
"""What is given what is to be served; `run` is also a method of that, and `Config` is uvicorn's."""
_DEEP = 4
"""Modules that a name is followed through."""


@dataclass(frozen=True)
class Call:
    """`create_app('dev', n=1)`, or only a name."""

    name: str
    is_call: bool
    args: tuple[Any, ...] = ()
    keywords: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class Told:
    module: Module
    attribute: str
    is_factory: bool


def read_call(text: str) -> Call | None:
    """None for what is more than a name, or a call with literals."""
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        return _call(tree) if isinstance(tree, ast.Call) else Call(_dotted(tree), is_call=False)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _call(tree: ast.Call) -> Call:
    return Call(
        _dotted(tree.func),
        is_call=True,
        args=tuple(_literal(each) for each in tree.args),
        keywords=tuple((each.arg, _literal(each.value)) for each in tree.keywords if each.arg is not None),
    )


def _dotted(tree: ast.expr) -> str:
    if isinstance(tree, ast.Name):
        return tree.id
    if isinstance(tree, ast.Attribute):
        return f"{_dotted(tree.value)}.{tree.attr}"
    raise ValueError(tree)


def _literal(tree: ast.expr) -> Any:
    found = ast.literal_eval(tree)
    if not isinstance(found, str | int | float | None):
        raise ValueError(tree)
    return found


def offers(files: OwnFiles, module: Module, name: str, *, called: bool, depth: int = _DEEP) -> bool:
    """Whether the module has something of that name at its top; of what is called, a function that makes an
    application, as far as its text or its name tells."""
    tree = files.tree(module)
    if tree is None or depth == 0:
        return False
    top, _, more = name.partition(".")
    for node in reversed(list(_top(tree.body))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name == top:
            if isinstance(node, ast.ClassDef):
                return not called or bool(more) or is_factory_name(name)
            needs = len(node.args.posonlyargs + node.args.args) - len(node.args.defaults)
            # What needs nothing to be called is called, for it can be nothing that serves.
            return (needs > 0 and not called) or _makes(node)
        if isinstance(node, ast.Assign | ast.AnnAssign) and top in _targets(node):
            return True
        if isinstance(node, ast.ImportFrom) and (alias := _imports(node, top)) is not None:
            source = files.module(_absolute(node, module))
            if source is not None and offers(
                files, source, alias + (f".{more}" if more else ""), called=called, depth=depth - 1
            ):
                return True
            # The package may have a module of that name.
            return source is not None and bool(more) and not called
    return False


def application_in(files: OwnFiles, module: Module) -> Told | None:
    """What a program serves: it is given to a server, or runs itself."""
    tree = files.tree(module)
    if tree is None:
        return None
    for served in _served(tree):
        if (found := _resolved(files, module, tree, served)) is not None:
            return found
    return None


def _served(tree: ast.Module) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or called(node) not in _SERVE:
            continue
        if isinstance(node.func, ast.Attribute):
            yield node.func.value
        yield from node.args


def _resolved(files: OwnFiles, module: Module, tree: ast.Module, served: ast.expr, depth: int = _DEEP) -> Told | None:
    if depth == 0:
        return None
    if isinstance(served, ast.Constant) and isinstance(served.value, str):
        # `uvicorn.run("shop.main:app")`
        name, colon, attribute = served.value.partition(":")
        home = files.module(name) if colon and name.replace(".", "").isidentifier() else None
        call = read_call(attribute)
        if home is None or call is None or not offers(files, home, call.name, called=call.is_call):
            return None
        return Told(home, attribute, call.is_call)
    if isinstance(served, ast.Call):
        return _made(files, module, tree, served)
    if not isinstance(served, ast.Name):
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign) and served.id in _targets(node) and node.value is not None:
            if node in tree.body and isinstance(node.value, ast.Call) and made_by(node.value):
                return Told(module, served.id, is_factory=False)
            if (found := _resolved(files, module, tree, node.value, depth - 1)) is not None:
                return found
        if isinstance(node, ast.ImportFrom) and (alias := _imports(node, served.id)) is not None:
            source = files.module(_absolute(node, module))
            if source is not None and offers(files, source, alias, called=False):
                return Told(source, alias, is_factory=False)
    return None


def _made(files: OwnFiles, module: Module, tree: ast.Module, made: ast.Call) -> Told | None:
    """By a function, of this module or of the one that it was imported from."""
    try:
        call = _call(made)
    except ValueError:
        return None
    given = ast.unparse(made).partition("(")[2]
    top, _, more = call.name.rpartition(".")
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            if not top and (alias := _imports(node, more)) is not None:
                source, name = files.module(_absolute(node, module)), alias
            elif top and (alias := _imports(node, top)) is not None:
                source, name = files.module(f"{_absolute(node, module)}.{alias}"), more
            else:
                continue
        elif isinstance(node, ast.Import) and top in {each.asname or each.name for each in node.names}:
            real = next(each.name for each in node.names if (each.asname or each.name) == top)
            source, name = files.module(real), more
        elif isinstance(node, ast.FunctionDef) and not top and node.name == more and node in tree.body:
            source, name = module, more
        else:
            continue
        if source is not None and offers(files, source, name, called=True):
            return Told(source, f"{name}({given}", is_factory=True)
    return None


def _makes(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether it gives back an application, and does not serve one itself."""
    if isinstance(function, ast.AsyncFunctionDef) or not _returns(function.body):
        return False
    if is_factory_name(function.name) or makes_one(function):
        return True
    return any(isinstance(node, ast.Call) and is_factory_name(called(node)) for node in ast.walk(function))


def _returns(body: list[ast.stmt]) -> bool:
    """Whether something is given back, by what stands here and in no function inside."""
    for node in body:
        if isinstance(node, ast.Return) and node.value is not None:
            return True
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        for name in ("body", "orelse", "handlers", "finalbody", "cases"):
            for inner in getattr(node, name, ()):
                if _returns(inner.body if isinstance(inner, ast.ExceptHandler | ast.match_case) else [inner]):
                    return True
    return False


def _top(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """What stands at the top of a module, also under `if` and `try`."""
    for node in body:
        yield node
        for name in ("body", "orelse", "handlers", "finalbody"):
            if isinstance(node, ast.If | ast.Try | ast.With):
                for inner in getattr(node, name, ()):
                    yield from _top(inner.body) if isinstance(inner, ast.ExceptHandler) else _top([inner])


def _targets(node: ast.Assign | ast.AnnAssign) -> set[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _imports(node: ast.ImportFrom, name: str) -> str | None:
    """What it is called where it comes from."""
    return next((each.name for each in node.names if (each.asname or each.name) == name), None)


def _absolute(node: ast.ImportFrom, module: Module) -> str:
    if not node.level:
        return node.module or ""
    package = module.name.split(".")
    is_package = module.file.endswith("__init__.py")
    package = package[: len(package) - node.level + (1 if is_package else 0)]
    return ".".join([*package, *([node.module] if node.module else [])])
