"""What is recorded of a Flask application, with and without OpenTelemetry's instrumentation."""

import gc
import io
import logging
import weakref
from collections.abc import Iterator

import flask
import pytest

from flux_ls.record import servers
from flux_ls.record.opened import open_recording
from flux_ls.record.recording import Recording, current
from flux_ls.record.servers.wsgi import WsgiExchange
from tests.record.sent import Sent, recorder
from tests.record.servers.apps.flask_shop import shop
from tests.record.servers.test_wsgi_bytes import instrumented


@pytest.fixture(params=["instrumented", "alone"])
def sent(request: pytest.FixtureRequest) -> Iterator[Sent]:
    with recorder(servers) as sent:
        if request.param == "alone":
            yield sent
        else:
            with instrumented(sent.provider):
                yield sent


def test_json_in_and_out(sent: Sent) -> None:
    given = {"email": "ada@example.org", "password": "hunter2"}
    shop().test_client().post("/signup?ref=a&ref=b&plan=pro&token=abc", json=given, buffered=True)
    server = sent.one(kind="server")
    assert server.input["method"] == "POST"
    assert server.input["path"] == "/signup"
    assert server.input["query"] == {"ref": ["a", "b"], "plan": "pro", "token": "[redacted]"}
    assert server.input["headers"]["content-type"] == "application/json"
    assert server.input["body"] == {"email": "ada@example.org", "password": "[redacted]"}
    assert server.output["status"] == 201
    assert server.output["headers"]["content-type"] == "application/json"
    assert server.output["body"] == {"id": 42, "email": "ada@example.org"}
    assert server.attributes["code.function.name"].endswith("shop.<locals>.signup")
    assert "hunter2" not in str(sent.spans)


def test_the_view_function_has_a_span_of_its_own(sent: Sent) -> None:
    shop().test_client().get("/users/7", buffered=True)
    server, view = sent.one(kind="server"), sent.one("shop.user")
    assert view.parent_id == server.span_id
    assert view.input == {"number": 7}
    assert view.output == {"id": 7}


def test_a_view_decorated_and_one_that_is_async(sent: Sent) -> None:
    pytest.importorskip("asgiref")
    shop().test_client().get("/async", buffered=True)
    assert sent.one("shop.asynchronous").output == "async"


def test_an_exception_that_nobody_handles(sent: Sent) -> None:
    answer = shop().test_client().get("/fails", buffered=True)
    assert answer.status_code == 500
    server, view = sent.one(kind="server"), sent.one("shop.fails")
    assert server.output["status"] == 500
    assert server.error is not None
    assert view.exceptions[0]["exception.type"] == "KeyError"
    assert server.exceptions[0]["exception.type"] == "KeyError"
    assert view.locals[-1]["locals"]["order"] == {"items": []}
    assert sent.failed == {server.trace_id}


def test_an_answer_that_is_no_failure(sent: Sent) -> None:
    shop().test_client().get("/nowhere", buffered=True)
    server = sent.one(kind="server")
    assert server.output["status"] == 404
    assert not sent.failed


def test_a_stream_is_recorded_to_its_end(sent: Sent) -> None:
    answer = shop().test_client().get("/stream")
    assert not sent.recordings
    text = answer.get_data()
    assert sent.one(kind="server").output["body"] == text.decode()


def test_a_stream_that_breaks_off(sent: Sent) -> None:
    answer = shop().test_client().get("/breaks")
    with pytest.raises(ValueError, match="in the middle"):
        answer.get_data()
    answer.close()
    told = [each for span in sent.spans for each in span.exceptions]
    assert [each["exception.type"] for each in told] == ["ValueError"]
    assert sent.failed == {sent.one(kind="server").trace_id}


@pytest.mark.parametrize(
    ("path", "body", "recorded"),
    [
        ("/unread", b"z" * 1000, None),
        ("/some", b"abcdef", "abc"),
        ("/lines", b"one\ntwo\nthree", "one\ntwo\nthree"),
    ],
)
def test_of_a_body_what_the_application_reads(sent: Sent, path: str, body: bytes, recorded: str | None) -> None:
    shop().test_client().post(path, data=body, content_type="text/plain", buffered=True)
    told = sent.one(kind="server").input.get("body")
    assert (told if not isinstance(told, dict) else told["$cut"]) == recorded


