"""What differs with every run is told from what does not."""

import json
from typing import Any

import pytest

from flux_ls.analysis.diff.compare import compare
from flux_ls.analysis.diff.paths import written
from flux_ls.model import Span
from tests.analysis.spans import Part, event, raised, request, server, span

LATER_S = 3600
"""The second run starts an hour after the first one: 2026-09-21T14:13:20Z and 15:13:20Z."""


def reasons(before: Part, after: Part) -> dict[str, str | None]:
    """Why each difference is noise, by path; None where it counts."""
    comparison = compare(request(before), [later(each) for each in request(after)])
    assert all(each.before is not None and each.after is not None for each in comparison.spans)
    return {written(field.change.path): field.reason for each in comparison.spans for field in each.fields}


def later(one: Span) -> Span:
    from msgspec.structs import replace

    return replace(one, start_ns=one.start_ns + LATER_S * 10**9, end_ns=one.end_ns + LATER_S * 10**9)


def inside(input: Any = None, output: Any = None, **attributes: Any) -> Part:
    """A request whose one function was given `input` and returned `output`."""
    if input is not None:
        attributes["flux__input"] = json.dumps(input)
    if output is not None:
        attributes["flux__output"] = json.dumps(output)
    return server(200, span("work", **attributes))


UUIDS = "c2a1f0de-93a5-4b0e-8f11-0242ac120002", "0b7c1b1e-6f64-4c39-9d6e-5a0c3b7a9f10"
VALUES: dict[str, tuple[Any, Any, dict[str, str | None]]] = {
    "a UUID": ({"order": UUIDS[0]}, {"order": UUIDS[1]}, {"output.order": "id"}),
    "a UUID in a text": (f"order {UUIDS[0]} made", f"order {UUIDS[1]} made", {"output": "id"}),
    "a hash": (
        {"etag": "9e107d9d372bb6826bd81d3542a419d6"},
        {"etag": "e4d909c290d0fb1ca068ffaddf22cbd0"},
        {"output.etag": "id"},
    ),
    "the thing's own number": ({"id": 7, "name": "a"}, {"id": 8, "name": "a"}, {"output.id": "id"}),
    "and others that point at it": (
        {"id": 7, "lines": [{"order_id": 7}]},
        {"id": 8, "lines": [{"order_id": 8}]},
        {"output.id": "id", "output.lines[0].order_id": "id"},
    ),
    "one that points elsewhere": (
        {"id": 7, "lines": [{"order_id": 7}, {"order_id": 7}]},
        {"id": 8, "lines": [{"order_id": 8}, {"order_id": 3}]},
        {"output.id": "id", "output.lines[0].order_id": None, "output.lines[1].order_id": None},
    ),
    "a number that no other thing has": ({"owner_id": 81723}, {"owner_id": 81799}, {"output.owner_id": "id"}),
    "a small number that names another thing": ({"plan_id": 1}, {"plan_id": 2}, {"output.plan_id": None}),
    "a name where an id is wanted": ({"plan_id": "free"}, {"plan_id": "pro"}, {"output.plan_id": None}),
    "a counted id": ({"ref": "ORD-2026-0017"}, {"ref": "ORD-2026-0018"}, {"output.ref": "id"}),
    "an id that a provider drew": (
        {"charge": "ch_3MtwBwLkdIwHu7ix"},
        {"charge": "ch_9LbKQwLkdIwHu1az"},
        {"output.charge": "id"},
    ),
    "ids and what counts in one text": ("user 7 is free", "user 8 is pro", {"output": None}),
    "an amount": ({"amount": 7}, {"amount": 8}, {"output.amount": None}),
    "a moment": ({"at": "2026-09-21T14:13:20.5Z"}, {"at": "2026-09-21T15:13:20.9Z"}, {"output.at": "time"}),
    "a moment without a zone": ({"x": "2026-09-21 14:13:20"}, {"x": "2026-09-21 15:13:21"}, {"output.x": "time"}),
    "a moment in a text": ("done at 2026-09-21T14:13:20Z.", "done at 2026-09-21T15:13:20Z.", {"output": "time"}),
    "a moment as a number": ({"exp": 1790000600}, {"exp": 1790004200}, {"output.exp": "time"}),
    "the same time from then": (
        {"expires_at": "2026-10-21T14:13:20Z"},
        {"expires_at": "2026-10-21T15:13:20Z"},
        {"output.expires_at": "time"},
    ),
    "another time from then": (
        {"expires_at": "2026-10-21T14:13:20Z"},
        {"expires_at": "2026-09-28T15:13:20Z"},
        {"output.expires_at": None},
    ),
    "when something else was made": (
        {"created_at": "2026-03-01T10:00:00Z"},
        {"created_at": "2026-09-21T15:00:00Z"},
        {"output.created_at": "time"},
    ),
    "another day, though it is the same one": ({"due": "2026-09-22"}, {"due": "2026-09-29"}, {"output.due": None}),
    "a text that a secret was taken out of": (
        "login with [redacted] failed",
        "login with abc failed",
        {"output": "secret"},
    ),
    "the same the other way round": (
        {"url": "/reset/abc?x=1"},
        {"url": "/reset/[redacted]?x=1"},
        {"output.url": "secret"},
    ),
    "a secret and something else": ("[redacted] was denied", "abc was let in", {"output": None}),
    "a number that was taken for a secret": ({"given": "[redacted]"}, {"given": 481516}, {"output.given": "secret"}),
    "nothing where a secret was": ({"given": "[redacted]"}, {"given": None}, {"output.given": None}),
    "an address": ("<Cart at 0x7f21fa10>", "<Cart at 0x7f99b210>", {"output": "address"}),
    "another class": ("<Cart at 0x7f21fa10>", "<Order at 0x7f99b210>", {"output": None}),
    "a thread": ({"by": "Thread-4"}, {"by": "Thread-11"}, {"output.by": "thread"}),
    "a port": ({"to": "127.0.0.1:41231"}, {"to": "127.0.0.1:52710"}, {"output.to": "port"}),
    "another server": ({"to": "127.0.0.1:5432"}, {"to": "127.0.0.1:5433"}, {"output.to": None}),
    "how long it took": ({"elapsed_ms": 31.2}, {"elapsed_ms": 44.9}, {"output.elapsed_ms": "duration"}),
    "how long it took, much longer": ({"elapsed_ms": 31.2}, {"elapsed_ms": 944.9}, {"output.elapsed_ms": None}),
    "how long it may take": ({"timeout_ms": 100}, {"timeout_ms": 150}, {"output.timeout_ms": None}),
    "a set": (
        {"tags": {"$type": "set", "items": ["a", "b"]}},
        {"tags": {"$type": "set", "items": ["b", "a"]}},
        {"output.tags.items[1]": "order"},
    ),
    "a list": ({"tags": ["a", "b"]}, {"tags": ["b", "a"]}, {"output.tags[1]": None}),
    "null": ({"plan": None}, {"plan": "pro"}, {"output.plan": None}),
    "a type": ({"n": 1}, {"n": "1"}, {"output.n": None}),
    "true and false": ({"id": True}, {"id": False}, {"output.id": None}),
}


