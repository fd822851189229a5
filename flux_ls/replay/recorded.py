"""What the store tells of a request, made into what a run needs: the request to send, and the answers to its calls."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from flux_ls.analysis import recorded
from flux_ls.analysis.assess import assess
from flux_ls.analysis.tree import build
from flux_ls.model import AttributeValue, Request, Span
from flux_ls.record import wire
from flux_ls.replay.bodies import Lost, NeverKept, body_of
from flux_ls.replay.rows import written
from flux_ls.replay.shapes import RecordedCall, Recording, Sent, Skipped

_SAFE = "/:@!$&'()*+,;=~-._%"
_OF_THE_TRACE = frozenset({"traceparent", "tracestate", "baggage", "b3"})
"""Headers that would make the run a part of the recorded request."""
_OF_THE_WIRE = frozenset({"content-length", "transfer-encoding", "content-encoding", "connection", "expect"})
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_RECORD = "record it with `flux run -- CMD`, which keeps what came in"
_BUDGET = "raise record_value_bytes and record_span_bytes, and record it again"
_BY_HAND = "send it by hand: what uploaded files contain is never recorded"


_UNKNOWN_PATH = Skipped("its path has a secret in it, which was redacted", "give all of it: --fill path=/…")
"""Of another path the answer would say nothing."""


def recording(request: Request, spans: tuple[Span, ...], fill: Mapping[str, str]) -> Recording | Skipped:
    """All that a run needs of a request; or why it cannot be run again."""
    if request.kind != "http" or request.method is None:
        kind = {"run": "the run of a program", "message": "a message of a queue", "rpc": "a remote call"}
        return Skipped(f"it is {kind.get(request.kind, 'no HTTP request')}", "only HTTP requests can be replayed")
    entry = build(spans).spans[0]
    if entry.kind == "client":
        return Skipped("the span of the service that answered has not arrived", "ask `flux doctor` about the request")
    own = tuple(span for span in spans if span.resource.service == entry.resource.service)
    secrets = _Secrets(fill)
    sent = _sent(request, entry, secrets)
    if isinstance(sent, Skipped):
        return sent
    failure = assess(own).failure
    return Recording(
        request=request,
        sent=sent,
        calls=tuple(_calls(own)),
        spans=own,
        failure=failure if any(span.exceptions for span in own) else None,
        inserted=tuple(dict.fromkeys(_inserted(own))),
        has_rows=any(recorded.row_changes(own)),
        written=written(own),
        redacted=tuple(dict.fromkeys(secrets.missing)),
        notes=tuple(_notes(spans, own)),
    )


def _notes(spans: tuple[Span, ...], own: tuple[Span, ...]) -> Iterator[str]:
    if own != spans:
        yield "other services took part: they are answered as they were recorded"
    omitted = [count for span in own if isinstance(count := span.attributes.get(wire.OMITTED_ROWS), int)]
    if omitted:
        yield f"of the rows that it wrote, {sum(omitted):,} were only counted: they are as they are today"


def _inserted(spans: Iterable[Span]) -> Iterator[str]:
    for change in recorded.row_changes(spans):
        if change.operation == "insert" and change.outcome == "committed":
            yield change.table


class _Secrets:
    """Values that were redacted: those that are given take their place, the others are remembered."""

    def __init__(self, fill: Mapping[str, str]) -> None:
        self._fill = {name.lower(): value for name, value in fill.items()}
        self.missing: list[str] = []

    def filled(self, name: str, value: Any) -> Any:
        if isinstance(value, str):
            if wire.REDACTED not in value:
                return value
            given = self._fill.get(name.lower())
            if given is None:
                self.missing.append(name)
            return value if given is None else given
        if isinstance(value, list):
            return [self.filled(name, each) for each in value]
        if isinstance(value, dict):
            return {key: self.filled(key, each) for key, each in value.items()}
        return value


def _sent(request: Request, entry: Span, secrets: _Secrets) -> Sent | Skipped:
    told = recorded.input_of(entry)
    method = request.method or "GET"
    if not isinstance(told, dict):
        return _sent_by_attributes(request, entry, method, secrets)
    headers = secrets.filled("", told.get("headers") or {})
    if not isinstance(headers, dict):
        return Skipped("its headers were not recorded as such", _RECORD)
    content_type = _header(headers, "content-type")
    message = {"body": secrets.filled("body", told["body"])} if "body" in told else {}
    if not message and _length(headers) > 0:
        return Skipped("its body was not read when it was recorded, so nobody knows it", _RECORD)
    try:
        body = body_of(message, content_type)
    except Lost as lost:
        mend = _BY_HAND if isinstance(lost, NeverKept) else _BUDGET
        return Skipped(f"its body cannot be sent again: {lost}", mend)
    if "websocket" in _header(headers, "upgrade").lower():
        return Skipped("it is a web socket", "only HTTP requests can be replayed")
    query = told.get("query")
    if isinstance(query, dict):
        if any(isinstance(value, dict) for value in query.values()) or wire.MORE in query:
            return Skipped("its query was cut when it was recorded", _BUDGET)
        query = urlencode(secrets.filled("query", query), doseq=True)
    path = str(secrets.filled("path", told.get("path") or request.path or "/"))
    if wire.REDACTED in path:
        return _UNKNOWN_PATH
    return Sent(
        method=str(told.get("method") or method),
        path=quote(path, safe=_SAFE),
        query=str(query or ""),
        headers=tuple(_headers(headers, body)),
        body=body,
        scheme=_scheme(entry),
        raw_target=_raw_target(entry),
    )


def _scheme(entry: Span) -> str:
    return "https" if entry.attributes.get("url.scheme") == "https" else "http"


def _raw_target(entry: Span) -> bool:
    """Without it, OpenTelemetry's instrumentation of WSGI tells the whole address instead."""
    return "url.full" not in entry.attributes


