"""What the store tells of a request becomes the request to send, and the answers to its calls."""

import base64
from typing import Any

import pytest
from msgspec.structs import asdict

from flux_ls.replay.child.exchange import Sent
from flux_ls.replay.child.wsgi import environ_of
from flux_ls.replay.shapes import Recording, Skipped
from tests.replay.projects import Project, call
from tests.telemetry import Raises, http, recorded, span


def recording(project: Project, id: str, **given: Any) -> Recording:
    found = project.recording(id, **given)
    assert isinstance(found, Recording), found
    return found


def skipped(project: Project, id: str) -> tuple[str, str]:
    found = project.recording(id)
    assert isinstance(found, Skipped), found
    return found.reason, found.mend


def test_a_request_as_it_is_sent_again(project: Project) -> None:
    id = project.add(
        "POST",
        "/users/ada lovelace/é",
        body={"plan": "pro"},
        query={"tag": ["a", "b&c"], "q": ""},
        headers={
            "traceparent": "00-1-2-01",
            "content-length": "999",
            "connection": "keep-alive",
            "accept": ["a", "b"],
            "cookie": "[redacted]",
        },
    )
    sent = recording(project, id).sent
    assert (sent.method, sent.path, sent.query) == ("POST", "/users/ada%20lovelace/%C3%A9", "tag=a&tag=b%26c&q=")
    assert sent.body == b'{"plan":"pro"}'
    assert sent.headers == (
        ("host", "shop.example"),
        ("accept", "a"),
        ("accept", "b"),
        ("content-type", "application/json"),
        ("content-length", "14"),
    )


def test_what_was_redacted_is_named_or_given(project: Project) -> None:
    id = project.add(
        "POST",
        "/login",
        body={"user": "ada", "password": "[redacted]", "nested": {"api_key": "[redacted]"}},
        headers={"authorization": "Bearer [redacted]", "cookie": "[redacted]"},
    )
    found = recording(project, id)
    assert found.redacted == ("authorization", "cookie", "password", "api_key")
    assert not {"authorization", "cookie"} & {name for name, _ in found.sent.headers}
    given = recording(project, id, fill={"Authorization": "Bearer x", "password": "p"})
    assert given.redacted == ("cookie", "api_key")
    assert ("authorization", "Bearer x") in given.sent.headers
    assert b'"password":"p"' in given.sent.body


def test_a_path_with_a_secret_in_it_is_not_asked_for_unless_it_is_given(project: Project) -> None:
    for id in (
        project.add("GET", "/reset/[redacted]/form", 500),
        project.plain(http("GET", "/reset/[redacted]/form", 500)),
    ):
        reason, mend = skipped(project, id)
        assert (reason, mend) == ("its path has a secret in it, which was redacted", "give all of it: --fill path=/…")
        assert recording(project, id, fill={"path": "/reset/abc/form"}).sent.path == "/reset/abc/form"


@pytest.mark.parametrize(
    ("how", "reason", "mend"),
    [
        ({"body": {"a": {"$cut": "Wel", "length": 9000}}}, "it was cut", "record_value_bytes"),
        ({"headers": {"content-length": "12"}}, "its body was not read", "flux run"),
        ({"query": {"a": "1", "$more": 7}}, "its query was cut", "record_value_bytes"),
        ({"headers": {"upgrade": "websocket"}}, "it is a web socket", "only HTTP"),
        (
            {
                "body": {"f": {"filename": "cv.pdf", "type": "application/pdf", "size": 9}},
                "headers": {"content-type": "multipart/form-data; boundary=x"},
            },
            "the content of the file cv.pdf",
            "send it by hand",
        ),
    ],
)
def test_what_cannot_be_sent_again_is_skipped(project: Project, how: dict[str, Any], reason: str, mend: str) -> None:
    said, mended = skipped(project, project.add("POST", "/x", **how))
    assert reason in said
    assert mend in mended


