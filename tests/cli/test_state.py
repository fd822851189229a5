"""`flux state` as it reads."""

import re

import pytest

from tests.recorded import Recorded
from tests.signup import record
from tests.telemetry import RECORDER, http, row

from .conftest import Flux


def timeless(text: str) -> str:
    return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \(.*?\)|just now|\d+ s ago", "TIME", text)


def test_history(flux: Flux, recorded: Recorded) -> None:
    first, second = record(recorded, "pro"), record(recorded, None, fails=True)
    assert (
        timeless(flux("state", "history", "users", "--id", "42").out)
        == f"""
  users id=42  4 changes

  updated   (rolled back)  req:{second[:8]}  TIME
    plan : free → null
    shop/payments.py : line 11  in signup

  inserted  (rolled back)  req:{second[:8]}  TIME
    plan : free
    shop/payments.py : line 11  in signup

  updated   (committed)  req:{first[:8]}  TIME
    plan : free → pro
    shop/payments.py : line 11  in signup

  inserted  (committed)  req:{first[:8]}  TIME
    plan : free
    shop/payments.py : line 11  in signup

"""
    )
    limited = flux("state", "history", "users", "--id", "id=42", "--limit", "1").out
    assert "users id=42  4 changes\n" in limited
    assert "  … 3 earlier changes\n" in limited
    (answer,) = flux("state", "history", "users", "--id", '{"id": 42}', "--json").json
    assert answer["key"] == {"id": 42}
    assert answer["changes"][0]["columns"] == {"plan": {"before": "free", "after": None}}
    assert sorted(answer["changes"][0]) == sorted(
        ("table", "key", "operation", "columns", "outcome", "span_id", "request_id", "at", "frame")
    )


def test_blame(flux: Flux, recorded: Recorded) -> None:
    good = record(recorded, "pro", resource={"vcs.ref.head.revision": "c0ffee" * 6})
    bad = record(recorded, None, fails=True)
    assert (
        timeless(flux("state", "blame", "users", "--id", "42").out)
        == f"""
  users id=42
  id   : 42   req:{good[:8]}  shop/payments.py : line 11  in signup  TIME  c0ffeec0ffee
  plan : pro  req:{good[:8]}  shop/payments.py : line 11  in signup  TIME  c0ffeec0ffee

  ATTEMPTS  later, and not lasting
  users id=42  plan: free → null  (rolled back)  req:{bad[:8]}  TIME
  users id=42  inserted  plan: free  (rolled back)  req:{bad[:8]}  TIME

"""
    )
    (answer,) = flux("state", "blame", "users", "--id", "42", "--json").json
    assert [(each["column"], each["value"], each["request_id"]) for each in answer["columns"]] == [
        ("id", 42, good),
        ("plan", "pro", good),
    ]
    assert [each["outcome"] for each in answer["attempts"]] == ["rolled_back", "rolled_back"]


def test_blame_of_a_table(flux: Flux, recorded: Recorded) -> None:
    one, two = record(recorded, "pro", id=1), record(recorded, None, fails=True, id=2)
    assert (
        timeless(flux("state", "blame", "users").out)
        == f"""
  users
  plan : pro  req:{one[:8]}  shop/payments.py : line 11  in signup  TIME  users id=1
  id   : 1    req:{one[:8]}  shop/payments.py : line 11  in signup  TIME  users id=1

  LATEST  2 rows that changed last
  users id=2  plan: free → null  (rolled back)  req:{two[:8]}  TIME
  users id=1  plan: free → pro  (committed)  req:{one[:8]}  TIME

"""
    )


def test_a_row_that_is_gone_and_one_that_never_was(flux: Flux, recorded: Recorded) -> None:
    record(recorded, "pro")
    gone = row("users", {"id": 42}, before={"id": 42, "plan": "pro"}, outcome="committed")
    id = recorded.add(http("DELETE", "/users/42", rows=[gone]), resource=RECORDER)
    out = flux("state", "blame", "users", "--id", "42").out
    assert f"this row was deleted\n  id   : null  req:{id[:8]}" in out
    record(recorded, "pro", fails=True, id=43)
    assert "no committed write is recorded\n" in flux("state", "blame", "users", "--id", "43").out


@pytest.mark.parametrize("which", ["history", "blame"])
def test_exit_codes(flux: Flux, recorded: Recorded, which: str) -> None:
    assert flux("state", which, "users", "--id", "1").code == 5
    for table in ("a.users", "b.users", "orders"):
        changed = row(table, {"id": 1}, after={"id": 1}, outcome="committed")
        recorded.add(http("POST", "/", rows=[changed]), resource=RECORDER)
    assert flux("state", which, "orders", "--id", "1").code == 0
    ran = flux("state", which, "order", "--id", "1")
    assert (ran.code, ran.out) == (3, "")
    assert ran.err == "flux: no changes of a table 'order' are recorded: did you mean orders?\n"
    ran = flux("state", which, "orders", "--id", "2")
    assert (ran.code, ran.err.count("\n")) == (3, 1)
    assert "the rows that changed last are id=1" in ran.err
    ran = flux("state", which, "users", "--id", "1")
    assert (ran.code, ran.err) == (4, "flux: 'users' may be any of a.users, b.users: give the name in full\n")
    assert flux("state", which).code == 2


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("state",), "Missing command: it takes history or blame"),
        (("state", "users"), "No such command 'users': it takes history or blame"),
        (("state", "history", "users"), "Missing option '--id'"),
        (("state", "history", "users", "--id", "1", "--limit", "0"), "is not in the range x>=1"),
        (("state", "blame", "--nonsense"), "No such option"),
    ],
)
def test_wrong_use(flux: Flux, words: tuple[str, ...], says: str) -> None:
    ran = flux(*words)
    assert (ran.code, ran.out) == (2, "")
    assert says in ran.err
    assert "Try 'flux state" in ran.err


def test_recorded_text_can_do_nothing(flux: Flux, recorded: Recorded) -> None:
    evil = "\x1b[2J\u202e\x9b\n"
    changed = row(evil, {evil: evil}, after={evil: evil, "b": [evil]}, outcome="committed", at=(evil, 3, evil))
    recorded.add(http("POST", "/", rows=[changed]), resource={**RECORDER, "vcs.ref.head.revision": evil})
    for words in (
        ("state", "history", evil, "--id", evil),
        ("state", "blame", evil, "--id", evil),
        ("state", "blame", evil),
        ("state", "history", evil, "--id", "1"),
        ("state", "blame", "x"),
    ):
        ran = flux(*words)
        assert ran.out or ran.err
        assert all(line.isprintable() for line in (ran.out + ran.err).split("\n")), ran
