"""The page for writers of recorders says what is true: its tables are those of the code, its example works."""

import ast
import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flux_ls.record import wire
from flux_ls.record.redaction import is_secret_key
from flux_ls.record.settings import RecorderSettings
from flux_ls.record.values.encode import SPAN_BUDGET
from flux_ls.record.values.snapshot import VALUE_BUDGET
from flux_ls.record.values.walk import DEEPEST
from tests.cli.conftest import Flux
from tests.cli.conftest import flux as flux
from tests.e2e.collector import Collector
from tests.recorded import Recorded

PAGE = Path(wire.__file__).with_name("FORMAT.md").read_text(encoding="utf-8")
SECTIONS = {"Resource": "resource", "Span": "span", "Span events": "row", "Marks": "marks"}


def table(name: str) -> dict[str, str]:
    """A table of the page: what each name means."""
    text = PAGE.partition(f"<!-- table: {name} -->")[2].partition("<!-- /table -->")[0]
    rows = [line.strip("| ").split(" | ", 1) for line in text.strip().splitlines()[2:]]
    assert rows, name
    return {cells[0].strip("`"): cells[1] for cells in rows}


def told() -> dict[str, dict[str, str | None]]:
    """What the code says of its names, by table: None where the name says it all."""
    source = Path(wire.__file__).read_text(encoding="utf-8")
    lines = source.splitlines()
    sections: dict[str, dict[str, str | None]] = {name: {} for name in SECTIONS.values()}
    body = ast.parse(source).body
    for statement, following in zip(body, [*body[1:], None], strict=True):
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.value, ast.Constant):
            continue
        value = statement.value.value
        if not isinstance(value, str) or not ("." in value or value.startswith("$")):
            continue
        doc = (
            following.value.value
            if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
            else None
        )
        comment = next(line for line in reversed(lines[: statement.lineno]) if line.startswith("# "))
        section = next(
            name
            for word, name in reversed(SECTIONS.items())
            if comment.startswith(f"# {word} ") or comment.startswith(f"# {word}s")
        )
        sections[section][value] = " ".join(str(doc).split()) if doc is not None else None
    return sections


@pytest.mark.parametrize("name", SECTIONS.values())
def test_the_tables_are_those_of_the_code(name: str) -> None:
    expected = told()[name]
    # An event's own name stands above its table, and two columns share their words in the code.
    expected.pop(wire.ROW_CHANGE, None)
    found = table(name)
    assert [*found] == [*expected]
    for each, meaning in expected.items():
        if meaning is not None and each != wire.ROW_AFTER:
            assert in_other_words(found[each]) == in_other_words(meaning), each


def in_other_words(text: str) -> str:
    """Names of constants as what they stand for."""
    return re.sub(r"`([A-Z_]+)`", lambda match: f"`{getattr(wire, match[1])}`", text)


def test_every_mark_is_told() -> None:
    assert {*table("marks")} == wire.MARKS


def test_the_numbers_are_those_of_the_code() -> None:
    assert f"{VALUE_BUDGET:,} bytes of JSON" in PAGE
    assert f"{SPAN_BUDGET:,} bytes" in PAGE
    assert f"nesting | {DEEPEST} levels" in PAGE
    assert f"first {RecorderSettings().record_calls} calls" in " ".join(PAGE.split())
    assert f"The version of this format: {wire.FORMAT}." in PAGE
    for name in (wire.TRANSACTION, wire.ROW_CHANGE, wire.REDACTED):
        assert f"`{name}`" in PAGE


def test_what_it_says_of_secrets_is_so() -> None:
    secret, innocent = PAGE.partition("- by name, ")[2].partition("- by value")[0].partition("`author`")[::2]
    names = re.findall(r"`(\w+)`", secret)
    assert len(names) == 7
    assert all(map(is_secret_key, names))
    assert not any(map(is_secret_key, ["author", *re.findall(r"`(\w+)`", innocent)]))


def example() -> bytes:
    text = PAGE.partition("<!-- example -->")[2].partition("<!-- /example -->")[0]
    return text.strip().removeprefix("```json").removesuffix("```").encode()


def spans() -> Iterator[dict[str, Any]]:
    for resource in json.loads(example())["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            yield from scope["spans"]


def test_the_example_uses_no_name_that_is_not_told() -> None:
    names = {attribute["key"] for each in spans() for attribute in each["attributes"]}
    names |= {
        attribute["key"] for each in spans() for event in each.get("events", ()) for attribute in event["attributes"]
    }
    known = {name for section in SECTIONS.values() for name in table(section)}
    assert {name for name in names if name.startswith("flux.")} <= known
    assert {"flux.input", "flux.output", "flux.locals", "flux.row.before", "flux.row.span_id"} <= names


@pytest.fixture
def sent(recorded: Recorded) -> str:
    """The example's request, sent to a collector of this project's store; its short id."""
    recorded.store.parent.mkdir(parents=True)
    with Collector(recorded.store.parent) as collector:
        assert collector.store == recorded.store
        request = urllib.request.Request(
            f"http://127.0.0.1:{collector.endpoint.http_port}/v1/traces",
            example(),
            {"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            assert answer.status == 200
            assert "partialSuccess" not in json.load(answer)
    return "550e8400"


def test_the_example_answers_what_the_page_says(flux: Flux, sent: str) -> None:
    (why,) = flux("why", sent, "--json").json
    assert why["root_cause"]["type"] == "Net::ReadTimeout"
    assert why["input"]["body"] == {"email": "alice@example.com", "plan": "pro"}
    (change,) = why["row_changes"]
    assert (change["table"], change["key"], change["outcome"]) == ("users", {"id": 42}, "rolled_back")
    assert change["columns"] == {"plan": {"before": "free", "after": None}}
    assert change["frame"]["line"] == 17
    (trace,) = flux("trace", sent, "--json").json
    charge = next(span for span in trace["spans"] if span["name"] == "Payments.charge")
    assert charge["input"]["note"] == {"$cut": "Welcome to ", "length": 5120}
    assert trace["request"]["revision"] == "5b1d3f9a7c2e4860b9d1f3a5c7e9b2d4f6a8c0e2"
    debug = flux("trace", "debug", sent)
    assert debug.code == 0
    assert "cus_42" in debug.out
    (history,) = flux("state", "history", "users", "--id", "42", "--json").json
    assert [each["outcome"] for each in history["changes"]] == ["rolled_back"]
    printed = flux("why", sent).out
    assert "the provider did not answer" in printed
    assert "(rolled back)" in printed
    assert flux("doctor", sent).code in (0, 1)
