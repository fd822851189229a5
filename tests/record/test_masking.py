"""What a request is known to have as a secret, under its name, is sent nowhere: whatever else of it that stands in."""

import base64
import contextvars
import gc
import json
import threading
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import SecretStr

from flux_ls.record import failures, recording, wire
from flux_ls.record.export.packing import Collector
from flux_ls.record.export.process import Process
from flux_ls.record.export.spans import ThroughExporter
from flux_ls.record.export.taken import Taken
from flux_ls.record.http_message import Collected, Late, fields, message
from flux_ls.record.made import MadeEvent, MadeSpan, new_span_id, now_ns
from flux_ls.record.processor import RecordingProcessor
from flux_ls.record.recording import Recording
from flux_ls.record.redaction.keys import Verdict
from flux_ls.record.redaction.remembered import MOST, Remembered
from flux_ls.record.redaction.sought import is_sought
from flux_ls.record.values import Captured, redacted_value, snapshot, snapshot_items
from flux_ls.record.wire import REDACTED
from tests.record.receiver import Got, spans_of

R = REDACTED
SECRET = "hunter2-öß\"'x"

Writes = Callable[["Request", str], None]


class Request:
    """A request that is recorded in this process."""

    def __init__(self) -> None:
        self.recordings: list[Recording] = []
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(RecordingProcessor())
        self.tracer = self.provider.get_tracer("shop")
        recording.connect(self.recordings.append, trace.get_current_span)

    @property
    def root(self) -> Any:
        return trace.get_current_span()

    @property
    def recording(self) -> Recording:
        found = recording.current()
        assert found is not None
        return found

    def make(self, name: str = "call", error: str | None = None, events: Any = (), **attributes: object) -> None:
        span = MadeSpan(name, new_span_id(), 0, now_ns(), now_ns(), scope="shop", error=error, events=list(events))
        span.attributes = attributes
        self.recording.add(span)

    def runs(self, *steps: Writes, secret: str = SECRET) -> "Request":
        with self.tracer.start_as_current_span("POST /login"):
            for step in steps:
                step(self, secret)
        return self

    def bodies(self) -> list[bytes]:
        taken = [Taken(each) for each in self.recordings]
        self.recordings.clear()
        return [parcel.content for parcel in Collector("http://127.0.0.1:1", 32768, _PROCESS).pack(taken, 0)]

    def sent(self) -> list[Got]:
        return [got for body in self.bodies() for got in spans_of(body)]


_PROCESS = Process("shop", dict)


@pytest.fixture
def request_() -> Iterator[Request]:
    yield Request()
    recording.disconnect()


# Where a secret is told by its name.


def in_a_body(request: Request, secret: str) -> None:
    def made() -> Any:
        sent = Collected()
        sent.add(json.dumps({"user": "ada@example.org", "password": secret}).encode())
        return message({"method": "POST"}, [("content-type", "application/json")], sent)

    request.recording.annotate(request.recording.root_id, {wire.INPUT: Late(made)})


def in_a_query(request: Request, secret: str) -> None:
    request.make(query=Captured(fields(f"api_key={quote(secret)}&page=2")))


def in_a_header(request: Request, secret: str) -> None:
    request.make(headers=snapshot_items([("authorization", f"Bearer {secret}"), ("accept", "text/html")]))


def in_basic_auth(request: Request, secret: str) -> None:
    token = base64.b64encode(f"ada:{secret}".encode()).decode()
    request.make(headers=snapshot_items([("authorization", f"Basic {token}")]))


def in_a_cookie(request: Request, secret: str) -> None:
    request.make(headers=snapshot_items([("cookie", f"sessionid={quote(secret, safe='')}; theme=midnight")]))


def in_an_argument(request: Request, secret: str) -> None:
    request.make(given=snapshot_items([("user", "ada@example.org"), ("password", secret)]))


def in_bytes(request: Request, secret: str) -> None:
    request.make(given=snapshot_items([("password", secret.encode())]))


def in_an_object(request: Request, secret: str) -> None:
    request.make(given=Captured(snapshot({"credentials": {"login": "ada@example.org", "password": [secret]}})))


def in_a_secret_str(request: Request, secret: str) -> None:
    request.make(given=snapshot_items([("password", SecretStr(secret))]))


def in_a_dataclass(request: Request, secret: str) -> None:
    @dataclass
    class Credentials:
        scheme: str
        credentials: str

    request.make(given=snapshot_items([("authorization", Credentials("Bearer", secret))]))


