"""Two requests compared, as the answer tells it."""

import json
from typing import Any

import pytest

from flux_ls.answers.diff import Diff, NothingToCompare, diff, diff_with_good
from flux_ls.answers.shapes import to_json
from flux_ls.store.errors import RequestNotFound
from tests.recorded import Recorded
from tests.telemetry import SpanNode, http, new_trace_id, row, span, transaction
from tests.telemetry import recorded as told


def ask(project: Recorded, before: str, after: str | None = None) -> Diff:
    with project.reader() as reader:
        if after is None:
            return diff_with_good(reader, project.workspace(), before)
        return diff(reader, project.workspace(), before, after)


def order(number: int, *, plan: str = "pro", outcome: str = "committed", **more: Any) -> SpanNode:
    """`POST /orders` that makes an order of this number."""
    return http(
        "POST",
        "/orders",
        201,
        route="/orders",
        ms=90,
        children=[
            span("make", start_ms=1, ms=9, attributes=told({"plan": plan}, {"id": number, "plan": plan})),
            transaction(
                outcome,
                row("orders", {"id": number}, after={"id": number, "plan": plan}),
                row("users", {"id": 3}, before={"orders": 1}, after={"orders": 2}),
            ),
            span("mail", start_ms=20, ms=9, attributes=told({"text": f"Your order {number} of the {plan} plan"})),
        ],
        **more,
    )


def test_the_shape(recorded: Recorded) -> None:
    before, after = recorded.add(order(7)), recorded.add(order(8, plan="free"))
    answer = json.loads(to_json(ask(recorded, before, after)))
    assert (answer["before"]["id"], answer["after"]["id"]) == (before, after)
    assert answer["verdict"] == "CHANGED"
    assert (
        answer["summary"]
        == "Changed: make input.plan; make output.plan; mail input.text; orders id=8 written differently"
    )
    assert [(each["change"], each["after"]["name"]) for each in answer["spans"]] == [
        ("same", "POST /orders"),
        ("same", "transaction"),
        ("changed", "make"),
        ("changed", "mail"),
    ]
    make = answer["spans"][2]
    assert make["before"]["output"] == {"id": 7, "plan": "pro"}
    assert make["after"]["depth"] == 1
    assert make["fields"] == [
        field("input.plan", "pro", "free"),
        field("output.id", 7, 8, reason="id"),
        field("output.plan", "pro", "free"),
    ]
    rows = [(each["change"], each["after"]["table"], each["after"]["key"]) for each in answer["rows"]]
    assert rows == [("changed", "orders", {"id": 8}), ("same", "users", {"id": 3})]
    assert answer["rows"][0]["fields"] == [
        field("key.id", 7, 8, reason="id"),
        field("columns.id.after", 7, 8, reason="id"),
        field("columns.plan.after", "pro", "free"),
    ]
    assert answer["muted"] == 3
    assert answer["chosen"] is None


def field(path: str, before: Any, after: Any, reason: str | None = None) -> dict[str, Any]:
    return {
        "path": path,
        "before": before,
        "after": after,
        "noise": reason is not None,
        "change": "changed",
        "before_path": path,
        "reason": reason,
        "repeats": False,
    }


def test_what_is_only_in_one_of_them(recorded: Recorded) -> None:
    before = recorded.add(http("GET", "/", children=[span("old"), span("kept", start_ms=1)]))
    rows = transaction("committed", row("log", {"id": 1}, after={"text": "x"}), start_ms=5)
    after = recorded.add(http("GET", "/", children=[span("kept", start_ms=1, attributes=told(None)), rows]))
    answer = ask(recorded, before, after)
    changes = {(each.after or each.before).name: each.change for each in answer.spans if each.after or each.before}  # type: ignore[union-attr]
    assert changes == {"GET /": "same", "old": "removed", "kept": "changed", "transaction": "added"}
    assert [(each.change, each.before) for each in answer.rows] == [("added", None)]
    kept = next(each for each in answer.spans if each.after is not None and each.after.name == "kept")
    assert [(each.path, each.change, each.before, each.after) for each in kept.fields] == [
        ("input", "added", None, None)
    ]


def test_a_request_and_itself(recorded: Recorded) -> None:
    id = recorded.add(recorded.failing_signup())
    answer = ask(recorded, id, id)
    assert (answer.verdict, answer.summary, answer.muted) == ("IDENTICAL", "Identical: it is one request", 0)
    assert not any(each.fields for each in answer.spans)


def test_the_same_code_run_again(recorded: Recorded) -> None:
    answer = ask(recorded, recorded.add(order(7)), recorded.add(order(19)))
    assert answer.verdict == "IDENTICAL"
    assert answer.muted == 4
    assert {each.reason for span in answer.spans for each in span.fields} == {"id"}


