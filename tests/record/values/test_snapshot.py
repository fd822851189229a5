"""What becomes of a value, by its kind; and that looking at one has no effect on it, whatever it is."""

import array
import asyncio
import collections
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import functools
import io
import json
import math
import pathlib
import socket
import sys
import tempfile
import threading
import time
import types
import uuid
import zoneinfo
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import attrs
import msgspec
import numpy
import pydantic
import pydantic.v1
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux_ls.record.values import Captured, encode, snapshot, snapshot_items
from flux_ls.record.wire import REDACTED

HERE = __name__


class Plan(enum.Enum):
    FREE = "free"


class Colour(str, enum.Enum):  # noqa: UP042
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Flags(enum.Flag):
    A = 1
    B = 2


class Point(NamedTuple):
    x: int
    y: int


@dataclasses.dataclass
class User:
    name: str
    password: str
    plan: Plan | None = None


@dataclasses.dataclass(slots=True, frozen=True)
class Frozen:
    a: int
    b: str


@attrs.define
class Attrs:
    a: int
    token: str


class Struct(msgspec.Struct):
    a: int
    b: str | None = None


class Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    a: int
    key: pydantic.SecretStr = pydantic.SecretStr("opensesame")

    @property
    def fails(self) -> int:
        raise AssertionError


class OldModel(pydantic.v1.BaseModel):
    a: int


class Slots:
    __slots__ = ("__dict__", "_b", "a", "unset")

    def __init__(self) -> None:
        self.a = 1
        self._b = 2
        self.c = 3


class Plain:
    def __init__(self, **fields: Any) -> None:
        vars(self).update(fields)


class Text(str):
    __slots__ = ()

    def __str__(self) -> str:
        raise AssertionError

    __repr__ = __len__ = __iter__ = __getitem__ = __eq__ = __hash__ = __str__  # type: ignore[assignment]


class Number(int):
    def __repr__(self) -> str:
        raise AssertionError

    __str__ = __int__ = __index__ = __eq__ = __hash__ = __lt__ = __repr__  # type: ignore[assignment]


class Items(dict[Any, Any]):
    def items(self) -> Any:
        raise AssertionError

    keys = values = __iter__ = __len__ = __getitem__ = __contains__ = get = items  # type: ignore[assignment]


class Elements(list[Any]):
    def __iter__(self) -> Any:
        raise AssertionError

    __len__ = __getitem__ = __iter__  # type: ignore[assignment]


class ShopError(Exception):
    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class Celsius(float):
    pass


class OwnZone(dt.tzinfo):
    def utcoffset(self, moment: dt.datetime | None) -> dt.timedelta:
        raise AssertionError


def function() -> None: ...


def told(kind: str, text: str) -> dict[str, str]:
    return {"$type": kind, "$repr": text}