def in_a_pair(request: Request, secret: str) -> None:
    request.make(given=snapshot_items([("auth", ("ada@example.org", secret)), ("user", "ada@example.org")]))


def in_what_a_secret_function_returns(request: Request, secret: str) -> None:
    request.make(out=Captured(redacted_value(Verdict.SECRET, secret)))


def in_an_attribute(request: Request, secret: str) -> None:
    request.root.set_attribute("login.password", secret)


def in_a_text(request: Request, secret: str) -> None:
    request.root.add_event("log", {"text": f"password={json.dumps(secret)}, user=ada"})


NAMED: tuple[Writes, ...] = (
    in_a_body,
    in_a_query,
    in_a_header,
    in_basic_auth,
    in_a_cookie,
    in_an_argument,
    in_bytes,
    in_an_object,
    in_a_secret_str,
    in_a_dataclass,
    in_a_pair,
    in_what_a_secret_function_returns,
    in_an_attribute,
    in_a_text,
)


# Where it stands under no name.


def message_(request: Request, secret: str) -> None:
    request.root.set_status(trace.StatusCode.ERROR, f"login with {secret} failed")
    request.root.record_exception(ValueError(f"login with {secret} failed"))


def made_failure(request: Request, secret: str) -> None:
    try:
        raise ValueError(f"login with {secret!r} failed")
    except ValueError as error:
        told = {"exception.message": failures.message_of(error), "exception.stacktrace": failures.stacktrace_of(error)}
        request.make(error=failures.one_line(error), events=[MadeEvent("exception", now_ns(), told)])


def local(request: Request, secret: str) -> None:
    frames = [{"path": "/shop/a.py", "line": 3, "function": "login", "locals": {"given": secret, "n": 1}}]
    request.make(**{wire.LOCALS: Captured(snapshot(frames))})


def argument(request: Request, secret: str) -> None:
    request.make(**{wire.INPUT: snapshot_items([("given", secret), ("raw", secret.encode()), ("all", [secret])])})


def key(request: Request, secret: str) -> None:
    request.make(**{wire.OUTPUT: Captured(snapshot({"users": {secret: 1}}))})


def attribute(request: Request, secret: str) -> None:
    request.root.set_attributes({"given": secret, "several": ["a", secret], "length": 3})


def statement(request: Request, secret: str) -> None:
    literal = secret.replace("'", "''")
    request.root.set_attribute("db.query.text", f"SELECT * FROM users WHERE mark = '{literal}'")


def url(request: Request, secret: str) -> None:
    request.make(**{"url.full": f"https://shop.example/{quote(secret, safe='')}?x={quote(quote(secret))}"})


def json_in_json(request: Request, secret: str) -> None:
    request.make(**{wire.INPUT: snapshot_items([("payload", json.dumps({"given": json.dumps([secret])}))])})


def base64_(request: Request, secret: str) -> None:
    for user in ("a", "ab", "abc"):
        request.make(given=base64.b64encode(f"{user}:{secret}".encode()).decode())


def binary(request: Request, secret: str) -> None:
    request.make(**{wire.INPUT: snapshot_items([("raw", b"\0\xff" + secret.encode())])})


def name(request: Request, secret: str) -> None:
    with request.tracer.start_as_current_span(f"GET /reset/{secret}"):
        pass


def row(request: Request, secret: str) -> None:
    told = {wire.ROW_TABLE: "users", wire.ROW_AFTER: Captured({"nick": secret}), wire.ROW_OPERATION: "insert"}
    request.make(wire.TRANSACTION, events=[MadeEvent(wire.ROW_CHANGE, now_ns(), told)])


def link(request: Request, secret: str) -> None:
    to = trace.SpanContext(1, 2, False)
    with request.tracer.start_as_current_span("job", links=[trace.Link(to, {"given": secret})]):
        pass


UNNAMED: tuple[Writes, ...] = (
    message_,
    made_failure,
    local,
    argument,
    key,
    attribute,
    statement,
    url,
    json_in_json,
    base64_,
    binary,
    name,
    row,
    link,
)


def remains(secret: str, body: bytes) -> list[str]:
    """The spellings of the secret that are in what is sent."""
    plain = json.dumps(secret)[1:-1]
    spelled = [
        secret,
        plain,
        json.dumps(secret, ensure_ascii=False)[1:-1],
        json.dumps(plain)[1:-1],
        repr(secret)[1:-1],
        quote(secret, safe=""),
        secret.replace("'", "''"),
    ]
    found = [each for each in spelled if each.encode() in body]
    for skipped in (b"", b"a", b"ab"):
        core = base64.b64encode(skipped + secret.encode()).decode()[4:-4]
        found += [core] if len(core) >= 6 and core.encode() in body else []
    return found


