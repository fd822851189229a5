"""`flux trace diff` as it reads."""

import pytest

from tests.recorded import Recorded
from tests.telemetry import SpanNode, http, row, span, transaction
from tests.telemetry import recorded as told

from .conftest import Flux

CHARGE = {"customer_id": "cus_123", "amount": 2900}


def signup(project: Recorded, *, ok: bool, user: int = 42, plan: str = "pro", took: float = 142) -> SpanNode:
    """`POST /signup` that waits for the payment provider in vain, or does not any more."""
    outcome = "committed" if ok else "rolled_back"
    given = CHARGE | ({"idempotency_key": "ik_1234"} if ok else {})
    fault = None if ok else project.timeout()
    charge = span(
        "stripe.create",
        kind="client",
        start_ms=8,
        ms=took if ok else 10_011,
        raises=fault,
        attributes=told(given, {"id": "ch_1", "paid": True}) if ok else told(given),
    )
    made = row("users", {"id": user}, before={"plan": "free"}, after={"plan": plan if ok else None})
    return http(
        "POST",
        "/signup",
        201 if ok else 500,
        route="/signup",
        ms=took + 18 if ok else 10_030,
        raises=fault,
        attributes=told({"body": {"email": "alice@example.com"}}),
        children=[
            span("create_user", start_ms=2, ms=4, attributes=told({"email": "alice@example.com"}, {"id": user})),
            transaction(outcome, made, start_ms=3, ms=5),
            charge,
        ],
    )


def test_a_verified_fix(flux: Flux, recorded: Recorded) -> None:
    before, after = recorded.add(signup(recorded, ok=False)), recorded.add(signup(recorded, ok=True))
    ran = flux("trace", "diff", before, after)
    assert ran.code == 0
    summary = (
        "Fix verified: stripe.create answers in 142 ms instead of timing out, now with idempotency_key;"
        " users id=42 plan is committed"
    )
    assert (
        ran.out
        == f"""
  Comparing traces…

  - POST /signup  500  10.0s  req:{before[:8]}  shop
  + POST /signup  201  160ms  req:{after[:8]}  shop

  Span diff
  POST /signup
  - http.response.status_code: 500
  + http.response.status_code: 201
  stripe.create
  - error: TimeoutError: Stripe API timeout
  - duration: 10011ms  (timeout)
  + duration: 142ms  (success)
  + input.idempotency_key: ik_1234  (new)
  + output: {{id: "ch_1", paid: true}}  (new)

  Mutation diff
  users.id=42
  - plan: null  (rolled back)
  + plan: pro  (committed)

  3 differences in ids and timings not shown; --all shows them

  ✔ {summary}

"""
    )


def test_the_other_way_round_it_is_a_regression(flux: Flux, recorded: Recorded) -> None:
    good, bad = recorded.add(signup(recorded, ok=True)), recorded.add(signup(recorded, ok=False))
    ran = flux("trace", "diff", good, bad)
    assert ran.code == 1
    assert "  + plan: null  (rolled back)\n" in ran.out
    assert (
        "  ✗ Regressed: POST /signup fails with TimeoutError: Stripe API timeout in stripe.create;"
        " users id=42 plan was rolled back\n" in ran.out
    )


def test_two_runs_that_went_the_same_way(flux: Flux, recorded: Recorded) -> None:
    one, other = (recorded.add(signup(recorded, ok=True, user=user, took=took)) for user, took in ((7, 142), (9, 160)))
    ran = flux("trace", "diff", one, other)
    assert ran.code == 0
    assert "Span diff" not in ran.out
    assert "Mutation diff" not in ran.out
    assert "\n  = Identical but for 4 differences in ids and timings\n" in ran.out
    everything = flux("trace", "diff", "--all", one, other).out
    assert "  users.id=9  (was id=7)\n" in everything
    assert "  - output.id: 7  (id)\n  + output.id: 9  (id)\n" in everything
    assert "not shown" not in everything


def test_spans_that_come_and_go(flux: Flux, recorded: Recorded) -> None:
    query = [span("SELECT stock", kind="client", start_ms=at, ms=1) for at in range(30)]
    before = recorded.add(http("GET", "/cart", ms=100, children=[*query, span("render", start_ms=50)]))
    after = recorded.add(http("GET", "/cart", ms=100, children=[span("load all", ms=12), span("render", start_ms=50)]))
    out = flux("trace", "diff", before, after).out
    assert "  - SELECT stock  x30  (gone)\n" in out
    assert "  + load all  12ms  (new span)\n" in out
    assert "  ~ Changed: load all new; SELECT stock gone\n" in out