OWN_TIME = "2024-05-01T00:00:00 in another time zone"
PARIS = zoneinfo.ZoneInfo("Europe/Paris")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (7, 7),
        (-7, -7),
        (1.5, 1.5),
        (math.nan, {"$float": "nan"}),
        (-math.inf, {"$float": "-inf"}),
        (2**62, 2**62),
        (2**70, told("int", str(2**70))),
        ("text", "text"),
        (b"text", "text"),
        (bytearray(b"text"), "text"),
        (memoryview(b"text"), "text"),
        (memoryview(b"a-b-c-")[::2], "abc"),
        (b"\xff\x00", {"$bytes": "/wA="}),
        ("é".encode(), "é"),
        ([1, "a", None], [1, "a", None]),
        ((1, (2,)), [1, [2]]),
        ({3, 1, 2}, [1, 2, 3]),
        (frozenset({"b", "a"}), ["a", "b"]),
        (deque([1, 2]), [1, 2]),
        (range(3), told("range", "range(0, 3)")),
        ({"a": {"b": 1}}, {"a": {"b": 1}}),
        ({1: "a", None: "b", (1, "x"): "c", Plan.FREE: "d"}, {"1": "a", "None": "b", "(1, x)": "c", "FREE": "d"}),
        ({"$ref": 1, "$$x": 2}, {"$$ref": 1, "$$$x": 2}),
        ({1: "a", "1": "b"}, {"1": "a", "1 (2)": "b"}),
        (OrderedDict(a=1), {"a": 1}),
        (defaultdict(list, a=[1]), {"a": [1]}),
        (collections.Counter("aab"), {"a": 2, "b": 1}),
        (Text("text"), "text"),
        (Number(7), 7),
        (Celsius(1.5), 1.5),
        (Items(a=1), {"a": 1}),
        (Elements([1]), [1]),
        (Point(1, 2), {"$type": f"{HERE}.Point", "x": 1, "y": 2}),
        (User("Ada", "opensesame", Plan.FREE), {
            "$type": f"{HERE}.User", "name": "Ada", "password": REDACTED,
            "plan": {"$type": f"{HERE}.Plan", "name": "FREE", "value": "free"},
        }),
        (Frozen(1, "x"), {"$type": f"{HERE}.Frozen", "a": 1, "b": "x"}),
        (Attrs(1, "opensesame"), {"$type": f"{HERE}.Attrs", "a": 1, "token": REDACTED}),
        (Struct(1), {"$type": f"{HERE}.Struct", "a": 1, "b": None}),
        (OldModel(a=1), {"$type": f"{HERE}.OldModel", "a": 1}),
        (Slots(), {"$type": f"{HERE}.Slots", "c": 3, "_b": 2, "a": 1}),
        (Plain(a=1), {"$type": f"{HERE}.Plain", "a": 1}),
        (Plain(), {"$type": f"{HERE}.Plain"}),
        (Colour.RED, {"$type": f"{HERE}.Colour", "name": "RED", "value": "red"}),
        (Level.HIGH, {"$type": f"{HERE}.Level", "name": "HIGH", "value": 3}),
        (Flags.A | Flags.B, {"$type": f"{HERE}.Flags", "name": "A|B", "value": 3}),
        (types.SimpleNamespace(a=1), {"$type": "types.SimpleNamespace", "a": 1}),
        (decimal.Decimal("12.50"), told("decimal.Decimal", "12.50")),
        (fractions.Fraction(1, 3), {"$type": "fractions.Fraction", "_denominator": 3, "_numerator": 1}),
        (uuid.UUID(int=5), told("uuid.UUID", "00000000-0000-0000-0000-000000000005")),
        (dt.date(2024, 5, 1), told("datetime.date", "2024-05-01")),
        (dt.datetime(2024, 5, 1, 12, 30), told("datetime.datetime", "2024-05-01T12:30:00")),
        (dt.datetime(2024, 5, 1, tzinfo=dt.UTC), told("datetime.datetime", "2024-05-01T00:00:00+00:00")),
        (dt.datetime(2024, 5, 1, tzinfo=PARIS), told("datetime.datetime", "2024-05-01T00:00:00+02:00")),
        (dt.datetime(2024, 5, 1, tzinfo=OwnZone()), told("datetime.datetime", OWN_TIME)),
        (dt.time(12, 30), told("datetime.time", "12:30:00")),
        (dt.timedelta(seconds=90), told("datetime.timedelta", "0:01:30")),
        (pathlib.PurePosixPath("/srv/shop"), told("pathlib.PurePosixPath", "/srv/shop")),
        (ShopError("declined", 402), {"$type": f"{HERE}.ShopError", "args": ["declined"], "code": 402}),
        (KeyError("plan"), {"$type": "KeyError", "args": ["plan"]}),
        (function, told("function", f"{HERE}.function")),
        (len, told("builtin_function_or_method", "len")),
        (Plain, told("type", f"{HERE}.Plain")),
        (json, told("module", "json")),
        (functools.partial(function, 1), told("functools.partial", f"{HERE}.function")),
        (Plain().__init__, told("method", f"{HERE}.Plain.__init__")),
        (array.array("i", [1]), {"$type": "array.array"}),
        (..., told("ellipsis", "Ellipsis")),
        (Captured({"a": 1}), {"a": 1}),
        (numpy.arange(3), {"$type": "numpy.ndarray", "shape": [3], "dtype": "int64", "values": [0, 1, 2]}),
        (numpy.zeros((1000, 1000), "float32"), {
            "$type": "numpy.ndarray", "shape": [1000, 1000], "dtype": "float32",
            "values": [*[0.0] * 8, {"$more": 999992}],
        }),
        (numpy.float32(1.5), 1.5),
        (numpy.int64(7), 7),
        (numpy.bool_(True), True),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_kinds(value: Any, expected: Any) -> None:
    tree = snapshot(value)
    assert tree == expected
    assert json.loads(encode({"x": Captured(tree)})["x"]) == tree
    assert snapshot_items([("value", value)]).tree == {"value": expected}
    assert snapshot({"of": [value]}) == {"of": [expected]}


