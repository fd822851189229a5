"""Whole modules by pattern, imported in every way there is."""

import importlib
import json
import os
import subprocess
import sys
import textwrap
import traceback
import types
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flux_ls.record import functions
from flux_ls.record.functions import span
from flux_ls.record.functions.wrapper import site_of
from tests.record.functions.conftest import Request
from tests.record.sent import Sent

SHOP = '''
"""A shop."""
import functools
from typing import overload

ROUTES = []


def route(function):
    ROUTES.append(function)
    return function


def hides(function):
    """A decorator that keeps nothing of the function."""
    return lambda *args: function(*args)


def logged(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)
    return wrapper


@route
def index(n): return n + 1

@hides
def hidden(n): return n + 2

@logged
def noted(n): return n + 3

def create():
    @route
    def inside(n): return n + 4
    return inside

AT_IMPORT = index(1)


class Order:
    """An order."""
    rate = 2
    def __init__(self, n): self.n = n
    def __repr__(self): return "order"
    def total(self): return self.n * self.rate
    @classmethod
    def make(cls, n): return cls(n)
    @staticmethod
    def add(a, b): return a + b
    @property
    def size(self): return self.n
    @size.setter
    def size(self, n): self.n = n
    @functools.cached_property
    def cached(self): return self.n
    def after(self): return 1
    class Line:
        def price(self): return 3

class Special(Order):
    def total(self): return super().total() + 1

double = lambda n: n * 2
squares = [n * n for n in range(3)]

def fails():
    raise ValueError("in the shop")
'''

