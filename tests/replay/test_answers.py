"""Which recorded call an asked one is: by method, URL, body and order; what is near enough, and what is another."""

import base64
import json
from typing import Any

import pytest

from flux_ls.replay.child.answers import Failed, Recorded
from flux_ls.replay.child.blocked import SideEffectBlocked

URL = "https://pay.example/v1/charges"
JSON = {"content-type": "application/json"}


def call(
    url: str = URL, method: str = "POST", body: object = None, answer: str = "ok", **more: object
) -> dict[str, Any]:
    told = {
        "method": method,
        "url": url,
        "request_headers": JSON,
        "request_body": body,
        "asked": True,
        "status": 200,
        "headers": [("x-a", "1"), ("Content-Encoding", "gzip"), ("content-length", "9")],
        "body": base64.b64encode(answer.encode()).decode(),
        "error": "",
        "lacking": "",
    }
    return {**told, **more}


def ask(calls: Recorded, url: str = URL, method: str = "POST", body: object = None, **headers: str) -> str:
    raw = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    return calls.answer(method, url, {**JSON, **headers}, raw).body.decode()


@pytest.mark.parametrize(
    ("recorded", "asked"),
    [
        ({"body": {"a": 1}}, {"body": {"a": 1}}),
        ({"body": {"a": 1, "b": [1, {"c": None}]}}, {"body": {"b": [1, {"c": None}], "a": 1}}),
        ({"body": {"key": "[redacted]", "a": 1}}, {"body": {"key": "s3cret", "a": 1}}),
        ({"body": {"text": {"$cut": "Dear", "length": 5000}}}, {"body": {"text": "Dear Ada"}}),
        ({"body": {"a": 1, "$more": 2}}, {"body": {"a": 1, "b": 2, "c": 3}}),
        ({"body": [1, {"$more": 2}]}, {"body": [1, 2, 3]}),
        ({"body": {"customer": "cus_42", "amount": 5}}, {"body": {"customer": "cus_43", "amount": 5}}),
        ({"body": {"user_id": 42, "amount": 5}}, {"body": {"user_id": 57, "amount": 5}}),
        ({"body": {"created_at": "2026-01-01"}}, {"body": {"created_at": "2026-02-02"}}),
        ({"url": f"{URL}/42"}, {"url": f"{URL}/43"}),
        ({"url": f"{URL}?a=1&b=2"}, {"url": f"{URL}?b=2&a=1"}),
        ({"url": f"{URL}?token=[redacted]"}, {"url": f"{URL}?token=abc"}),
        # A secret may have been taken out of the middle of anything.
        ({"url": f"{URL}/[redacted]/x?mark=a-[redacted]"}, {"url": f"{URL}/s%26cret/x?mark=a-b"}),
        (
            {"url": "https://ada:[redacted]@pay.example/v1/charges"},
            {"url": "https://ada:secret@pay.example/v1/charges"},
        ),
        ({"body": {"text": "for [redacted], of [redacted]!"}}, {"body": {"text": "for a, of b, of c!"}}),
        ({"body": {"text": "for [redacted], ref ab12cd"}}, {"body": {"text": "for Ada, ref cd34ef"}}),
        ({"body": {"users": {"[redacted]": 1, "bob": 2}}}, {"body": {"users": {"ada": 1, "bob": 2}}}),
        ({"body": {"text": {"$cut": "Dear [redacted], you", "length": 99}}}, {"body": {"text": "Dear Ada, you are"}}),
        ({"body": ["[redacted]", 1]}, {"body": [481516, 1]}),
        ({"url": "https://pay.example:443/v1/charges"}, {}),
        ({"url": "http://127.0.0.1:4000/x"}, {"url": "http://localhost:5000/x"}),
        ({"asked": False}, {"body": {"any": "thing"}}),
        ({"body": {"$bytes": base64.b64encode(b"\0\1").decode(), "length": 3}}, {"body": b"\0\1\2"}),
    ],
)
def test_the_same_call(recorded: dict[str, Any], asked: dict[str, Any]) -> None:
    assert ask(Recorded([call(**recorded)]), **asked) == "ok"


