"""The corpus of secrets through everything that the recorder captures: nothing of any of them is in what it sends."""

import json
import string
from typing import Any

import pytest
import re2  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from flux_ls.record.redaction import redact_text, redact_tree
from flux_ls.record.redaction.prefilter import expression
from flux_ls.record.values import Captured, body, encode, headers, snapshot, snapshot_items
from tests.record.redaction.innocents import NAMED, TEXTS
from tests.record.redaction.secrets import SECRETS, Secret
from tests.record.redaction.test_keys import SECRET

_TOLD = 8
"""Characters of a secret in a row: nobody may find as many of them."""


def parts_of(secret: str) -> list[str]:
    parts = [secret[at : at + _TOLD] for at in range(max(1, len(secret) - _TOLD + 1))]
    return [*parts, *(json.dumps(part)[1:-1] for part in parts)]


def text_of(secret: Secret) -> str:
    """The carrier as it stands in logs and messages."""
    carrier = secret.carrier
    match secret.where:
        case "body":
            return carrier[1].decode()  # type: ignore[no-any-return]
        case "parameter":
            return f"(x.Error) failed\n[SQL: {carrier[0]}]\n[parameters: {carrier[1]}]\n(Background on this error)"
        case "url" | "message":
            return carrier  # type: ignore[no-any-return]
    return repr(carrier)


def captured(secret: Secret) -> list[str]:
    carrier: Any = secret.carrier
    match secret.where:
        case "header":
            trees = [headers(carrier)]
        case "body":
            trees = [body(*carrier)]
        case "argument" | "local":
            trees = [snapshot_items([carrier])]
        case _:
            text = text_of(secret)
            trees = [
                snapshot_items([("text", text), ("raw", text.encode()), ("error", ValueError(text))]),
                Captured(snapshot({"list": [text]})),
                body("text/plain", text.encode()),
                Captured(redact_tree({"text": text})),
                Captured(redact_text(text)),
            ]
    return [encode({"tree": tree})["tree"] for tree in trees]


def test_it_is_large_enough() -> None:
    assert len(SECRETS) >= 200
    assert len(NAMED) + len(TEXTS) >= 100
    assert {secret.where for secret in SECRETS} == {
        "header", "body", "argument", "local", "parameter", "url", "message",
    }  # fmt: skip


@pytest.mark.parametrize("secret", SECRETS, ids=lambda secret: f"{secret.where}-{secret.secret[:12]!r}")
def test_nothing_of_a_secret_is_captured(secret: Secret) -> None:
    for text in captured(secret):
        assert not [part for part in parts_of(secret.secret) if part in text], text


@pytest.mark.parametrize(("name", "value"), NAMED)
def test_what_only_looks_like_one_is_captured_as_it_is(name: str, value: Any) -> None:
    assert snapshot_items([(name, value)]).tree == {name: value}
    assert snapshot({"of": [{name: value}]}) == {"of": [{name: value}]}
    assert redact_tree({name: value}) == {name: value}


@pytest.mark.parametrize("text", TEXTS)
def test_innocent_texts_are_captured_as_they_are(text: str) -> None:
    assert snapshot(text) == text
    assert snapshot_items([("text", text)]).tree == {"text": text}
    assert encode({"tree": body("text/plain", text.encode())}) == {"tree": json.dumps(text or None, ensure_ascii=False)}


class TestTheOneExpression:
    """It misses nothing that the rules redact, or ingest would not look there."""

    OPTIONS = re2.Options()
    OPTIONS.encoding = re2.Options.Encoding.LATIN1
    SUSPECT = re2.compile(expression().encode("latin-1"), OPTIONS)

    @pytest.mark.parametrize("secret", SECRETS, ids=lambda secret: f"{secret.where}-{secret.secret[:12]!r}")
    def test_on_texts_of_any_length(self, secret: Secret) -> None:
        text = text_of(secret)
        assert redact_text(text) != text or secret.where in ("argument", "local", "header")
        if redact_text(text) == text:
            return
        # In protobuf, the length of a text stands in front of it, and may be a letter.
        for padding in (*range(130), 5000):
            raw = AnyValue(string_value=text + " " * padding).SerializeToString()
            assert self.SUSPECT.search(raw) is not None, padding

    @pytest.mark.parametrize("name", SECRET)
    def test_on_names(self, name: str) -> None:
        for length in range(130):
            raw = KeyValue(key=name, value=AnyValue(string_value="x" * length)).SerializeToString()
            assert self.SUSPECT.search(raw) is not None, length

    @pytest.mark.parametrize("name", ["session", "sid", "code", "pin", "auth", "pwd", "db_pass", "tokens"])
    @given(value=st.one_of(st.text(string.ascii_letters + string.digits + "-_", max_size=40), st.integers(0, 10**9)))
    def test_on_names_that_are_secret_by_their_value(self, name: str, value: str | int) -> None:
        if redact_tree({name: value}) == {name: value}:
            return
        told = AnyValue(string_value=value) if isinstance(value, str) else AnyValue(int_value=value)
        raw = KeyValue(key=name, value=told).SerializeToString()
        assert self.SUSPECT.search(raw) is not None
        as_json = AnyValue(string_value=json.dumps({name: value})).SerializeToString()
        assert self.SUSPECT.search(as_json) is not None