Make = Callable[..., Path]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """A folder on the import path; its modules are forgotten afterwards."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def make(**sources: str) -> Path:
        for name, source in sources.items():
            file = tmp_path.joinpath(*name.split("__")).with_suffix(".py")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(textwrap.dedent(source))
        importlib.invalidate_caches()
        return tmp_path

    yield make
    functions.uninstall()
    for name in set(sys.modules) - before:
        sys.modules.pop(name).__dict__.pop("__loader__", None)


def recorded(module: types.ModuleType) -> set[str]:
    """Which of the functions that are to be found in the module are wrapped."""
    found: set[str] = set()
    waiting: list[object] = list(vars(module).values())
    waiting += module.__dict__.get("ROUTES", [])
    while waiting:
        each = waiting.pop()
        each = getattr(each, "__func__", each)
        if isinstance(each, types.FunctionType) and site_of(each.__code__) is not None:
            found.add(each.__code__.co_qualname)
        elif isinstance(each, type) and each.__module__ == module.__name__:
            waiting += vars(each).values()
        elif isinstance(each, property):
            waiting += [each.fget, each.fset]
        waiting += [vars(each)[name] for name in ("__wrapped__", "func") if name in getattr(each, "__dict__", {})]
    return found


ALL = {
    "route", "hides", "logged", "index", "noted", "create", "fails", "Order.total", "Order.make", "Order.add",
    "Order.after", "Order.Line.price", "Special.total",
}  # fmt: skip


def test_functions_and_methods_of_a_module(project: Make, request_: Request, sent: Sent) -> None:
    project(shop__orders=SHOP)
    functions.install(["shop.*"])
    import shop.orders as shop  # type: ignore[import-not-found]

    assert recorded(shop) == ALL
    with request_():
        assert shop.index(1) == 2
        assert shop.hidden(1) == 3
        assert shop.noted(1) == 4
        assert shop.create()(1) == 5
        order = shop.Special.make(4)
        assert (order.total(), order.size, order.cached, shop.Order.add(1, 2), repr(order)) == (9, 4, 4, 3, "order")
        assert (shop.Order.Line().price(), shop.double(2)) == (3, 4)
    assert [each.name for each in sent.spans if each.name != "request"] == [
        "index", "hidden", "noted", "route", "create", "create.inside", "Order.make", "Order.total", "Special.total",
        "Order.add", "Order.Line.price",
    ]  # fmt: skip
    assert sent.one("index").attributes["code.function.name"] == "shop.orders.index"


def test_routes_hold_what_is_recorded(project: Make) -> None:
    project(shop__orders=SHOP)
    functions.install(["shop.*"])
    import shop.orders as shop

    assert [shop.index] == shop.ROUTES
    assert site_of(shop.ROUTES[0].__code__) is not None


def test_modules_that_are_there_already(project: Make, request_: Request, sent: Sent) -> None:
    project(shop__orders=SHOP)
    import shop.orders as shop

    index, total, hidden = shop.index, shop.Order.total, shop.hidden
    functions.install(["shop.*"])
    assert recorded(shop) == ALL
    with request_():
        assert (index(1), total(shop.Order(2)), hidden(1)) == (2, 4, 3)
    assert [each.name for each in sent.spans] == ["index", "Order.total", "hidden", "request"]


def test_only_what_fits(project: Make) -> None:
    project(shop__orders=SHOP, shop__models="def save(): ...\n", shopping="def f(): ...\n")
    functions.install(["shop.*:Order", "!*.add", "shop:*"])
    import shop.models as models  # type: ignore[import-not-found]
    import shop.orders as orders
    import shopping  # type: ignore[import-not-found]

    assert recorded(orders) == {"Order.total", "Order.make", "Order.after", "Order.Line.price"}
    assert recorded(models) == recorded(shopping) == set()


def test_uninstall(project: Make) -> None:
    project(shop__orders=SHOP, early=SHOP, late="def f(): ...\n")
    import early  # type: ignore[import-not-found]

    span(early.Order.after)
    finders, limit = list(sys.meta_path), sys.getrecursionlimit()
    functions.install(["shop.*", "early", "late"])
    import shop.orders as shop

    assert recorded(early) == recorded(shop) == ALL
    functions.uninstall()
    assert (sys.meta_path, sys.getrecursionlimit()) == (finders, limit)
    assert recorded(shop) == set()
    assert recorded(early) == {"Order.after"}
    assert shop.create()(1) == 5
    import late  # type: ignore[import-not-found]

    assert recorded(late) == set()


def test_the_decorator_within_a_pattern(project: Make, request_: Request, sent: Sent) -> None:
    project(shop="from flux_ls.record import span\n@span('by name')\ndef f(n): return n\n")
    functions.install(["shop"])
    import shop

    with request_():
        shop.f(1)
    assert [each.name for each in sent.spans] == ["by name", "request"]
    functions.uninstall()
    assert recorded(shop) == {"f"}


def test_reload(project: Make, request_: Request, sent: Sent) -> None:
    folder = project(shop="def f(): return 1\n")
    functions.install(["shop"])
    import shop

    (folder / "shop.py").write_text("def f(): return 'second'\ndef g(): return 2\n")
    importlib.invalidate_caches()
    importlib.reload(shop)
    assert recorded(shop) == {"f", "g"}
    with request_():
        assert shop.f() == "second"
    assert sent.one("f").output == "second"


def test_byte_code_is_cached_as_ever(project: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    folder = project(shop=SHOP)
    functions.install(["shop"])
    import shop

    [cached] = folder.glob("__pycache__/shop.*.pyc")
    functions.uninstall()
    del sys.modules["shop"]
    assert b"flux" not in cached.read_bytes()
    again = importlib.import_module("shop")
    assert again is not shop
    assert recorded(again) == set()
    del sys.modules["shop"]
    functions.install(["shop"])
    assert recorded(importlib.import_module("shop")) == ALL


def test_archives_and_namespace_packages(project: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = project(space__inner__shop=SHOP)
    with zipfile.ZipFile(folder / "packed.zip", "w") as archive:
        archive.writestr("packed/__init__.py", "def here(): ...\n")
        archive.writestr("packed/shop.py", SHOP)
    monkeypatch.syspath_prepend(str(folder / "packed.zip"))
    functions.install(["space.*", "packed.*"])
    namespaced = importlib.import_module("space.inner.shop")
    archived = importlib.import_module("packed.shop")
    assert recorded(namespaced) == recorded(archived) == ALL
    assert recorded(importlib.import_module("packed")) == {"here"}


def test_loaders_without_code(project: Make) -> None:
    """As pytest's for tests, whose asserts it rewrites."""

    class Loader:
        def create_module(self, spec: Any) -> None: ...

        def exec_module(self, module: types.ModuleType) -> None:
            exec(compile(SHOP, "/app/made.py", "exec"), vars(module))

    class Finder:
        @staticmethod
        def find_spec(name: str, path: object = None, target: object = None) -> Any:
            return importlib.machinery.ModuleSpec(name, Loader()) if name == "made" else None  # type: ignore[arg-type]

    functions.install(["made"])
    sys.meta_path.append(Finder)  # type: ignore[arg-type]
    try:
        assert recorded(importlib.import_module("made")) == ALL
    finally:
        sys.meta_path.remove(Finder)  # type: ignore[arg-type]