def test_rows_of_which_only_the_end_differs_and_rows_of_one_side(flux: Flux, recorded: Recorded) -> None:
    user = row("users", {"id": 3}, before={"orders": 1, "spent": 5}, after={"orders": 2, "spent": 5})
    log = row("log", {"day": 4, "no": 1}, after={"day": 4, "no": 1, "text": "made\x1b"})
    gone = row("carts", {"id": 9}, before={"items": 2})
    before = recorded.add(http("POST", "/orders", 500, children=[transaction("rolled_back", user)]))
    after = recorded.add(http("POST", "/orders", 201, children=[transaction("committed", user, log, gone)]))
    out = flux("trace", "diff", before, after).out
    assert (
        """
  Mutation diff
  users.id=3
  - orders: 2  (rolled back)
  + orders: 2  (committed)
  - spent: 5  (rolled back)
  + spent: 5  (committed)
  log day=4, no=1
  + day: 4  (committed)
  + no: 1  (committed)
  + text: made\\u001b  (committed)
  carts.id=9
  + items: 2  (deleted, committed)
"""
        in out
    )


def test_one_id_is_compared_with_the_last_good_request_of_its_route(flux: Flux, recorded: Recorded) -> None:
    recorded.add(http("GET", "/signup"))
    good, bad = recorded.add(signup(recorded, ok=True)), recorded.add(signup(recorded, ok=False))
    ran = flux("trace", "diff", bad)
    assert ran.code in (0, 1)
    assert f"req:{good[:8]}  shop  the last good request of its route\n" in ran.out
    (answer,) = flux("trace", "diff", bad, "--json").json
    assert answer["chosen"] in ("before", "after")
    assert answer[answer["chosen"]]["id"] == good


def test_there_may_be_no_good_one(flux: Flux, recorded: Recorded) -> None:
    bad = recorded.add(signup(recorded, ok=False))
    ran = flux("trace", "diff", bad)
    assert ran.code == 3
    assert ran.err == (
        f"flux: no other good request of POST /signup is in the store to compare req:{bad[:8]} with: give two ids\n"
    )


def test_ids_from_standard_input(flux: Flux, recorded: Recorded) -> None:
    before, after = recorded.add(signup(recorded, ok=False)), recorded.add(signup(recorded, ok=True))
    (answer,) = flux("trace", "diff", "-", "--json", stdin=f"{before}\n{after}\n").json
    assert (answer["before"]["id"], answer["after"]["id"], answer["verdict"]) == (before, after, "FIXED")


@pytest.mark.parametrize("count", [0, 3])
def test_it_takes_two(flux: Flux, recorded: Recorded, count: int) -> None:
    ids = [recorded.add(http("GET", "/")) for _ in range(count)] or ["-"]
    ran = flux("trace", "diff", *ids)
    assert ran.code == 2
    assert f"it takes two ids to compare, or one; these are {count}" in ran.err


def test_an_unknown_id(flux: Flux, recorded: Recorded) -> None:
    known = recorded.add(http("GET", "/"))
    assert flux("trace", "diff", known, "00000000").code == 3
    assert flux("trace", "diff", known, "not an id").code in (2, 3)


def test_recorded_text_can_do_no_harm(flux: Flux, recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    evil = "\x1b[2J\u202e<b>\n"
    before = http("GET", "/a", ms=10, children=[span("step", attributes={**told({evil: "a"}, evil), "x": "one"})])
    after = http(
        "GET",
        "/a",
        ms=10,
        children=[
            span("step", attributes={**told({evil: evil}, "b"), "x": evil}),
            span(evil, start_ms=5),
            transaction("committed", row(evil, {evil: evil}, after={evil: evil})),
        ],
    )
    for flags in ([], ["--all"], ["--json"]):
        out = flux("trace", "diff", recorded.add(before), recorded.add(after), *flags).out
        assert "\x1b" not in out
        assert "\u202e" not in out
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[32m" in flux("trace", "diff", recorded.add(before), recorded.add(after)).out


def test_a_great_many_differences_are_cut_short(flux: Flux, recorded: Recorded) -> None:
    def made(word: str) -> SpanNode:
        return http(
            "GET",
            "/a",
            children=[
                span(f"step {letters}", start_ms=at, attributes=told({"word": f"{word} {letters}"}))
                for at, letters in ((at, f"{chr(97 + at // 26)}{chr(97 + at % 26)}") for at in range(50))
            ],
        )

    out = flux("trace", "diff", recorded.add(made("red")), recorded.add(made("blue"))).out
    assert "  … 10 more; --json has them all\n" in out
    assert "step aa input.word; step ab input.word; 48 more differences" in out
