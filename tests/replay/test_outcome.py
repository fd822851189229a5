"""What a run says about the code, for every pair of then and now."""

from typing import Any

import pytest

from flux_ls.model import Assessment, Failure, Link, Request
from flux_ls.replay.outcome import judged
from flux_ls.replay.shapes import Blocked

MAIL = Blocked("mail by mail.example:25", "shop/mail.py", 12, "send")


def request(status: int | None, *, failed: bool | None = None, method: str = "POST") -> Request:
    return Request(
        id="0" * 32,
        started_ns=0,
        duration_ns=0,
        service="shop",
        environment=None,
        revision=None,
        kind="http",
        name="GET /",
        method=method,
        path="/",
        route=None,
        function=None,
        status=status,
        failed=(status or 0) >= 500 if failed is None else failed,
        error=None,
        complete=True,
        spans=1,
    )


def failure(fingerprint: str = "f1", type: str = "KeyError", message: str = "'a'", **more: Any) -> Failure:
    return Failure(
        fingerprint=fingerprint,
        type=type,
        message=message,
        span_id="1",
        span_name="GET /",
        handled=False,
        location=None,
        location_reason=None,
        frames=(),
        chain=more.get("chain", ()),
        at_ns=0,
    )


REFUSED = failure("f2", "flux.SideEffectBlocked", "mail by mail.example:25 was refused at shop/mail.py:12")
WRAPPED = failure("f2", "shop.MailError", "no mail", chain=(Link("SideEffectBlocked", "refused", None, "cause"),))


