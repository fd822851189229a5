"""What is recorded of Starlette and FastAPI applications, with and without OpenTelemetry's instrumentation."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from flux_ls import record
from flux_ls.record import servers
from flux_ls.record.recording import current
from tests.record.sent import Sent, recorder
from tests.record.servers.apps import asgi_shop
from tests.record.servers.test_asgi_bytes import APPS, instrumented


@pytest.fixture(params=APPS)
def framework(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["instrumented", "alone"])
def sent(request: pytest.FixtureRequest, framework: str) -> Iterator[Sent]:
    with recorder(servers) as sent:
        if request.param == "alone":
            yield sent
        else:
            with instrumented(APPS[framework][1], sent.provider):
                yield sent


@pytest.fixture
def client(framework: str, sent: Sent) -> TestClient:
    return TestClient(APPS[framework][0](), raise_server_exceptions=False)


def test_json_in_and_out(sent: Sent, client: TestClient) -> None:
    answer = client.post("/signup?ref=a", json={"email": "ada@example.org", "plan": "pro", "password": "hunter2"})
    assert answer.status_code == 201
    server = sent.one(kind="server")
    assert server.input["method"] == "POST"
    assert server.input["path"] == "/signup"
    assert server.input["query"] == {"ref": "a"}
    assert server.input["body"] == {"email": "ada@example.org", "plan": "pro", "password": "[redacted]"}
    assert server.output["status"] == 201
    assert server.output["body"] == {"id": 42, "email": "ada@example.org"}
    assert server.attributes["code.function.name"].split(".")[-1] in ("signup", "create")
    assert "hunter2" not in str(sent.spans)


def test_the_endpoint_has_a_span_of_its_own(sent: Sent, client: TestClient, framework: str) -> None:
    client.post("/signup?ref=a", json={"email": "ada@example.org"})
    server = sent.one(kind="server")
    endpoint = sent.one("fast.create" if framework == "fastapi" else "signup")
    assert endpoint.trace_id == server.trace_id
    if framework == "fastapi":
        assert endpoint.input["order"]["email"] == "ada@example.org"
        assert endpoint.input["ref"] == "a"
        assert endpoint.output == {"id": 42, "email": "ada@example.org"}


def test_an_exception_that_nobody_handles(sent: Sent, client: TestClient) -> None:
    assert client.get("/fails").status_code == 500
    server = sent.one(kind="server")
    assert server.output["status"] == 500
    assert server.error is not None
    told = [span for span in sent.spans if span.exceptions]
    assert {each["exception.type"] for span in told for each in span.exceptions} == {"KeyError"}
    assert [span.locals[-1]["locals"]["order"] for span in told if span.locals] == [{"items": []}]
    assert sent.failed == {server.trace_id}


def test_the_request_ends_with_its_answer_and_not_with_what_runs_afterwards(sent: Sent, client: TestClient) -> None:
    assert client.post("/background").status_code == 202
    server = sent.one(kind="server")
    assert server.output["status"] == 202
    assert server.error is None
    # Once: by FastAPI's own span for it, where that is instrumented.
    [told] = [span for span in sent.spans if span.exceptions]
    assert told.name in ("BackgroundTask fail", "after the response")
    assert told.exceptions[0]["exception.message"] == "in the background"
    assert told.end_ns > server.end_ns


@pytest.mark.parametrize(
    ("method", "path", "body", "told"),
    [
        ("POST", "/unread", b"z" * 1000, None),
        ("POST", "/size", b"abcdef", "abcdef"),
    ],
)
def test_of_a_body_what_the_application_reads(
    sent: Sent, client: TestClient, method: str, path: str, body: bytes, told: str | None
) -> None:
    client.request(method, path, content=body, headers={"content-type": "text/plain"})
    assert sent.one(kind="server").input.get("body") == told


def test_a_stream(sent: Sent, client: TestClient) -> None:
    text = client.get("/stream").text
    assert sent.one(kind="server").output["body"] == text


def test_a_stream_that_breaks_off(sent: Sent, client: TestClient) -> None:
    client.get("/breaks")
    server = sent.one(kind="server")
    told = [each["exception.type"] for span in sent.spans for each in span.exceptions]
    assert "ValueError" in told
    assert sent.failed == {server.trace_id}


def test_a_stream_that_breaks_off_in_a_function_that_is_recorded(sent: Sent, framework: str) -> None:
    @record.span
    def pieces() -> Iterator[str]:
        yield "the beginning"
        raise ValueError("in the middle")

    async def stream(_: Request) -> StreamingResponse:
        return StreamingResponse(pieces())

    async def through(request: Request, call_next: Any) -> Any:
        return await call_next(request)

    application = APPS[framework][0]()
    application.router.routes.insert(0, Route("/broken", stream))
    application.add_middleware(BaseHTTPMiddleware, dispatch=through)
    TestClient(application, raise_server_exceptions=False).get("/broken")
    server = sent.one(kind="server")
    told = [each for each in sent.spans if each.exceptions and not each.name.endswith("pieces")]
    assert [each.error for each in told] == ["ValueError: in the middle"]
    assert all(each.trace_id == server.trace_id for each in told)


def test_a_websocket_is_left_alone(sent: Sent, client: TestClient) -> None:
    with client.websocket_connect("/echo") as socket:
        socket.send_text("abc")
        assert socket.receive_text() == "cba"
    assert not any(span.input for span in sent.spans)


def test_many_at_once_keep_apart(sent: Sent, framework: str) -> None:
    import httpx

    async def main() -> None:
        transport = httpx.ASGITransport(app=APPS[framework][0](), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as client:
            await asyncio.gather(*(client.post(f"/size?n={n}", content=b"x" * n) for n in range(1, 30)))
        assert current() is None

    asyncio.run(main())
    requests = [span for span in sent.spans if span.kind == "server"]
    assert len({span.trace_id for span in requests}) == 29
    for span in requests:
        assert span.output["body"] == span.input["query"]["n"] or str(span.output["body"]) == span.input["query"]["n"]


def test_fastapi_that_makes_its_spans_itself() -> None:
    with recorder(servers) as sent:
        client = TestClient(asgi_shop.fast(telemetry={"tracer_provider": sent.provider}), raise_server_exceptions=False)
        client.get("/users/7")
        server = sent.one(kind="server")
        assert server.attributes["http.route"] == "/users/{number}"
        assert server.input["path"] == "/users/7"
        assert server.output["body"] == {"id": 7}
        assert sent.one("fast.user").input == {"number": 7}
        sent.clear()
        client.get("/fails")
        assert [each["exception.type"] for span in sent.spans for each in span.exceptions] == ["KeyError"]


def test_uninstall_puts_everything_back() -> None:
    import fastapi.routing
    import starlette.applications

    places: list[Any] = [starlette.applications.Starlette, fastapi.FastAPI, fastapi.routing, starlette.routing]
    before = [dict(vars(place)) for place in places]
    with recorder(servers):
        assert [dict(vars(place)) for place in places] != before
    assert [dict(vars(place)) for place in places] == before
    assert TracerProvider
