"""A table: how a function is called, against what is recorded of the call."""

import asyncio
import collections
import datetime
import decimal
import enum
import functools
import io
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy
import pydantic
import pytest
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from flux_ls.record.functions import span
from tests.record.functions.conftest import Request
from tests.record.sent import Sent

HERE = "tests.record.functions.test_shapes"


@span
def plain(a: object, b: object = 2) -> object:
    return a


@span
def every(a: int, /, b: int, *rest: int, c: int, d: int = 4, **named: int) -> int:
    return a


@span
def nothing() -> None: ...


@span
def keyword(*, only: int = 1) -> int:
    return only


@span
def changes(items: list[int]) -> list[int]:
    items.append(2)
    return items


@span
async def awaits(n: int) -> int:
    await asyncio.sleep(0)
    return n + 1


@span
def yields(n: int) -> Generator[int, None, str]:
    yield from range(n)
    return "not recorded"


@span
async def async_yields(n: int) -> Any:
    for each in range(n):
        yield each


@dataclass
class Address:
    street: str
    password: str = "hunter2"

    @span
    def moved(self, street: str) -> "Address":
        return Address(street)


@dataclass(frozen=True, slots=True)
class Point:
    x: int
    tags: list[str] = field(default_factory=list)


class Order(pydantic.BaseModel):
    id: int
    card_number: str = "4111 1111 1111 1111"

    @span
    def total(self, *, rate: float) -> float:
        return self.id * rate


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "user"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]

    @span
    def rename(self, name: str) -> "User":
        self.name = name
        return self


class Color(enum.Enum):
    RED = "red"

    @span
    def mixed(self, other: "Color") -> str:
        return self.value + other.value


class Pair(NamedTuple):
    left: int
    right: int


class Slots:
    __slots__ = ("a", "b")

    def __init__(self) -> None:
        self.a = 1


class Hostile:
    def __repr__(self) -> str:
        raise RuntimeError("no")

    __str__ = __repr__

    def __getattr__(self, name: str) -> object:
        raise RuntimeError("no")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no")

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        raise RuntimeError("no")

    def __iter__(self) -> Any:
        raise RuntimeError("no")


@span
class Service:
    def __init__(self, name: str) -> None:
        self.name = name

    def method(self, a: int) -> int:
        return a

    @classmethod
    def made(cls, name: str) -> "Service":
        return cls(name)

    @staticmethod
    def static(a: int, self_made: bool = False) -> int:
        return a

    def __call__(self, n: int) -> int:
        return self._private(n)

    def _private(self, n: int) -> int:
        return n

    @property
    def hidden(self) -> int:
        return 1


class Cart(Service):
    @span
    def method(self, a: int) -> int:
        return super().method(a) + 1


def nested(outer: int) -> Callable[[int], int]:
    @span
    def inner(a: int) -> int:
        return outer + a

    return inner


@functools.wraps(plain)
def wraps_plain(*args: Any, **kwargs: Any) -> Any:
    return plain(*args, **kwargs)


cyclic: list[object] = [1]
cyclic.append(cyclic)


async def _all(values: Any) -> list[object]:
    return [each async for each in values]