@pytest.mark.parametrize("case", VALUES)
def test_values(case: str) -> None:
    before, after, expected = VALUES[case]
    assert reasons(inside(output=before), inside(output=after)) == expected


ATTRIBUTES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, str | None]]] = {
    "the caller's port": ({"client.port": 1200}, {"client.port": 1300}, {"client.port": "port"}),
    "the server's port": ({"server.port": 5432}, {"server.port": 5433}, {"server.port": None}),
    "a port that the system gave": ({"server.port": 40123}, {"server.port": 51234}, {"server.port": "port"}),
    "the thread": (
        {"thread.id": 1401, "thread.name": "a"},
        {"thread.id": 7, "thread.name": "b"},
        {"thread.id": "run", "thread.name": "run"},
    ),
    "the line of the code": ({"code.line.number": 4}, {"code.line.number": 9}, {"code.line.number": "code"}),
    "another function": ({"code.function.name": "f"}, {"code.function.name": "g"}, {"code.function.name": None}),
    "a status": (
        {"http.response.status_code": 200},
        {"http.response.status_code": 404},
        {"http.response.status_code": None},
    ),
    "a request id": (
        {"http.request.header.x_request_id": "a"},
        {"http.request.header.x_request_id": "b"},
        {"http.request.header.x_request_id": "header"},
    ),
    "about the same size": (
        {"http.response.body.size": 411},
        {"http.response.body.size": 413},
        {"http.response.body.size": "size"},
    ),
    "another size": (
        {"http.response.body.size": 411},
        {"http.response.body.size": 913},
        {"http.response.body.size": None},
    ),
    "another statement": ({"db.query.text": "SELECT 1"}, {"db.query.text": "SELECT 2"}, {"db.query.text": None}),
}


@pytest.mark.parametrize("case", ATTRIBUTES)
def test_attributes(case: str) -> None:
    before, after, expected = ATTRIBUTES[case]
    found = reasons(
        *(
            inside(**{name.replace(".", "__"): value for name, value in attributes.items()})
            for attributes in (before, after)
        )
    )
    assert found == {f'attributes["{name}"]': reason for name, reason in expected.items()}


def answer(body: Any, length: int, **headers: str) -> dict[str, Any]:
    return {"status": 200, "headers": {"content-length": str(length), **headers}, "body": body}