@pytest.mark.parametrize("source", ["import shop_that_is_not_there\n", "1 / 0\n", "def f(:\n", "raise KeyError\n"])
def test_an_import_fails_as_ever(source: str, project: Make) -> None:
    project(shop__broken=source, shop____init__="")

    def failing() -> list[str]:
        try:
            importlib.import_module("shop.broken")
        except Exception as error:
            return traceback.format_exception(error)
        raise AssertionError("it was imported")

    expected = failing()
    functions.install(["shop.*"])
    assert failing() == expected


def test_a_failure_prints_the_same(project: Make, request_: Request) -> None:
    project(shop=SHOP, other=SHOP)
    functions.install(["shop"])
    import other  # type: ignore[import-not-found]
    import shop

    def printed(function: Callable[[], object]) -> str:
        try:
            function()
        except ValueError as error:
            return "".join(traceback.format_exception(error)).replace("other.py", "shop.py")
        raise AssertionError("it did not fail")

    expected = printed(other.fails)
    with request_():
        assert printed(shop.fails) == expected


def test_what_reads_byte_code_is_left_alone(project: Make) -> None:
    project(shop="def njit(f): return f\n@njit\ndef fast(n): return n\ndef slow(n): return n\n")
    functions.install(["shop"])
    import shop

    assert recorded(shop) == {"njit", "slow"}


def test_unusable_patterns_are_left_out(project: Make, caplog: pytest.LogCaptureFixture) -> None:
    project(shop="def f(): ...\n")
    functions.install(["shop/orders.py", "shop"])
    import shop

    assert recorded(shop) == {"f"}
    assert "functions: 'shop/orders.py' is no dotted name" in caplog.text


def test_as_deep_as_before(project: Make) -> None:
    project(shop="def down(n): return n and down(n - 1)\n")
    functions.install(["shop"])
    import shop

    deep = sys.getrecursionlimit() // 2 - 200
    assert shop.down(deep) == 0


MAIN = """
import json, sys
from flux_ls.record import functions
from flux_ls.record.opened import open_recording
functions.install({patterns!r})
import contextlib
class Job:
    def work(self, n): return helper(n) + 1
    @property
    def size(self): return 1
def helper(n): return n
def hides(f): return lambda *a: f(*a)
@hides
def hidden(n): return n
def main():
    opened = open_recording("a run")
    functions.adopt_main()
    Job().work(1), Job().size, hidden(2)
    print(json.dumps([[span.name, span.common["code.function.name"]] for span in opened.recording.spans]))
if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize("patterns", [["*"], ["__main__"], ["script"]])
def test_the_script_that_runs(patterns: list[str], tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(MAIN.format(patterns=patterns))
    environment = {**os.environ, "PYTHONPATH": str(Path(functions.__file__).parents[3])}
    run = subprocess.run(
        [sys.executable, str(tmp_path / "script.py")], capture_output=True, text=True, env=environment, timeout=50
    )
    assert run.stderr == ""
    assert json.loads(run.stdout) == [
        ["helper", "__main__.helper"],
        ["Job.work", "__main__.Job.work"],
        ["hidden", "__main__.hidden"],
    ]


def test_a_module_run_by_name(tmp_path: Path) -> None:
    (tmp_path / "tool.py").write_text(MAIN.format(patterns=[]))
    (tmp_path / "sitecustomize.py").write_text("from flux_ls.record import functions\nfunctions.install(['tool'])\n")
    source = (tmp_path / "tool.py").read_text().replace("functions.install([])\n", "")
    (tmp_path / "tool.py").write_text(source.replace("    functions.adopt_main()\n", ""))
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path(functions.__file__).parents[3])]),
    }
    run = subprocess.run([sys.executable, "-m", "tool"], capture_output=True, text=True, env=environment, timeout=50)
    assert run.stderr == ""
    assert [name for name, _ in json.loads(run.stdout)] == ["helper", "Job.work", "hidden"]