def test_what_is_no_http_request_is_skipped(project: Project) -> None:
    id = project.plain(span("nightly import", kind="internal", attributes={"process.command_args": "nightly"}))
    assert skipped(project, id) == ("it is the run of a program", "only HTTP requests can be replayed")


def test_plain_opentelemetry_goes_as_far_as_it_tells(project: Project) -> None:
    told = {"url.query": "page=2", "server.address": "shop.example", "server.port": 8000, "user_agent.original": "curl"}
    get = project.plain(http("GET", "/orders", 500, attributes=told))
    sent = recording(project, get).sent
    assert (sent.method, sent.path, sent.query) == ("GET", "/orders", "page=2")
    assert dict(sent.headers) == {"host": "shop.example:8000", "accept": "*/*", "user-agent": "curl"}
    post = project.plain(http("POST", "/orders", 500))
    assert skipped(project, post)[0] == "what came in with it was not recorded"
    empty = project.plain(http("POST", "/orders", 500, attributes={"http.request.body.size": 0}))
    assert recording(project, empty).sent.body == b""
    secure = project.plain(http("GET", "/orders", 500, attributes={"url.scheme": "https"}))
    assert recording(project, secure).sent.scheme == "https"


def test_calls_in_their_order_with_what_they_lack(project: Project) -> None:
    id = project.add(
        "GET",
        "/x",
        calls=[
            call("GET", "https://b.example/2", answer={"n": 2}, start_ms=5),
            call("GET", "https://a.example/1", answer="[redacted]", start_ms=1),
            call("GET", "https://c.example/3", status=None, raises=Raises("requests.ReadTimeout", "no"), start_ms=6),
            call("GET", "https://d.example/4", answer={"$cut": "long", "length": 99999}, start_ms=7),
            span(
                "GET",
                kind="client",
                start_ms=8,
                attributes={"url.full": "https://e.example/5", "http.response.status_code": 200},
            ),
            span("SELECT", kind="client", start_ms=9, attributes={"db.system.name": "sqlite"}),
        ],
    )
    calls = recording(project, id).calls
    assert [each.url for each in calls] == [
        f"https://{letter}.example/{n}" for letter, n in zip("abcde", range(1, 6), strict=True)
    ]
    assert [each.status for each in calls] == [200, 200, None, 200, 200]
    assert calls[1].body == b'{"n":2}'
    assert calls[2].error == "requests.ReadTimeout"
    assert "it was cut" in calls[3].lacking
    assert calls[4].lacking == "the body of its answer was not recorded"
    assert not calls[4].asked


def test_of_several_services_the_one_that_was_asked(project: Project) -> None:
    inner = http("GET", "/price", 500, service="pricing", raises=Raises("KeyError", "'sofa'"))
    outer = call("GET", "http://pricing/price", status=500)
    id = project.add("GET", "/sofa", 500, calls=[type(outer)(**{**outer.__dict__, "children": (inner,)})])
    found = recording(project, id)
    assert {each.resource.service for each in found.spans} == {"shop"}
    assert len(found.calls) == 1
    assert found.notes


@pytest.mark.parametrize("address", [{}, {"url.full": "http://shop.example/a?b=1"}])
def test_a_wsgi_server_tells_the_target_as_it_came_where_the_recorded_one_did(
    project: Project, address: dict[str, str]
) -> None:
    """Django's does not; instrumentations tell another attribute then, and a replay would differ in that."""
    given = {"method": "GET", "path": "/a", "headers": {"host": "shop.example"}, "query": {"b": "1"}}
    node = http("GET", "/a", attributes={**recorded(given), **address})
    sent = recording(project, project.plain(node)).sent
    assert sent.raw_target is not bool(address)
    told = {**asdict(sent), "body": base64.b64encode(sent.body).decode()}
    environ = environ_of(Sent.of(told))
    assert environ.get("RAW_URI") == environ.get("REQUEST_URI") == (None if address else "/a?b=1")