def _sent_by_attributes(request: Request, entry: Span, method: str, secrets: _Secrets) -> Sent | Skipped:
    """What plain OpenTelemetry tells: everything but the body."""
    attributes = entry.attributes
    size = attributes.get("http.request.body.size")
    if (isinstance(size, int) and size > 0) or (method in _WITH_BODY and size is None):
        return Skipped("what came in with it was not recorded", _RECORD)
    path = str(secrets.filled("path", request.path or "/"))
    if wire.REDACTED in path:
        return _UNKNOWN_PATH
    headers: dict[str, AttributeValue] = {"host": "localhost", "accept": "*/*"}
    host, port = attributes.get("server.address"), attributes.get("server.port")
    if isinstance(host, str) and host:
        headers["host"] = f"{host}:{port}" if isinstance(port, int) else host
    if isinstance(agent := attributes.get("user_agent.original"), str):
        headers["user-agent"] = agent
    for name, value in attributes.items():
        if name.startswith("http.request.header."):
            headers[name.rpartition(".")[2].replace("_", "-")] = value
    query = attributes.get("url.query")
    return Sent(
        method=method,
        path=quote(path, safe=_SAFE),
        query=query.removeprefix("?") if isinstance(query, str) else "",
        headers=tuple(_headers(headers, b"")),
        body=b"",
        scheme=_scheme(entry),
        raw_target=_raw_target(entry),
    )


def _headers(told: Mapping[str, AttributeValue], body: bytes) -> Iterator[tuple[str, str]]:
    for name, value in told.items():
        if name.lower() in _OF_THE_TRACE or name.lower() in _OF_THE_WIRE:
            continue
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, str) and each != wire.REDACTED:
                yield name, each
    if body:
        yield "content-length", str(len(body))


def _header(headers: Mapping[str, AttributeValue], wanted: str) -> str:
    found = headers.get(wanted)
    return str(found[0] if isinstance(found, list) and found else found or "")


def _length(headers: Mapping[str, AttributeValue]) -> int:
    length = _header(headers, "content-length")
    return int(length) if length.isdigit() else 0


def _calls(spans: Iterable[Span]) -> Iterator[RecordedCall]:
    """The outbound calls in the order in which they were made."""
    for span in sorted(spans, key=lambda span: (span.start_ns, span.span_id)):
        if span.kind != "client":
            continue
        told = recorded.input_of(span)
        if isinstance(told, dict) and isinstance(told.get("url"), str):
            yield _told_call(span, told)
        elif isinstance(url := span.attributes.get("url.full"), str):
            yield _call_by_attributes(span, url)


def _told_call(span: Span, told: Mapping[str, Any]) -> RecordedCall:
    answer = recorded.output_of(span)
    headers = told.get("headers")
    call = RecordedCall(
        method=str(told.get("method") or "GET"),
        url=told["url"],
        request_headers=headers if isinstance(headers, dict) else {},
        request_body=told.get("body"),
        asked=True,
        status=None,
        error=_error(span),
    )
    if not isinstance(answer, dict) or not isinstance(status := answer.get("status"), int):
        return call
    told_headers = answer.get("headers")
    given: Mapping[str, AttributeValue] = told_headers if isinstance(told_headers, dict) else {}
    body, lacking = b"", ""
    try:
        body = body_of(answer, _header(given, "content-type"))
    except Lost as lost:
        lacking = f"its recorded answer cannot be given again: {lost}"
    if not body and not lacking and _length(given) > 0 and call.method != "HEAD":
        lacking = "the body of its answer was not read when it was recorded"
    return RecordedCall(
        method=call.method,
        url=call.url,
        request_headers=call.request_headers,
        request_body=call.request_body,
        asked=True,
        status=status,
        headers=tuple(_answer_headers(given)),
        body=body,
        lacking=lacking,
    )


def _answer_headers(told: Mapping[str, AttributeValue]) -> Iterator[tuple[str, str]]:
    for name, value in told.items():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, str):
                yield name, each


def _call_by_attributes(span: Span, url: str) -> RecordedCall:
    status = span.attributes.get("http.response.status_code")
    return RecordedCall(
        method=str(span.attributes.get("http.request.method") or "GET"),
        url=url,
        request_headers={},
        request_body=None,
        asked=False,
        status=status if isinstance(status, int) else None,
        error=_error(span),
        lacking="" if _error(span) and status is None else "the body of its answer was not recorded",
    )


def _error(span: Span) -> str:
    """The type of the exception that a call without an answer ended with."""
    if span.exceptions:
        return span.exceptions[-1].raised.type
    told = span.attributes.get("error.type")
    return told if isinstance(told, str) and not told.isdigit() else ""