def test_a_pydantic_model() -> None:
    assert snapshot(Model(a=1, extra="b")) == {
        "$type": f"{HERE}.Model",
        "a": 1,
        "key": {"$type": "pydantic.types.SecretStr"},
        "extra": "b",
    }


class TestNothingIsUsedUp:
    def test_generators(self) -> None:
        def numbers() -> Iterator[int]:
            yield from range(3)

        generator = numbers()
        assert snapshot(generator)["$type"] == "generator"
        assert list(generator) == [0, 1, 2]

    def test_coroutines(self) -> None:
        async def answer() -> int:
            return 42

        coroutine = answer()
        assert snapshot(coroutine)["$type"] == "coroutine"
        assert asyncio.run(coroutine) == 42

    @pytest.mark.parametrize(
        "make", [lambda: iter([1, 2]), lambda: map(str, [1, 2]), lambda: zip([1], [2], strict=True)]
    )
    def test_iterators(self, make: Callable[[], Iterator[Any]]) -> None:
        iterator = make()
        assert set(snapshot(iterator)) == {"$type"}
        assert list(iterator) == list(make())

    def test_files(self, tmp_path: pathlib.Path) -> None:
        file = tmp_path / "a.txt"
        file.write_text("some text")
        with file.open() as opened, file.open("rb") as raw, tempfile.TemporaryFile() as temporary:
            for each in (opened, raw, temporary, io.StringIO("text"), io.BytesIO(b"text")):
                assert "$type" in snapshot(each)
            assert opened.read() == "some text"
            assert raw.tell() == 0

    def test_sockets_and_locks(self) -> None:
        lock = threading.Lock()
        with socket.socket() as made, lock:
            for value in (made, lock, threading.RLock(), threading.Event(), threading.current_thread()):
                assert set(snapshot(value)) == {"$type"}


def raises(*_: Any, **__: Any) -> Any:
    raise AssertionError("the user's code was run")


class Meta(type):
    __eq__ = __hash__ = __instancecheck__ = __subclasscheck__ = __getattribute__ = raises  # type: ignore[assignment]


HOSTILE: dict[str, Any] = dict.fromkeys(
    (
        "__repr__", "__str__", "__format__", "__bytes__", "__len__", "__iter__", "__getitem__", "__contains__",
        "__eq__", "__hash__", "__bool__", "__int__", "__index__", "__float__", "__getattr__", "__getattribute__",
        "__dir__", "__sizeof__", "__reduce__", "__reduce_ex__", "__copy__", "__deepcopy__", "__call__", "__next__",
        "__enter__", "__await__", "__fspath__", "__array__", "keys", "items", "values", "get", "isoformat", "item",
    ),
    raises,
)  # fmt: skip
HOSTILE["__module__"] = HERE
HOSTILE["__class__"] = property(raises)
HOSTILE["prop"] = property(raises)
HOSTILE["shape"] = HOSTILE["dtype"] = property(raises)


