"""Bodies and headers of HTTP messages."""

import json
from typing import Any

import pytest

from flux_ls.record.values import body, headers, snapshot_items
from flux_ls.record.wire import REDACTED

MULTIPART = (
    b'--b\r\nContent-Disposition: form-data; name="plan"\r\n\r\npro\r\n'
    b'--b\r\nContent-Disposition: form-data; name="password"\r\n\r\nopensesame\r\n'
    b'--b\r\nContent-Disposition: form-data; name="f"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n\x89PNG\r\n'
    b'--b\r\nContent-Disposition: form-data; name="f"; filename="b.txt"\r\n\r\ntext\r\n--b--\r\n'
)


@pytest.mark.parametrize(
    ("content_type", "raw", "expected"),
    [
        ("application/json", b'{"plan": null, "password": "x y"}', {"plan": None, "password": REDACTED}),
        ("application/json; charset=utf-8", b"[1, 2.5]", [1, 2.5]),
        ("application/problem+json", b'{"a": 1}', {"a": 1}),
        (b"application/json", b"not json", "not json"),
        ("application/json", b'{"$ref": 1}', {"$$ref": 1}),
        ("application/json", b'{"n": 10000000000000000000000000}', {"n": {"$type": "int", "$repr": "1" + "0" * 25}}),
        (None, b'{"a": 1}', {"a": 1}),
        ("", b"text", "text"),
        ("text/plain", b"plain text", "plain text"),
        ("text/plain", "naïve".encode(), "naïve"),
        ("text/html", b"<p>hello</p>", "<p>hello</p>"),
        ("application/x-www-form-urlencoded", b"plan=pro&a=1&a=2&token=xyz&b=",
         {"plan": "pro", "a": ["1", "2"], "token": REDACTED, "b": ""}),
        ("multipart/form-data; boundary=b", MULTIPART, {
            "plan": "pro", "password": REDACTED,
            "f": [{"filename": "a.png", "type": "image/png", "size": 4},
                  {"filename": "b.txt", "type": None, "size": 4}],
        }),
        (b"Multipart/Form-Data; Boundary=----FormBoundaryX7", MULTIPART.replace(b"--b", b"------FormBoundaryX7"),
         {"plan": "pro", "password": REDACTED,
          "f": [{"filename": "a.png", "type": "image/png", "size": 4},
                {"filename": "b.txt", "type": None, "size": 4}]}),
        ("image/png", b"\x89PNG\x00\x00", {"$bytes": "iVBORwAA"}),
        ("application/octet-stream", b"\xff\xfe", {"$bytes": "//4="}),
        ("application/json", b"", None),
    ],
)  # fmt: skip
def test_kinds(content_type: Any, raw: bytes, expected: Any) -> None:
    assert body(content_type, raw).tree == expected


def test_more_than_there_is() -> None:
    whole = json.dumps({"plan": "pro", "items": ["x y"] * 1000}).encode()
    tree = body("application/json", whole[:500], len(whole)).tree
    assert tree["$cut"].startswith('{"plan": "pro"')
    assert tree["length"] == len(whole)
    assert body("image/png", b"\x89PNG\0", 9000).tree["length"] == 9000
    assert body("text/plain", b"", 9000).tree == {"$bytes": "", "length": 9000}
    form = body("application/x-www-form-urlencoded", b"a=1&b=2", 9000).tree
    assert form == {"a": "1", "b": "2", "$more": 1}


def test_a_big_body_is_cut_and_small_fields_survive() -> None:
    tree = body("application/json", json.dumps({"blob": "x y " * 20_000, "plan": None}).encode()).tree
    assert tree["plan"] is None
    assert tree["blob"]["length"] == 80_000


def test_a_secret_at_the_cut_leaves_nothing() -> None:
    raw = b"x" * 4080 + b" password=opensesame" + b"y" * 5000
    assert "open" not in str(body("text/plain", raw[:6000], len(raw)).tree)


def test_headers() -> None:
    tree = headers(
        [("Host", "shop"), (b"Cookie", b"a=1"), ("Via", "1"), ("via", "2"), ("VIA", "3"), ("X-Api-Key", "opensesame")]
    ).tree
    assert tree == {"host": "shop", "cookie": REDACTED, "via": ["1", "2", "3"], "x-api-key": REDACTED}


def test_as_part_of_an_input() -> None:
    captured = snapshot_items([("method", "POST"), ("headers", headers([("a", "b")])), ("body", body(None, b"{}"))])
    assert captured.tree == {"method": "POST", "headers": {"a": "b"}, "body": {}}