@pytest.mark.parametrize("unnamed", UNNAMED)
@pytest.mark.parametrize("named", NAMED)
def test_a_secret_that_has_a_name_is_taken_out_where_it_has_none(
    request_: Request, named: Writes, unnamed: Writes
) -> None:
    for steps in ((named, unnamed), (unnamed, named)):
        sent = b"".join(request_.runs(*steps).bodies())
        assert remains(SECRET, sent) == []
        assert sent.count(R.encode()) >= 2
        assert b"ada@example.org" in sent or named not in (in_a_body, in_an_argument, in_a_pair)


@given(
    secret=st.text(st.characters(exclude_categories=["Cs"]), min_size=6, max_size=16).filter(
        lambda secret: is_sought(secret) and secret == secret.strip() and not (secret.isalpha() or secret.isdecimal())
    ),
    named=st.sampled_from([in_a_body, in_an_argument, in_bytes, in_an_object, in_a_header]),
    unnamed=st.lists(st.sampled_from(UNNAMED), min_size=1, max_size=4),
)
def test_nothing_of_any_secret_is_sent(secret: str, named: Writes, unnamed: list[Writes]) -> None:
    request = Request()
    try:
        sent = b"".join(request.runs(*unnamed, named, secret=secret).bodies())
    finally:
        recording.disconnect()
    assert remains(secret, sent) == []


@pytest.mark.parametrize("unnamed", UNNAMED)
def test_the_same_through_an_exporter_of_the_applications_choice(request_: Request, unnamed: Writes) -> None:
    request_.runs(unnamed, in_a_body, attribute)
    exporter = InMemorySpanExporter()
    destination = ThroughExporter(exporter, 32768, _PROCESS)
    for parcel in destination.pack([Taken(each) for each in request_.recordings], 0):
        destination.send(parcel)
    sent = "".join(span.to_json() for span in exporter.get_finished_spans())
    assert remains(SECRET, sent.encode()) == []
    assert R in sent


def test_the_applications_own_spans_stay_as_they_are(request_: Request) -> None:
    kept = InMemorySpanExporter()
    request_.provider.add_span_processor(SimpleSpanProcessor(kept))
    request_.runs(in_a_body, attribute, message_).bodies()
    [span] = kept.get_finished_spans()
    assert dict(span.attributes or {})["given"] == SECRET
    assert SECRET in str(span.status.description)


def test_what_is_no_secret_stays_and_so_does_all_beside_it(request_: Request) -> None:
    def more(request: Request, secret: str) -> None:
        request.root.set_attributes({"n": 3, "user": "ada@example.org", "text": f"a {secret} b"})
        request.root.set_attribute("http.route", "/login")

    [span] = request_.runs(in_a_body, more).sent()
    told = span.attributes
    assert (told["n"], told["user"], told["text"], told["http.route"]) == (3, "ada@example.org", f"a {R} b", "/login")
    assert json.loads(told[wire.INPUT])["body"] == {"user": "ada@example.org", "password": R}


@pytest.mark.parametrize(
    ("secret", "given", "expected"),
    [
        # Numbers are found as numbers, too.
        ("481516", [481516, 14815162, "481516", 4.5], [R, 14815162, R, 4.5]),
        # What is too short, or stands in any text, stays.
        ("abc12", ["abc12"], ["abc12"]),
        ("password", ["a password"], ["a password"]),
        ("hunter", ["a hunter", "hunters"], [f"a {R}", "hunters"]),
        ("hunter2000", [{"$cut": "it is hunter20", "length": 99}], [{"$cut": f"it is {R}", "length": 99}]),
        ("hunter2000", [{"hunter2000": 1, R: 2}], [{R + "'": 1, R: 2}]),
        ("hunter2000", [{"$bytes": base64.b64encode(b"\0hunter2000\0").decode()}], [R]),
    ],
)
def test_values_are_found_where_they_are_told_apart(
    request_: Request, secret: str, given: list[Any], expected: list[Any]
) -> None:
    def writes(request: Request, _: str) -> None:
        request.make("given", **{wire.OUTPUT: Captured(given)})

    sent = request_.runs(in_an_argument, writes, secret=secret).sent()
    [told] = [span.attributes[wire.OUTPUT] for span in sent if span.name == "given"]
    assert json.loads(told) == expected