@pytest.mark.parametrize(
    "bases",
    [
        (),
        (dict,),
        (list,),
        (tuple,),
        (set,),
        (frozenset,),
        (str,),
        (bytes,),
        (bytearray,),
        (int,),
        (float,),
        (deque,),
        (Exception,),
        (dt.date,),
        (dt.datetime,),
        (decimal.Decimal,),
        (uuid.UUID,),
        (Mapping,),
        (Iterator,),
    ],
    ids=str,
)
def test_the_users_code_is_never_run(bases: tuple[type, ...]) -> None:
    arguments: dict[Any, tuple[Any, ...]] = {
        dt.date: (2024, 5, 1),
        dt.datetime: (2024, 5, 1),
        uuid.UUID: ("00000000-0000-0000-0000-000000000005",),
    }
    made = types.new_class("Hostile", bases, {}, lambda space: space.update(HOSTILE))
    value = made(*(arguments.get(bases[0], ()) if bases else ()))
    for tree in (snapshot(value), snapshot([value])[0], snapshot_items([("a", value)]).tree["a"]):
        assert "$unreadable" not in (tree if isinstance(tree, dict) else {})
        encode({"x": Captured(tree)})


def test_nor_the_code_of_a_metaclass() -> None:
    made = types.new_class("Hostile", (), {"metaclass": Meta}, lambda space: space.update(HOSTILE))
    value = object.__new__(made)
    assert snapshot([value, {"a": value}, made]) == [
        {"$type": f"{HERE}.Hostile"},
        {"a": {"$type": f"{HERE}.Hostile"}},
        {"$type": f"{HERE}.Meta", "$repr": f"{HERE}.Hostile"},
    ]


def test_a_module_that_loads_lazily() -> None:
    class Lazy(types.ModuleType):
        __getattribute__ = raises  # type: ignore[assignment]

    assert snapshot(Lazy("lazy"))["$repr"] == "lazy"


def test_a_name_that_is_a_proxy() -> None:
    import werkzeug.local
    from flask import Flask, current_app, g, request, session

    for proxy in (request, current_app, session, g):
        assert snapshot(proxy) == {"$type": "werkzeug.local.LocalProxy"}
    app = Flask("shop")
    assert snapshot(app) == {"$type": "flask.app.Flask"}
    with app.test_request_context("/signup", method="POST"):
        assert snapshot(werkzeug.local.LocalProxy(lambda: raises())) == {"$type": "werkzeug.local.LocalProxy"}
        assert snapshot(request._get_current_object())["$type"].endswith("Request")  # type: ignore[attr-defined]