@pytest.mark.parametrize(
    ("was", "now", "died", "more", "expected"),
    [
        (500, 200, None, {}, ("passing", None)),
        (500, 422, None, {}, ("passing", "answered 422 now")),
        (500, 500, failure(), {}, ("failing", "KeyError: 'a'")),
        (500, 500, failure("f2", "ValueError", "b"), {}, ("failing", "another failure: ValueError: b")),
        (500, 500, None, {"died": None}, ("failing", "answered 500")),
        (500, 500, failure(), {"died": None}, ("failing", "KeyError: 'a'")),
        (500, 503, None, {"died": None}, ("failing", "another failure: answered 503")),
        (200, 200, None, {}, ("passing", None)),
        (200, 200, None, {"difference": "body.total"}, ("passing", "its answer differs in body.total")),
        (200, 500, failure(), {}, ("failing", "it did not fail before: KeyError: 'a'")),
        (200, 404, None, {}, ("failing", "answered 404 instead of 200")),
        (200, 201, None, {}, ("failing", "answered 201 instead of 200")),
        (404, 404, None, {}, ("passing", None)),
        (404, 200, None, {}, ("passing", None)),
        (404, 409, None, {}, ("failing", "answered 409 instead of 404")),
        (500, 500, REFUSED, {"blocked": [MAIL]}, ("blocked", "mail by mail.example:25 was refused at shop/mail.py:12")),
        (500, 500, WRAPPED, {"blocked": [MAIL]}, ("blocked", "mail by mail.example:25 was refused at shop/mail.py:12")),
        (200, 500, None, {"blocked": [MAIL]}, ("blocked", "mail by mail.example:25 was refused at shop/mail.py:12")),
        (500, 500, failure(), {"blocked": [MAIL]}, ("failing", "KeyError: 'a'")),
        (500, 200, None, {"blocked": [MAIL]}, ("passing", None)),
        (
            200,
            409,
            None,
            {"blocked": [MAIL]},
            ("blocked", "answered 409 instead of 200, and mail by mail.example:25 was refused at shop/mail.py:12"),
        ),
        (
            500,
            401,
            None,
            {"redacted": ["authorization"]},
            ("skipped", "answered 401: the recorded authorization was redacted"),
        ),
        (
            500,
            403,
            None,
            {"redacted": ["csrf_token"]},
            ("skipped", "answered 403: the recorded csrf_token was redacted"),
        ),
        (401, 401, None, {"redacted": ["authorization"]}, ("passing", None)),
        (500, 401, None, {}, ("passing", "answered 401 now")),
        (
            201,
            500,
            failure("f2", "sqlalchemy.exc.IntegrityError", "UNIQUE constraint failed: users.email"),
            {"inserted": ["users"]},
            (
                "skipped",
                "what it made in users is there already: IntegrityError: UNIQUE constraint failed: users.email",
            ),
        ),
        (201, 409, None, {"inserted": ["users"]}, ("skipped", "what it made in users is there already: answered 409")),
        (201, 500, failure(), {"inserted": ["users"]}, ("failing", "it did not fail before: KeyError: 'a'")),
        (
            500,
            500,
            failure("f2", "sqlalchemy.exc.IntegrityError", "UNIQUE constraint failed: users.email"),
            {"inserted": ["users"]},
            (
                "skipped",
                "what it made in users is there already: IntegrityError: UNIQUE constraint failed: users.email",
            ),
        ),
        (
            500,
            500,
            failure("f2", "sqlite3.IntegrityError", "UNIQUE constraint failed: jars.name"),
            {"has_rows": False},
            ("skipped", "what it made is there already, it seems: IntegrityError: UNIQUE constraint failed: jars.name"),
        ),
        (
            201,
            500,
            failure("f2", "sqlite3.IntegrityError", "NOT NULL constraint failed: jars.name"),
            {"has_rows": False},
            ("failing", "it did not fail before: IntegrityError: NOT NULL constraint failed: jars.name"),
        ),
        (
            201,
            500,
            failure("f2", "sqlite3.IntegrityError", "UNIQUE constraint failed: jars.name"),
            {"has_rows": False, "method": "GET"},
            ("failing", "it did not fail before: IntegrityError: UNIQUE constraint failed: jars.name"),
        ),
        (
            201,
            500,
            failure("f2", "sqlite3.IntegrityError", "UNIQUE constraint failed: jars.name"),
            {},
            ("failing", "it did not fail before: IntegrityError: UNIQUE constraint failed: jars.name"),
        ),
        (201, 409, None, {"has_rows": False}, ("failing", "answered 409 instead of 201")),
        (201, 409, None, {}, ("failing", "answered 409 instead of 201")),
        (500, 500, failure("f1", "IntegrityError", "x"), {"inserted": ["users"]}, ("failing", "IntegrityError: x")),
        (None, 200, None, {}, ("passing", None)),
    ],
)
def test_outcome(
    was: int | None, now: int, died: Failure | None, more: dict[str, Any], expected: tuple[str, str | None]
) -> None:
    verdict = judged(
        request(was, method=more.get("method", "POST")),
        more.get("died", failure()),
        Assessment(request(now), died, ()),
        now,
        more.get("blocked", []),
        more.get("redacted", []),
        more.get("difference"),
        more.get("inserted", ()),
        has_rows=more.get("has_rows", True),
    )
    assert (verdict.outcome, verdict.reason) == expected
    same = ("KeyError: 'a'", "answered 500", "IntegrityError: x")
    assert verdict.same_failure == (expected[0] == "failing" and expected[1] in same)


@pytest.mark.parametrize(
    ("status", "died", "expected"),
    [
        (202, failure(), ("failing", "KeyError: 'a'")),
        (202, None, ("passing", None)),
        (204, None, ("passing", None)),
        (404, None, ("failing", "answered 404 instead of 202")),
    ],
)
def test_a_failure_in_the_background_counts(
    status: int, died: Failure | None, expected: tuple[str, str | None]
) -> None:
    """The answer went well, and what it left behind did not."""
    now = Assessment(request(status, failed=died is not None), died, ())
    verdict = judged(request(202, failed=True), failure(), now, status, [], [])
    assert (verdict.outcome, verdict.reason) == expected