SHAPES: list[tuple[Callable[[], object], str, object, object]] = [
    # arguments
    (lambda: plain(1), "plain", {"a": 1, "b": 2}, 1),
    (lambda: plain(b=1, a=None), "plain", {"a": None, "b": 1}, None),
    (
        lambda: every(1, 2, 3, 4, c=5, e=6, a=7),
        "every",
        {"a": 1, "b": 2, "rest": [3, 4], "c": 5, "d": 4, "named": {"e": 6, "a": 7}},
        1,
    ),
    (lambda: every(1, 2, c=3), "every", {"a": 1, "b": 2, "c": 3, "d": 4}, 1),
    (lambda: nothing(), "nothing", {}, None),
    (lambda: keyword(), "keyword", {"only": 1}, 1),
    (lambda: changes([1]), "changes", {"items": [1]}, [1, 2]),
    (lambda: wraps_plain(1), "plain", {"a": 1, "b": 2}, 1),
    (lambda: functools.partial(plain, b=5)(1), "plain", {"a": 1, "b": 5}, 1),
    # kinds of functions
    (lambda: asyncio.run(awaits(1)), "awaits", {"n": 1}, 2),
    (lambda: list(yields(2)), "yields", {"n": 2}, [0, 1]),
    (lambda: asyncio.run(_all(async_yields(2))), "async_yields", {"n": 2}, [0, 1]),
    (lambda: nested(1)(2), "nested.inner", {"a": 2}, 3),
    (lambda: Service("x").method(1), "Service.method", {"a": 1}, 1),
    (lambda: Service.method(Service("x"), 1), "Service.method", {"a": 1}, 1),
    (lambda: Service.made("x"), "Service.made", {"name": "x"}, {"$type": f"{HERE}.Service", "name": "x"}),
    (lambda: Service.static(1), "Service.static", {"a": 1, "self_made": False}, 1),
    (lambda: Service("x")(3), "Service.__call__", {"n": 3}, 3),
    (lambda: Service("x")(3), "Service._private", {"n": 3}, 3),
    (lambda: Cart("x").method(1), "Cart.method", {"a": 1}, 2),
    (lambda: Cart("x").method(1), "Service.method", {"a": 1}, 1),
    (
        lambda: Address("a").moved("b"),
        "Address.moved",
        {"street": "b"},
        {"$type": f"{HERE}.Address", "street": "b", "password": "[redacted]"},
    ),
    (lambda: Order(id=2).total(rate=1.5), "Order.total", {"rate": 1.5}, 3.0),
    (
        lambda: Color.RED.mixed(Color.RED),
        "Color.mixed",
        {"other": {"$type": f"{HERE}.Color", "name": "RED", "value": "red"}},
        "redred",
    ),
    (
        lambda: User(id=1, name="a").rename("b"),
        "User.rename",
        {"name": "b"},
        {"$type": f"{HERE}.User", "id": 1, "name": "b"},
    ),
    # values
    (lambda: plain(Point(1, ["t"])), "plain", {"a": {"$type": f"{HERE}.Point", "x": 1, "tags": ["t"]}, "b": 2}, ...),
    (
        lambda: plain(Order(id=1)),
        "plain",
        {"a": {"$type": f"{HERE}.Order", "id": 1, "card_number": "[redacted]"}, "b": 2},
        ...,
    ),
    (
        lambda: plain({"password": "p", "author": "a"}),
        "plain",
        {"a": {"password": "[redacted]", "author": "a"}, "b": 2},
        ...,
    ),
    (lambda: plain(Pair(1, 2)), "plain", {"a": {"$type": f"{HERE}.Pair", "left": 1, "right": 2}, "b": 2}, ...),
    (lambda: plain(Slots()), "plain", {"a": {"$type": f"{HERE}.Slots", "a": 1}, "b": 2}, ...),
    (lambda: plain(Hostile()), "plain", {"a": {"$type": f"{HERE}.Hostile"}, "b": 2}, ...),
    (lambda: plain(b"text"), "plain", {"a": "text", "b": 2}, ...),
    (lambda: plain(b"\xff\x00"), "plain", {"a": {"$bytes": "/wA="}, "b": 2}, ...),
    (lambda: plain(io.BytesIO(b"x")), "plain", {"a": {"$type": "_io.BytesIO"}, "b": 2}, ...),
    (lambda: plain(decimal.Decimal("1.5")), "plain", {"a": {"$type": "decimal.Decimal", "$repr": "1.5"}, "b": 2}, ...),
    (
        lambda: plain(datetime.date(2020, 1, 2)),
        "plain",
        {"a": {"$type": "datetime.date", "$repr": "2020-01-02"}, "b": 2},
        ...,
    ),
    (lambda: plain(cyclic), "plain", {"a": [1, {"$ref": "list"}], "b": 2}, ...),
    (lambda: plain(float("nan")), "plain", {"a": {"$float": "nan"}, "b": 2}, ...),
    (lambda: plain(collections.deque([1])), "plain", {"a": [1], "b": 2}, ...),
    (
        lambda: plain(numpy.array([1, 2])),
        "plain",
        {"a": {"$type": "numpy.ndarray", "shape": [2], "dtype": "int64", "values": [1, 2]}, "b": 2},
        ...,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("call", "name", "given", "returned"), SHAPES)
def test_is_recorded(
    call: Callable[[], object], name: str, given: object, returned: object, request_: Request, sent: Sent
) -> None:
    with request_():
        call()
    found = sent.one(name)
    assert found.input == given
    if returned is not ...:
        assert found.output == returned
    assert found.error is None


def test_a_span_tells_where_its_function_is(request_: Request, sent: Sent) -> None:
    with request_():
        plain(1)
    found = sent.one("plain")
    assert found.attributes["code.function.name"] == f"{HERE}.plain"
    assert found.attributes["code.file.path"] == __file__
    assert found.attributes["code.line.number"] == plain.__code__.co_firstlineno
    assert found.parent_id == sent.one("request").span_id
    assert found.start_ns <= found.end_ns


def test_a_large_value_is_cut(request_: Request, sent: Sent) -> None:
    with request_():
        plain("x" * 1_000_000)
    cut = sent.one("plain").input["a"]
    assert cut["length"] == 1_000_000
    assert len(cut["$cut"]) < 5_000