def test_a_failure_and_its_fix_name_the_span(recorded: Recorded) -> None:
    before = recorded.add(recorded.failing_signup())
    fixed = http(
        "POST", "/signup", 201, route="/signup", ms=44, children=[span("load user", ms=4), span("charge", ms=30)]
    )
    after = recorded.add(fixed)
    assert ask(recorded, before, after).summary == "Fix verified: charge answers in 30 ms instead of timing out"
    back = ask(recorded, after, before)
    assert (back.verdict, back.summary) == (
        "REGRESSED",
        "Regressed: POST /signup fails with TimeoutError: Stripe API timeout in charge",
    )
    frame = next(each.after.frame for each in back.spans if each.after is not None and each.after.name == "charge")
    assert frame is not None
    assert frame.path == "shop/payments.py"


def test_the_last_good_request_of_the_route_is_found(recorded: Recorded) -> None:
    good, failed = http("GET", "/a"), http("GET", "/a", 500)
    recorded.add(good, at_ns=1_790_000_000_000_000_000)
    before = recorded.add(good, at_ns=1_790_000_001_000_000_000)
    recorded.add(http("GET", "/b"), at_ns=1_790_000_002_000_000_000)
    recorded.add(good, service="other", at_ns=1_790_000_002_000_000_000)
    given = recorded.add(failed, at_ns=1_790_000_003_000_000_000)
    answer = ask(recorded, given)
    assert (answer.before.id, answer.after.id, answer.chosen) == (before, given, "before")
    assert answer.verdict == "REGRESSED"
    later = recorded.add(good, at_ns=1_790_000_004_000_000_000)
    answer = ask(recorded, given)
    assert (answer.before.id, answer.after.id, answer.chosen) == (given, later, "after")
    assert answer.verdict == "FIXED"
    # Of a good request, the good one before it.
    answer = ask(recorded, later)
    assert (answer.before.id, answer.after.id) == (before, later)
    assert answer.verdict == "IDENTICAL"


def test_there_may_be_none(recorded: Recorded) -> None:
    id = recorded.add(http("GET", "/a"))
    with pytest.raises(NothingToCompare, match="give two ids"):
        ask(recorded, id)
    with pytest.raises(RequestNotFound):
        ask(recorded, id, "12345678")


def test_a_request_without_its_root(recorded: Recorded) -> None:
    id = new_trace_id()
    root = http("GET", "/a", children=[span("leaf")])
    recorded.add(root, trace_id=id, only=["leaf"])
    answer = ask(recorded, recorded.add(root), id)
    assert (answer.verdict, answer.summary) == ("CHANGED", "Not the same scenario: GET /a against leaf")


def repeated(answer: Diff) -> list[tuple[str, str]]:
    names = [(span.after or span.before, span.fields) for span in answer.spans]
    return [(span.name, field.path) for span, fields in names if span for field in fields if field.repeats]


def test_what_is_handed_on_is_told_once(recorded: Recorded) -> None:
    def made(plan: str, total: int) -> str:
        return recorded.add(
            http(
                "POST",
                "/orders",
                201,
                route="/orders",
                ms=90,
                attributes=told(
                    {"method": "POST", "path": "/orders", "body": {"plan": plan}}, {"status": 201, "body": total}
                ),
                children=[
                    span("place", start_ms=1, ms=9, attributes=told({"wanted": {"plan": plan, "n": total}}, total)),
                    span("mail", start_ms=20, ms=9, attributes=told({"subject": f"Your {plan}"}, total + 1)),
                ],
            )
        )

    answer = ask(recorded, made("pro", 5), made("free", 6))
    assert repeated(answer) == [("place", "input.wanted.plan"), ("place", "output")]
    assert answer.given == ("input.body.plan",)
    assert answer.summary.startswith("Changed: the input differs (input.body.plan); POST /orders output.body;")


def test_messages_and_drivers_are_noise(recorded: Recorded) -> None:
    def made(status: int) -> str:
        message = {"http.response.status_code": status}
        query = {"db.system.name": "sqlite", "db.query.text": f"SELECT {status}"}
        return recorded.add(
            http(
                "GET",
                "/",
                status,
                children=[
                    span("GET / http send", attributes=message),
                    span("SELECT shop.db", kind="client", start_ms=1, ms=5, attributes=query),
                    span("SELECT", kind="client", start_ms=2, ms=2, attributes=query),
                ],
            )
        )

    answer = ask(recorded, made(200), made(201))
    assert {(span.after or span.before).name: span.noise for span in answer.spans} == {  # type: ignore[union-attr]
        "GET /": False,
        "GET / http send": True,
        "SELECT shop.db": False,
        "SELECT": True,
    }