def test_a_large_body_is_cut(sent: Sent) -> None:
    shop().test_client().post("/size", data=b"y" * 2_000_000, content_type="text/plain", buffered=True)
    told = sent.one(kind="server").input["body"]
    assert told["length"] == 2_000_000
    assert 0 < len(told["$cut"]) <= 4096


def test_a_form_with_a_file(sent: Sent) -> None:
    data = {"plan": "pro", "file": (io.BytesIO(b"x" * 100), "a.bin")}
    shop().test_client().post("/form", data=data, buffered=True)
    assert "pro" in str(sent.one(kind="server").input["body"])


def test_a_call_inside_another_request_belongs_to_that(sent: Sent) -> None:
    """A test calls the application: the test is the request."""
    opened = open_recording("a test")
    shop().test_client().get("/users/7", buffered=True)
    opened.close()
    (root,) = sent.roots
    assert root.name == "a test"
    (inside,) = [span for span in sent.spans if span.input and "path" in span.input]
    assert inside.output["status"] == 200
    assert inside.parent_id == root.span_id
    assert sent.one("shop.user").parent_id == inside.span_id


def test_a_teardown_that_fails(sent: Sent) -> None:
    application = shop()

    @application.teardown_request
    def release(_: object) -> None:
        if flask.request.path == "/plain":
            raise RuntimeError("cannot be released")

    client = application.test_client()
    with pytest.raises(RuntimeError):
        client.get("/plain")
    client.get("/users/7", buffered=True)
    failed, after = [span for span in sent.spans if span.kind == "server"]
    assert failed.input["path"] == "/plain"
    assert failed.error == "RuntimeError: cannot be released"
    assert after.input["path"] == "/users/7"
    assert after.trace_id != failed.trace_id
    assert after in sent.roots
    assert sent.failed == {failed.trace_id}


def test_a_recording_that_waits_to_be_sent_keeps_nothing_of_the_applications(
    sent: Sent, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "shop")  # what is logged is kept, with its traceback
    application = shop()
    kept: list[weakref.ref[object]] = []

    class Resource:
        pass

    @application.before_request
    def take() -> None:
        flask.request.environ["resource"] = resource = Resource()
        kept.append(weakref.ref(resource))

    client = application.test_client()
    for path in ("/plain", "/fails", "/stream"):
        with client.get(path) as answer:
            answer.get_data()
    del answer
    gc.collect()
    assert [each() for each in kept] == [None, None, None]


def test_what_is_kept_of_a_request_for_its_recording_does_not_keep_that(sent: Sent) -> None:
    gc.collect()
    gc.disable()  # a circle would be there until that comes by
    try:
        shop().test_client().post("/signup", json={"email": "ada@example.org"}, buffered=True)
        exchanges = [each for each in gc.get_objects() if type(each) is WsgiExchange]
        assert [type(kept) for each in exchanges for kept in gc.get_referents(each) if type(kept) is Recording] == []
        assert sent.one(kind="server").input["body"] == {"email": "ada@example.org"}
    finally:
        gc.enable()


def test_nothing_is_left_behind(sent: Sent) -> None:
    client = shop().test_client()
    for path in ("/plain", "/fails", "/stream", "/nowhere"):
        client.get(path, buffered=True)
        assert current() is None
    assert len([span for span in sent.spans if span.kind == "server"]) == 4
    assert len({span.trace_id for span in sent.spans}) == 4


def test_uninstall_puts_everything_back() -> None:
    import flask

    before = dict(vars(flask.Flask))
    app = shop()
    code = app.view_functions["plain"].__code__
    with recorder(servers):
        app.test_client().get("/plain", buffered=True)
        assert vars(flask.Flask) != before
        assert app.view_functions["plain"].__code__ is not code
    assert dict(vars(flask.Flask)) == before
    assert app.view_functions["plain"].__code__ is code