@pytest.mark.parametrize(
    ("recorded", "asked", "because"),
    [
        ({"body": {"a": 1}}, {"body": {"a": 2}}, "its recorded call had another body"),
        ({"body": {"a": 1}}, {"body": {"a": True}}, "another body"),
        ({"body": {"a": 1}}, {"body": {"a": 1, "b": 2}}, "another body"),
        ({"body": {"amount": "19.00"}}, {"body": {"amount": "29.00"}}, "another body"),
        ({"body": {"amount": 19}}, {"body": {"amount": 29}}, "another body"),
        ({"body": {"text": "for [redacted], now"}}, {"body": {"text": "for ada, later"}}, "another body"),
        ({"body": {"text": "[redacted] a"}}, {"body": {"text": " b"}}, "another body"),
        ({"url": f"{URL}/[redacted]/x"}, {"url": f"{URL}/secret/y"}, "no such call was recorded"),
        ({}, {"url": "https://other.example/v1/charges"}, "no such call was recorded"),
        ({}, {"url": "https://pay.example/v1/refunds"}, "no such call was recorded"),
        ({}, {"url": "http://pay.example/v1/charges"}, "no such call was recorded"),
        ({}, {"method": "PUT"}, "no such call was recorded"),
        ({"url": f"{URL}?a=1"}, {"url": f"{URL}?a=2"}, "no such call was recorded"),
        ({}, {"url": "https://pay.example/v2/charges"}, "no such call was recorded"),
        ({"lacking": "it was cut"}, {}, "it was cut"),
        ({"status": None}, {}, "no answer to it was recorded"),
        (
            {"status": None, "error": "ReadTimeout"},
            {"idempotency-key": "k"},
            "its recorded call got no answer, and this one is another: idempotency-key is new",
        ),
    ],
)
def test_another_call_is_refused_with_the_reason(recorded: dict[str, Any], asked: dict[str, Any], because: str) -> None:
    with pytest.raises(SideEffectBlocked, match="was refused") as refused:
        ask(Recorded([call(**recorded)]), **asked)
    assert because in str(refused.value)


def test_the_exact_call_before_one_that_is_near() -> None:
    calls = Recorded([call(body={"id": 1}, answer="one"), call(body={"id": 2}, answer="two")])
    assert [ask(calls, body={"id": 2}), ask(calls, body={"id": 3})] == ["two", "one"]
    assert calls.notes == [f"POST {URL} was answered as a recorded call that differs"]


def test_each_answer_once_but_for_what_only_reads() -> None:
    calls = Recorded([call(answer="first"), call(answer="second"), call(method="GET", answer="read")])
    assert [ask(calls), ask(calls)] == ["first", "second"]
    with pytest.raises(SideEffectBlocked, match="recorded 2 times, and not once more"):
        ask(calls)
    assert [ask(calls, method="GET") for _ in range(3)] == ["read"] * 3


def test_an_answer_is_given_as_its_body_now_is() -> None:
    answer = Recorded([call()]).answer("POST", URL, JSON, b"")
    assert (answer.status, answer.headers) == (200, [("x-a", "1")])


@pytest.mark.parametrize(
    ("kind", "timed_out", "while_connecting"),
    [
        ("requests.exceptions.ReadTimeout", True, False),
        ("requests.exceptions.ConnectTimeout", True, True),
        ("requests.exceptions.ConnectionError", False, True),
        ("http.client.RemoteDisconnected", False, True),
    ],
)
def test_a_call_that_failed(kind: str, timed_out: bool, while_connecting: bool) -> None:
    with pytest.raises(Failed) as failed:
        ask(Recorded([call(status=None, error=kind)]))
    assert (failed.value.timed_out, failed.value.while_connecting) == (timed_out, while_connecting)
