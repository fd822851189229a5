"""Which version of its file a frame ran, as the spans of its failure tell it."""

import json
from typing import Any

import pytest

from flux_ls.analysis.version import Versions, as_it_ran, version
from flux_ls.model import Frame, Link, Raised, Resource, Span
from flux_ls.record import wire
from tests.analysis.spans import span
from tests.source.frames import frame

PAY, CART, LIB = "/srv/app/pay.py", "/srv/app/cart.py", "/usr/lib/lib.py"


def told(revision: str | None, blobs: Any = None) -> Span:
    attributes = {} if blobs is None else {wire.BLOBS: blobs}
    return span("pay", resource=Resource("shop", None, revision, {}), **attributes).span


def ran(each: Frame) -> tuple[str | None, str | None]:
    return each.revision, each.blob


@pytest.mark.parametrize(
    ("revision", "blobs", "expected"),
    [
        (None, None, (None, None)),
        ("c0ffee", None, ("c0ffee", None)),
        ("c0ffee", json.dumps({PAY: "b10b"}), ("c0ffee", "b10b")),
        (None, json.dumps({PAY: "b10b"}), (None, "b10b")),
        # Some pipelines make a tree of what is JSON.
        ("c0ffee", {PAY: "b10b"}, ("c0ffee", "b10b")),
        ("c0ffee", json.dumps({CART: "b10b"}), ("c0ffee", None)),
        # What does not tell it, in whatever way, is as good as nothing.
        ("c0ffee", json.dumps({PAY: 5}), ("c0ffee", None)),
        ("c0ffee", json.dumps([PAY, "b10b"]), ("c0ffee", None)),
        ("c0ffee", '{"/srv/app/pay.py": "b1', ("c0ffee", None)),
        ("c0ffee", "", ("c0ffee", None)),
        ("c0ffee", 5, ("c0ffee", None)),
        ("c0ffee", "[" * 100_000, ("c0ffee", None)),
    ],
)
def test_what_a_span_tells(revision: str | None, blobs: Any, expected: tuple[str | None, str | None]) -> None:
    assert ran(as_it_ran(frame(PAY), told(revision, blobs))) == expected
    assert ran(version(told(revision, blobs)).of(frame(PAY))) == expected


def test_of_a_file_that_several_spans_ran_the_innermost_counts() -> None:
    def stack(*paths: str) -> list[Raised]:
        return [Raised("E", "", tuple(frame(path, in_app=path != LIB) for path in paths))]

    versions = Versions()
    versions.learn(told("outer", {PAY: "dirty"}), stack(PAY, CART, LIB))
    versions.learn(told("inner"), stack(CART))
    assert [ran(versions.of(frame(path))) for path in (PAY, CART)] == [("outer", "dirty"), ("inner", None)]
    # What no stack told of, the innermost span ran: a library's frame, or one that only an attribute names.
    assert ran(versions.of(frame(LIB))) == ("inner", None)
    assert [ran(each) for each in versions.of_all([frame(PAY), frame(CART)])] == [("outer", "dirty"), ("inner", None)]
    chain = versions.of_chain([Link("E", "", frame(PAY)), Link("F", "", None)])
    assert [link.frame and ran(link.frame) for link in chain] == [("outer", "dirty"), None]


def test_before_anything_was_told() -> None:
    assert Versions().of(frame(PAY)) == frame(PAY)