def test_a_message_that_was_cut_in_a_secret_has_no_half_of_it(request_: Request) -> None:
    def fails(request: Request, secret: str) -> None:
        for length in range(4096 - len(secret), 4096):
            error = ValueError("x" * length + secret)
            told = {"exception.message": failures.message_of(error), "line": failures.one_line(error)}
            request.make(events=[MadeEvent("exception", now_ns(), told)])

    sent = b"".join(request_.runs(in_an_argument, fails, secret="hunter2000").bodies())
    assert b"xhunt" not in sent
    assert sent.count(f"x{R}".encode()) >= 6


def test_names_that_tell_failures_apart_stay(request_: Request) -> None:
    def fails(request: Request, secret: str) -> None:
        def checkout() -> None:
            raise ValueError(f"{secret} is wrong")

        try:
            checkout()
        except ValueError as error:
            told = {"exception.type": "checkout", "exception.stacktrace": failures.stacktrace_of(error)}
            request.make("login", events=[MadeEvent("exception", now_ns(), told)], **{"code.function.name": "checkout"})

    [span] = [each for each in request_.runs(in_an_argument, fails, secret="checkout").sent() if each.name == "login"]
    [event] = span.span["events"]
    told = {each["key"]: each["value"]["stringValue"] for each in event["attributes"]}
    assert told["exception.type"] == span.attributes["code.function.name"] == "checkout"
    assert ", in checkout\n" in told["exception.stacktrace"]
    assert told["exception.stacktrace"].endswith(f"ValueError: {R} is wrong\n")


def test_other_threads_and_contexts_of_the_request_belong_to_it(request_: Request) -> None:
    def elsewhere(request: Request, secret: str) -> None:
        here = contextvars.copy_context()
        thread = threading.Thread(target=here.run, args=(in_an_argument, request, secret))
        thread.start()
        thread.join()

    assert remains(SECRET, b"".join(request_.runs(attribute, elsewhere).bodies())) == []


def test_another_recording_of_the_trace_knows_it_and_another_request_does_not(request_: Request) -> None:
    def calls_itself(request: Request, secret: str) -> None:
        here = trace.get_current_span().get_span_context()
        remote = trace.NonRecordingSpan(trace.SpanContext(here.trace_id, here.span_id, True, here.trace_flags))
        with request.tracer.start_as_current_span("GET /inner", trace.set_span_in_context(remote)):
            attribute(request, secret)

    request_.runs(in_an_argument, calls_itself)
    assert len(request_.recordings) == 2
    assert remains(SECRET, b"".join(request_.bodies())) == []

    request_.runs(attribute)
    assert SECRET.encode() in b"".join(request_.bodies())


@pytest.mark.parametrize("first", ["the request", "what came after it"])
def test_what_runs_after_the_answer_belongs_to_the_request(request_: Request, first: str) -> None:
    with request_.tracer.start_as_current_span("POST /login") as root:
        in_a_body(request_, SECRET)
    with request_.tracer.start_as_current_span("BackgroundTask mail", trace.set_span_in_context(root)):
        attribute(request_, SECRET)
        argument(request_, SECRET)
    assert len(request_.recordings) == 2
    if first != "the request":
        # One that failed is packed before what waits.
        request_.recordings.reverse()
    assert remains(SECRET, b"".join(request_.bodies())) == []


def test_what_came_in_is_known_when_the_first_piece_of_a_long_request_is_sent(request_: Request) -> None:
    with request_.tracer.start_as_current_span("POST /login"):
        in_a_body(request_, SECRET)
        argument(request_, SECRET)
        request_.recordings.append(request_.recording)
        first = b"".join(request_.bodies())
    assert b"given" in first
    assert remains(SECRET, first + b"".join(request_.bodies())) == []


def test_a_request_that_is_over_is_forgotten(request_: Request) -> None:
    known: list[weakref.ref[Remembered]] = []

    def looks(request: Request, _: str) -> None:
        known.append(weakref.ref(request.recording.secrets))

    request_.runs(in_a_body, attribute, looks)
    assert known[0]() is not None
    request_.bodies()
    gc.collect()
    assert known[0]() is None


def test_a_secret_in_a_long_header_is_known() -> None:
    known = Remembered()
    known.add("; ".join(["theme=" + "x" * 4000, "sessionid=hunter2000"]))
    assert known.without("session hunter2000 has ended") == f"session {R} has ended"


def test_many_and_long_values_have_a_bound() -> None:
    known = Remembered()
    for number in range(10 * MOST):
        known.add(f"hunter-{number:06}")
    known.add("hunter-" + "x" * 100_000)
    assert len(known.secrets()) == MOST
