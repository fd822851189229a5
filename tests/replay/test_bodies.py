"""From what was recorded of a body back to its bytes; what is not all there is told, and never guessed."""

import json
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux_ls.record.values import body
from flux_ls.replay.bodies import Lost, body_of, bytes_of

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("tree", "content_type", "expected"),
    [
        (None, JSON, b""),
        ({"a": [1, None, True]}, JSON, b'{"a":[1,null,true]}'),
        ({"a": "é"}, "application/problem+json; charset=utf-8", '{"a":"é"}'.encode()),
        ("text", JSON, b'"text"'),
        ("{not json", JSON, b"{not json"),
        (3, JSON, b"3"),
        ("plain", "text/plain", b"plain"),
        ("é", "text/plain; charset=latin-1", b"\xe9"),
        ("é", "text/plain; charset=nonsense", "é".encode()),
        ({"a": "1", "b": ["x y", "&"]}, FORM, b"a=1&b=x+y&b=%26"),
        ({"$bytes": "AAEC"}, "application/octet-stream", b"\x00\x01\x02"),
        ({"$$bytes": "kept"}, JSON, b'{"$bytes":"kept"}'),
        ({"n": {"$float": "nan"}}, JSON, b'{"n":NaN}'),
        (
            {"name": "Ada", "tags": ["a", "b"]},
            "multipart/form-data; boundary=xx",
            b'--xx\r\nContent-Disposition: form-data; name="name"\r\n\r\nAda\r\n'
            b'--xx\r\nContent-Disposition: form-data; name="tags"\r\n\r\na\r\n'
            b'--xx\r\nContent-Disposition: form-data; name="tags"\r\n\r\nb\r\n--xx--\r\n',
        ),
    ],
)
def test_bytes(tree: object, content_type: str, expected: bytes) -> None:
    assert bytes_of(tree, content_type) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("tree", "content_type", "reason"),
    [
        ({"note": {"$cut": "Welcome", "length": 5000}}, JSON, "it was cut"),
        ({"$cut": "Welcome", "length": 5000}, "text/plain", "it was cut"),
        ([1, {"$more": 99}], JSON, "it was cut"),
        ({"a": 1, "$more": 3}, FORM, "it was cut"),
        ({"$bytes": "AA==", "length": 9999}, "image/png", "it was cut"),
        ({"a": {"$deep": "dict"}}, JSON, "nested deeper"),
        ({"$unreadable": "OSError"}, JSON, "could not be read"),
        (
            {"f": {"filename": "a.png", "type": "image/png", "size": 3}},
            "multipart/form-data; boundary=xx",
            "the content of the file a.png is not recorded",
        ),
    ],
)
def test_what_is_not_all_there(tree: object, content_type: str, reason: str) -> None:
    with pytest.raises(Lost, match=reason):
        bytes_of(tree, content_type)  # type: ignore[arg-type]


plain_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(alphabet="abcé$ {[\n", max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(alphabet="ab$", max_size=3), inner, max_size=4),
    max_leaves=12,
)


@given(plain_values)
def test_json_goes_and_comes_back(value: object) -> None:
    """The recorder's own tree of a body, made into bytes again, says the same."""
    raw = json.dumps(value).encode()
    tree = body(JSON, raw).tree
    back = body_of({"body": tree}, JSON)
    if isinstance(value, str) and value[:1] in ("{", "["):
        assert back in (value.encode(), raw), "a JSON text that looks like JSON itself"
    else:
        assert json.loads(back) == value


@given(st.dictionaries(st.text(min_size=1, max_size=5), st.text(max_size=8), min_size=1, max_size=4))
def test_forms_go_and_come_back(fields: dict[str, str]) -> None:
    from urllib.parse import urlencode

    raw = urlencode(fields).encode()
    back = bytes_of(body(FORM, raw).tree, FORM)
    told = parse_qs(back.decode(), keep_blank_values=True, errors="replace")
    expected = parse_qs(raw.decode(), keep_blank_values=True, errors="replace")
    redacted = {name for name, values in told.items() if values == ["[redacted]"]}
    assert {n: v for n, v in told.items() if n not in redacted} == {
        n: v for n, v in expected.items() if n not in redacted
    }