def test_headers() -> None:
    before = answer({"id": 9}, 8, date="Mon, 21 Sep 2026 14:13:20 GMT", etag='"a"')
    after = answer({"id": 10}, 9, date="Mon, 21 Sep 2026 15:13:20 GMT", etag='"b"', server="x")
    assert reasons(inside(output=before), inside(output=after)) == {
        "output.headers.content-length": "size",
        "output.headers.date": "header",
        "output.headers.etag": "size",
        "output.headers.server": "header",
        "output.body.id": "id",
    }
    other = answer({"id": 9, "plan": "pro"}, 22)
    found = reasons(inside(output=answer({"id": 9, "plan": "free"}, 23)), inside(output=other))
    assert found == {"output.headers.content-length": "size", "output.body.plan": None}


def test_what_the_caller_gave_is_never_muted_but_what_follows_from_it_is() -> None:
    def asked(user: int) -> Part:
        work = span("load", flux__input=json.dumps({"user_id": user}), flux__output=json.dumps(f"user {user}"))
        return server(200, work, path=f"/users/{user}", flux__input=json.dumps({"params": {"user_id": user}}))

    assert reasons(asked(41), asked(43)) == {
        "name": None,
        "input.params.user_id": None,
        'attributes["url.path"]': None,
        "input.user_id": "id",
        "output": "id",
    }


def test_a_number_that_came_in_unchanged_is_no_new_id() -> None:
    def asked(loaded: int) -> Part:
        work = span("load", flux__input=json.dumps({"id": loaded}))
        return server(200, work, path="/users/7", flux__input=json.dumps({"params": {"user_id": 7}}))

    assert reasons(asked(7), asked(8)) == {"input.id": None}


def test_an_id_that_stays_in_one_place_and_changes_in_another() -> None:
    def paid(*keys: str) -> Part:
        return server(
            200, *[span(f"pay {at}", (at, at + 1), flux__input=json.dumps({"key": key})) for at, key in enumerate(keys)]
        )

    fresh = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
    before, after = request(paid(UUIDS[0], UUIDS[0])), request(paid(UUIDS[0], fresh))
    assert not compare(before, after).identical
    before, after = request(paid(UUIDS[0], UUIDS[0])), request(paid(UUIDS[1], UUIDS[1]))
    assert compare(before, after).identical
    before, after = request(paid(UUIDS[0], UUIDS[0])), request(paid(UUIDS[1], fresh))
    assert not compare(before, after).identical


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (10, 95, "duration"),
        (10, 200, None),
        (400, 700, "duration"),
        (10_011, 10_700, "duration"),
        (10_011, 142, None),
        (3000, 4600, None),
    ],
)
def test_durations(before: float, after: float, reason: str | None) -> None:
    found = reasons(server(200, span("work", (0, before))), server(200, span("work", (0, after))))
    assert found == {"duration_ms": reason}


def test_who_waits_for_a_slow_one_is_not_slow_itself() -> None:
    def took(ms: float) -> Part:
        return server(200, span("a", (0, ms + 2), span("b", (1, ms + 1)), span("c", (ms, ms + 1))), times=(0, ms + 10))

    comparison = compare(request(took(20)), request(took(900)))
    assert [each.after.name for each in comparison.spans if each.change == "changed" and each.after] == ["b"]


def test_an_error_is_told_where_it_came_from() -> None:
    died = event(raised("KeyError", "'plan'"))
    before = server(500, span("a", (0, 9), span("b", (1, 8), died=died), died=died), died=died)
    after = server(200, span("a", (0, 9), span("b", (1, 8))))
    counting = {
        each.after.name: [written(field.change.path) for field in each.fields if not field.noise]
        for each in compare(request(before), request(after)).spans
        if each.after
    }
    assert counting == {"POST /signup": ['attributes["http.response.status_code"]'], "a": [], "b": ["error", "status"]}


def test_messages_that_vary_are_the_same_error() -> None:
    def died(after: str) -> Part:
        return server(200, span("pay", died=event(raised("Timeout", f"after {after} on 0x7f{after[:4]}aa"))))

    assert reasons(died("10011ms"), died("10042ms")) == {"error": "duration"}
    assert reasons(died("10011ms"), died("50110ms"))["error"] is None


def test_a_new_connection_of_a_pool_is_a_circumstance() -> None:
    before = server(200, span("connect", (0, 1), kind="client"), span("SELECT", (1, 2), kind="client"))
    comparison = compare(request(before), request(server(200, span("SELECT", (1, 2), kind="client"))))
    assert comparison.identical
    assert comparison.muted == 1


def test_hostile_texts_take_no_time() -> None:
    import time

    texts = ["a" * 30_000, "0" * 15_000, "1.1." * 4000, "0x" * 9000, "a_" * 9000, "-" * 15_000, "[1:" * 6000]
    begin = time.process_time()
    for text in texts:
        found = reasons(inside(output=text + "x"), inside(output=text + "y"))
        assert found["output"] is None
    assert time.process_time() - begin < 5