class TestBounds:
    def test_cycles(self) -> None:
        value: dict[str, Any] = {"a": [1]}
        value["self"] = value
        value["a"].append(value)
        assert snapshot(value) == {"a": [1, {"$ref": "dict"}], "self": {"$ref": "dict"}}
        plain = Plain(a=1)
        plain.me = plain  # type: ignore[attr-defined]
        assert snapshot(plain) == {"$type": f"{HERE}.Plain", "a": 1, "me": {"$ref": f"{HERE}.Plain"}}

    def test_the_same_twice_is_no_cycle(self) -> None:
        shared = {"a": 1}
        assert snapshot([shared, shared]) == [{"a": 1}, {"a": 1}]

    def test_depth(self) -> None:
        deep: Any = 1
        for _ in range(100_000):
            deep = [deep]
        tree = snapshot(deep)
        for _ in range(12):
            (tree,) = tree
        assert tree == {"$deep": "list"}

    def test_a_cycle_of_many_branches(self) -> None:
        value: list[Any] = []
        value.extend([value] * 50)
        start = time.process_time()
        assert snapshot([{"a": value, "b": [value] * 20}])
        assert time.process_time() - start < 1

    def test_breadth(self) -> None:
        tree = snapshot(list(range(1_000_000)))
        assert tree[:3] == [0, 1, 2]
        assert tree[-1] == {"$more": 1_000_000 - len(tree) + 1}
        tree = snapshot({str(number): number for number in range(100_000)})
        assert tree["$more"] == 100_000 - len(tree) + 1
        assert len(encode({"x": Captured(tree)})["x"]) < 5000

    @pytest.mark.parametrize("make", [lambda: "x" * 10**8, lambda: b"x" * 10**8, lambda: bytearray(10**8)])
    def test_a_huge_text_is_not_copied(self, make: Callable[[], Any]) -> None:
        value = make()
        start = time.process_time()
        for tree in (snapshot(value), snapshot([value])[0], snapshot_items([("a", value)]).tree["a"]):
            assert tree["length"] == 10**8
        assert time.process_time() - start < 0.5

    def test_a_huge_number(self) -> None:
        start = time.process_time()
        tree = snapshot({"n": 10**1_000_000, "m": -(1 << 5000)})
        assert tree["n"]["$repr"].endswith("a number of 3321929 bits")
        assert tree["m"]["$repr"].startswith("-0x8000000000000000…")
        assert snapshot(decimal.Decimal(10) ** 999_999)["$repr"]
        assert "digits" in snapshot(decimal.Decimal("1" * 5000))["$repr"]
        assert time.process_time() - start < 1

    def test_text_marks(self) -> None:
        assert snapshot("abc " * 2000, 100) == {"$cut": ("abc " * 2000)[:70], "length": 8000}
        assert snapshot(b"\x00\xff" * 5000, 100)["length"] == 10_000

    def test_small_values_survive_big_ones(self) -> None:
        tree = snapshot({"big": "x y " * 100_000, "plan": None, "email": "ada@example.com", "list": list(range(5000))})
        assert tree["plan"] is None
        assert tree["email"] == "ada@example.com"
        assert tree["big"]["length"] == 400_000
        assert tree["list"][-1]["$more"] > 4000
        assert len(encode({"x": Captured(tree)})["x"]) <= 4200

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
            max_leaves=100,
        ),
        st.integers(64, 4096),
    )
    def test_any_value_within_its_budget(self, value: Any, budget: int) -> None:
        text = encode({"x": Captured(snapshot(value, budget))}, 10**6)["x"]
        json.loads(text)
        assert len(text) <= 2 * budget + 200

    def test_a_dict_that_another_thread_changes(self) -> None:
        value: dict[str, int] = {}
        stop = threading.Event()

        def change() -> None:
            number = 0
            while not stop.is_set():
                number += 1
                value[f"k{number % 300}"] = number
                value.pop(f"k{(number * 7) % 300}", None)

        thread = threading.Thread(target=change)
        before = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        thread.start()
        try:
            for _ in range(300):
                assert "$unreadable" not in snapshot({"a": value})["a"]
        finally:
            stop.set()
            thread.join()
            sys.setswitchinterval(before)

    def test_it_shows_the_value_as_it_was(self) -> None:
        value: dict[str, Any] = {"items": [1], "plan": {"name": "free"}}
        tree = snapshot_items([("cart", value)]).tree
        value["items"].append(2)
        value["plan"]["name"] = "pro"
        assert tree == {"cart": {"items": [1], "plan": {"name": "free"}}}


class TestNames:
    def test_secret_names_tell_without_a_look_at_the_value(self) -> None:
        hostile = types.new_class("Hostile", (), {}, lambda space: space.update(HOSTILE))()
        assert snapshot_items([("password", hostile), ("api_key", 12), ("plan", 1)]).tree == {
            "password": REDACTED,
            "api_key": REDACTED,
            "plan": 1,
        }

    def test_a_database_session_is_no_secret(self) -> None:
        from sqlalchemy.orm import Session

        assert snapshot_items([("session", Session()), ("auth", Plain(a=1))]).tree == {
            "session": {"$type": "sqlalchemy.orm.session.Session"},
            "auth": {"$type": f"{HERE}.Plain", "a": 1},
        }

    def test_what_is_missing_is_no_secret(self) -> None:
        assert snapshot_items([("password", None), ("token", False)]).tree == {"password": None, "token": False}

    def test_long_names(self) -> None:
        (name,) = snapshot({"k" * 10_000: 1})
        assert len(name) < 300
