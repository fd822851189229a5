"""The story that the recorder is about: a signup that a payment provider lets down, as a recorder tells it."""

from typing import Any

from tests.recorded import CALL_LINE, FAULT_LINE, Recorded
from tests.telemetry import RECORDER, SpanNode, http, recorded, row, span, transaction


def signup(project: Recorded, plan: str | None = "pro", *, fails: bool = False, id: int = 42) -> SpanNode:
    """`POST /signup`: a user is inserted and gets a plan, the provider is asked, and all of it lasts or nothing."""
    file = str(project.payments)
    fault = project.timeout() if fails else None
    outcome = "rolled_back" if fails else "committed"
    form = {"email": "alice@example.com", "plan": plan}
    variables = [
        {"path": file, "line": CALL_LINE, "function": "signup", "locals": {"form": {**form, "password": "[redacted]"}}},
        {"path": file, "line": FAULT_LINE, "function": "charge", "locals": {"amount": 2900}},
    ]
    status = 500 if fails else 201
    where = (file, CALL_LINE, "signup")
    return http(
        "POST",
        "/signup",
        status,
        route="/signup",
        ms=60,
        raises=fault,
        attributes=recorded(
            {"method": "POST", "path": "/signup", "headers": {"host": "shop", "accept": "*/*"}, "body": form},
            {"status": status, "headers": {}, "body": {"error": "try again"} if fails else {"id": id}},
        ),
        children=[
            span("connect", start_ms=1, ms=1, attributes={"db.system.name": "sqlite"}),
            span(
                "create_user",
                start_ms=2,
                ms=8,
                attributes=recorded(form, {"$type": "shop.models.User", "id": id, "email": "alice@example.com"}),
            ),
            transaction(
                outcome,
                row("users", {"id": id}, after={"id": id, "plan": "free"}, at_ms=4, by="create_user", at=where),
                row(
                    "users",
                    {"id": id},
                    before={"plan": "free"},
                    after={"plan": plan},
                    at_ms=6,
                    by="create_user",
                    at=where,
                ),
                start_ms=3,
                ms=50,
            ),
            span(
                "charge",
                start_ms=20,
                ms=30,
                raises=fault,
                attributes=recorded({"amount": 2900}, locals=variables) if fails else recorded({"amount": 2900}, "ok"),
            ),
        ],
    )


def record(project: Recorded, plan: str | None = "pro", *, fails: bool = False, id: int = 42, **how: Any) -> str:
    """Records a signup as the recorder would; its request's id."""
    resource = {**RECORDER, **how.pop("resource", {})}
    return project.add(signup(project, plan, fails=fails, id=id), resource=resource, **how)
