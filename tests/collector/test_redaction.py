"""Redaction at ingest: whoever recorded a secret, in whatever form it is sent, it is not in the store."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from flux_ls.collector import redaction
from flux_ls.collector.ingest import Ingest
from flux_ls.collector.redaction import Redactor
from flux_ls.config import Settings
from flux_ls.otlp.batch import read_exception_logs, read_spans
from flux_ls.otlp.payload import decode
from flux_ls.record import redaction as rules
from flux_ls.record import wire
from flux_ls.record.wire import REDACTED
from flux_ls.store.reader import Reader
from tests.record.redaction.innocents import NAMED, TEXTS
from tests.record.redaction.secrets import SECRETS, Secret
from tests.record.redaction.test_corpus import parts_of, text_of
from tests.record.test_masking import remains

_NOW_NS = 1_700_000_000_000_000_000


def value_of(value: Any) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, bytes):
        return AnyValue(bytes_value=value)
    made = AnyValue()
    if isinstance(value, list | tuple):
        made.array_value.values.extend(value_of(item) for item in value)
    elif isinstance(value, dict):
        made.kvlist_value.values.extend(KeyValue(key=key, value=value_of(item)) for key, item in value.items())
    elif value is not None:
        made.string_value = str(value)
    return made


def plain(value: Any) -> Any:
    """As somebody else's instrumentation would put it on a span."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value if isinstance(value, bool | int | float | str | bytes | None) else vars(value) or str(value)


def attributes_of(secret: Secret) -> dict[str, Any]:
    """The secret as it stands in the telemetry of recorders that redact nothing."""
    carrier = secret.carrier
    match secret.where:
        case "header":
            pairs = [(_text(name).lower(), _text(value)) for name, value in carrier]
            return {
                **{f"http.request.header.{name}": [value] for name, value in pairs},
                wire.INPUT: json.dumps({"headers": dict(pairs)}),
                "headers": json.dumps(pairs),
            }
        case "body":
            text = carrier[1].decode()
            try:
                tree = json.loads(text)
            except ValueError:
                tree = text
            return {"http.request.body": text, wire.INPUT: json.dumps({"body": tree}), wire.OUTPUT: json.dumps(tree)}
        case "argument" | "local":
            name, value = carrier
            shown = plain(value)
            as_json = json.dumps(shown, default=lambda raw: raw.decode())
            return {
                name: shown,
                wire.LOCALS: f'[{{"path": "/a.py", "line": 1, "function": "f", "locals": {{"{name}": {as_json}}}}}]',
                "log": f"{name}={shown!r}",
            }
        case "parameter":
            statement, parameters = carrier
            return {"db.statement": statement, "db.statement.parameters": parameters, "error": text_of(secret)}
    return {"text": carrier, "list": ["a", carrier], "object": {"inner": carrier}, "raw": carrier.encode()}


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def span_with(attributes: dict[str, Any], message: str = "") -> ExportTraceServiceRequest:
    export = ExportTraceServiceRequest()
    resource_spans = export.resource_spans.add()
    resource_spans.resource.attributes.add(key="service.name").value.string_value = "shop"
    made = resource_spans.scope_spans.add().spans.add()
    made.trace_id, made.span_id = b"t" * 16, b"s" * 8
    made.name, made.start_time_unix_nano, made.end_time_unix_nano = "POST /login", _NOW_NS, _NOW_NS + 1_000_000
    made.attributes.extend(KeyValue(key=key, value=value_of(value)) for key, value in attributes.items())
    if message:
        made.name = f"run {message}"
        made.status.code, made.status.message = 2, message
        made.events.add(name="exception").attributes.extend(
            [
                KeyValue(key="exception.type", value=value_of("ValueError")),
                KeyValue(key="exception.message", value=value_of(message)),
                KeyValue(
                    key="exception.stacktrace",
                    value=value_of(
                        'Traceback (most recent call last):\n  File "/srv/shop/a.py", line 3, in login\n'
                        f"    raise ValueError(text)\nValueError: {message}\n"
                    ),
                ),
            ]
        )
        made.links.add(trace_id=b"l" * 16, span_id=b"m" * 8).attributes.add(key="why").value.string_value = message
    return export


def resent(message: Message, form: str) -> Any:
    """The export as it arrives in this form."""
    if form == "protobuf":
        return decode(message.SerializeToString(), "protobuf", type(message))
    import base64

    document = MessageToDict(message)

    def in_hex(tree: Any) -> None:
        # OTLP's JSON has ids in hex, where protobuf's has base64.
        for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
            if key in ("traceId", "spanId"):
                tree[key] = base64.b64decode(value).hex()
            elif isinstance(value, dict | list):
                in_hex(value)

    in_hex(document)
    return decode(json.dumps(document).encode(), "json", type(message))


@pytest.fixture
def ingest(tmp_path: Path) -> Iterator[Ingest]:
    opened = Ingest(tmp_path / "flux.db")
    yield opened
    opened.close()


def stored_bytes(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.iterdir()))


@pytest.mark.parametrize("form", ["protobuf", "json"])
@pytest.mark.parametrize("where", sorted({secret.where for secret in SECRETS}))
def test_no_secret_reaches_the_store(tmp_path: Path, where: str, form: str) -> None:
    ingest = Ingest(tmp_path / "flux.db")
    corpus = [secret for secret in SECRETS if secret.where == where]
    for number, secret in enumerate(corpus):
        message = text_of(secret) if where in ("url", "message", "parameter") else ""
        export = span_with(attributes_of(secret), message)
        export.resource_spans[0].scope_spans[0].spans[0].trace_id = number.to_bytes(16, "big").replace(b"\0", b"\1")
        ingest.traces(resent(export, form))
    ingest.close()
    kept = stored_bytes(tmp_path)
    assert b"POST /login" in kept or b"ValueError" in kept
    # The store is read as bytes here, which SQLite allows only to who has closed it.
    found = {secret.secret: part for secret in corpus for part in parts_of(secret.secret) if part.encode() in kept}
    assert not {secret: part for secret, part in found.items() if not _known(part)}


def _known(part: str) -> bool:
    """Whether these characters stand in the corpus beside the secrets, too: names, and how passwords begin."""
    return any(part in text for text in ("Tr0ub4dor", "sessionid", "INSERT INTO"))


def redacted(message: ExportTraceServiceRequest) -> Span:
    batch = Redactor().spans(read_spans(message))
    ((raw,),) = ([raw for chunk in part.chunks.values() for raw in chunk.raws] for part in batch.parts)
    (part,) = batch.parts
    assert part.root is not None
    assert part.root[0] == raw
    return Span.FromString(raw)


def attributes(span: Span) -> dict[str, Any]:
    return {pair.key: MessageToDict(pair.value) for pair in span.attributes}


class TestASpan:
    @pytest.mark.parametrize(("name", "value"), NAMED)
    def test_without_a_secret_is_kept_byte_for_byte(self, name: str, value: Any) -> None:
        message = span_with({name: value, wire.INPUT: json.dumps({name: value})})
        kept = redacted(message)
        assert kept.SerializeToString() == message.resource_spans[0].scope_spans[0].spans[0].SerializeToString()

    @pytest.mark.parametrize("text", TEXTS)
    def test_with_an_innocent_text_is_kept_byte_for_byte(self, text: str) -> None:
        message = span_with({"text": text, "list": [text, "b", "c"], "object": {"a": text}}, text)
        kept = redacted(message)
        assert kept.SerializeToString() == message.resource_spans[0].scope_spans[0].spans[0].SerializeToString()

    def test_everywhere(self) -> None:
        message = span_with({"text": "password=hunter2"}, "password=hunter2")
        made = message.resource_spans[0].scope_spans[0].spans[0]
        made.trace_state = "vendor=1,token=hunter2"
        made.attributes.add(key="password=hunter2").value.int_value = 3
        kept = redacted(message)
        assert b"hunter2" not in kept.SerializeToString()
        assert kept.name == f"run password={REDACTED}"
        assert kept.status.message == f"password={REDACTED}"
        assert (kept.trace_id, kept.span_id, kept.end_time_unix_nano) == (b"t" * 16, b"s" * 8, _NOW_NS + 1_000_000)
        assert kept.events[0].attributes[1].value.string_value == f"password={REDACTED}"

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("hunter2", {"stringValue": REDACTED}),
            (1234, {"stringValue": REDACTED}),
            (["a", "b"], {"stringValue": REDACTED}),
            ({"a": 1}, {"stringValue": REDACTED}),
            (b"raw", {"stringValue": REDACTED}),
            (True, {"boolValue": True}),
            ("", {"stringValue": ""}),
            (None, {}),
        ],
    )
    def test_under_a_secret_name(self, value: Any, expected: Any) -> None:
        message = span_with({"user.password": value} if value != "" else {})
        if value == "":
            pair = message.resource_spans[0].scope_spans[0].spans[0].attributes.add(key="user.password")
            pair.value.string_value = ""
        assert attributes(redacted(message))["user.password"] == expected

    def test_what_flux_does_not_know_of_a_message_stays(self) -> None:
        message = span_with({"password": "hunter2"})
        raw = message.resource_spans[0].scope_spans[0].spans[0].SerializeToString() + b"\xfa\x3e\x03new"
        export = ExportTraceServiceRequest()
        export.resource_spans.add().scope_spans.add().spans.add().MergeFromString(raw)
        kept = redacted(export).SerializeToString()
        assert b"\xfa\x3e\x03new" in kept
        assert b"hunter2" not in kept

    def test_recorded_json_stays_json(self) -> None:
        tree = {"body": {"password": "hunter2", "plan": None, "pin": 1234}, "headers": {"cookie": "a=1"}}
        kept = attributes(redacted(span_with({wire.INPUT: json.dumps(tree)})))
        assert json.loads(kept[wire.INPUT]["stringValue"]) == {
            "body": {"password": REDACTED, "plan": None, "pin": REDACTED},
            "headers": {"cookie": REDACTED},
        }

    def test_parameters_by_position(self) -> None:
        kept = attributes(
            redacted(
                span_with(
                    {
                        "db.query.text": "UPDATE users SET password = $1, plan = $2 WHERE id = $3",
                        "db.query.parameter.0": "hunter2",
                        "db.query.parameter.1": "free",
                        "db.query.parameter.2": "7",
                    }
                )
            )
        )
        assert [kept[f"db.query.parameter.{index}"]["stringValue"] for index in range(3)] == [REDACTED, "free", "7"]

    def test_only_the_spans_with_secrets_change(self) -> None:
        export = span_with({"text": "token=abcdef"})
        spans = export.resource_spans[0].scope_spans[0].spans
        for number in range(50):
            made = spans.add()
            made.CopyFrom(spans[0])
            made.span_id = number.to_bytes(8, "big").replace(b"\0", b"\2")
            if number % 7:
                made.attributes[0].value.string_value = "plan=free"
        before = [span.SerializeToString() for span in spans]
        batch = Redactor().spans(read_spans(export))
        after = [raw for part in batch.parts for chunk in part.chunks.values() for raw in chunk.raws]
        assert len(after) == len(before)
        for old, new in zip(before, after, strict=True):
            assert (old == new) == (b"plan=free" in old)
            assert b"abcdef" not in new

    def test_a_span_that_cannot_be_looked_into_loses_its_texts(
        self, monkeypatch: pytest.MonkeyPatch, ingest: Ingest, tmp_path: Path
    ) -> None:
        def fails(text: str) -> str:
            raise RuntimeError(text)

        monkeypatch.setattr(redaction, "redact_text", fails)
        ingest.traces(span_with({"text": "password=hunter2"}, "password=hunter2"))
        ingest.close()
        assert b"hunter2" not in stored_bytes(tmp_path)
        with Reader(tmp_path / "flux.db") as reader:
            assert [request.failed for request in reader.requests()] == [True]


class TestATrace:
    """What one span has under the name of a secret is none the less one where others have it under no name."""

    SECRET = "hunter2-öß\"'x"

    def kept(self, *attributes: dict[str, Any], message: str = "", of_others: bool = False) -> list[Span]:
        """The spans of one trace that have these attributes; `of_others`, of a trace each."""
        export = span_with(attributes[0], message)
        spans = export.resource_spans[0].scope_spans[0].spans
        for number, each in enumerate(attributes[1:]):
            made = export.resource_spans.add().scope_spans.add().spans.add()
            made.CopyFrom(span_with(each).resource_spans[0].scope_spans[0].spans[0])
            made.span_id, made.parent_span_id = bytes([number + 1]) * 8, spans[0].span_id
            made.trace_id = bytes([number + 1]) * 16 if of_others else spans[0].trace_id
        batch = Redactor().spans(read_spans(export))
        raws = [raw for part in batch.parts for chunk in part.chunks.values() for raw in chunk.raws]
        return sorted(map(Span.FromString, raws), key=lambda span: span.span_id, reverse=True)

    @pytest.mark.parametrize(
        "named",
        [
            {"user.password": SECRET},
            {"login": {"password": SECRET}},
            {"passwords": [SECRET, "other99"]},
            {"http.request.header.authorization": [f"Bearer {SECRET}"]},
            {wire.INPUT: json.dumps({"body": {"password": SECRET}})},
            {"text": f"password={json.dumps(SECRET)}"},
            {"db.query.text": "UPDATE users SET password = $1", "db.query.parameter.0": SECRET},
        ],
        ids=str,
    )
    def test_has_no_secret_of_another_span(self, named: dict[str, Any]) -> None:
        secret = self.SECRET
        unnamed = {
            "given": secret,
            "list": ["a", secret],
            "object": {"inner": secret, secret: 1},
            "raw": secret.encode(),
            "url.full": f"https://shop.example/{quote(secret, safe='')}",
            wire.INPUT: json.dumps({"given": secret, "inner": json.dumps([secret])}),
            wire.LOCALS: json.dumps([{"path": "/a.py", "line": 1, "function": "f", "locals": {"given": secret}}]),
            secret: 1,
        }
        for spans in (self.kept(named, unnamed), self.kept(unnamed, named)):
            assert remains(secret, b"".join(span.SerializeToString() for span in spans)) == []
        [root, _] = self.kept(named, unnamed, message=f"login with {secret} failed")
        assert root.status.message == f"login with {REDACTED} failed"
        assert root.events[0].attributes[2].value.string_value.endswith(f"ValueError: login with {REDACTED} failed\n")
        assert remains(secret, root.SerializeToString()) == []

    def test_keeps_numbers_words_and_places_that_only_look_alike(self) -> None:
        [_, other] = self.kept(
            {"otp": 481516, "password": "checkout"},
            {"given": 481516, "order": 14815162, "half": 4.5, "text": "checkouts", "code.function.name": "checkout"},
        )
        told = attributes(other)
        assert told["given"] == {"stringValue": REDACTED}
        assert told["order"] == {"intValue": "14815162"}
        assert told["half"] == {"doubleValue": 4.5}
        assert told["text"] == {"stringValue": "checkouts"}
        assert told["code.function.name"] == {"stringValue": "checkout"}

    def test_is_not_told_of_the_secrets_of_another(self) -> None:
        [_, other] = self.kept({"password": "hunter2000"}, {"given": "hunter2000"}, of_others=True)
        assert attributes(other)["given"] == {"stringValue": "hunter2000"}

    def test_a_span_that_has_none_is_kept_byte_for_byte(self) -> None:
        export = span_with({"text": "a hunter2000… b"})
        before = export.resource_spans[0].scope_spans[0].spans[0]
        [_, other] = self.kept({"password": "sesame99"}, {"text": "a hunter2000… b"})
        other.span_id, other.parent_span_id = before.span_id, b""
        assert other == before


def test_resources_and_scopes() -> None:
    export = span_with({})
    export.resource_spans[0].resource.attributes.add(key="db.url").value.string_value = "postgres://a:hunter2@db/shop"
    command = export.resource_spans[0].resource.attributes.add(key="process.command_args").value
    command.array_value.values.extend(value_of(text) for text in ("app", "--password", "hunter2"))
    export.resource_spans[0].scope_spans[0].scope.attributes.add(key="api_key").value.string_value = "hunter2"
    redactor = Redactor()
    for _ in range(2):
        (origin,) = redactor.spans(read_spans(export)).origins
        assert b"hunter2" not in origin.resource + origin.scope
        assert b"shop" in origin.resource
        assert b"--password" in origin.resource


def test_log_records_of_a_trace_share_what_is_known_of_it() -> None:
    export = ExportLogsServiceRequest()
    for name in ("password", "given"):
        record = export.resource_logs.add().scope_logs.add().log_records.add()
        record.trace_id, record.span_id, record.time_unix_nano = b"t" * 16, b"s" * 8, _NOW_NS
        record.body.string_value = "login with hunter2000 failed"
        for key, text in (("exception.type", "ValueError"), (name, "hunter2000")):
            record.attributes.add(key=key).value.string_value = text
    rows = Redactor().logs(read_exception_logs(export)).rows
    assert len(rows) == 2
    assert not any(b"hunter2000" in row.raw for row in rows)


def test_log_records(tmp_path: Path, ingest: Ingest) -> None:
    export = ExportLogsServiceRequest()
    record = export.resource_logs.add().scope_logs.add().log_records.add()
    record.trace_id, record.span_id, record.time_unix_nano = b"t" * 16, b"s" * 8, _NOW_NS
    record.body.string_value = "failed with password=hunter2"
    for key, text in (("exception.type", "ValueError"), ("exception.message", "token=hunter2"), ("secret", "hunter2")):
        record.attributes.add(key=key).value.string_value = text
    ingest.logs(export)
    ingest.traces(span_with({}))
    ingest.close()
    kept = stored_bytes(tmp_path)
    assert b"hunter2" not in kept
    assert f"token={REDACTED}".encode() in kept
    (row,) = Redactor().logs(read_exception_logs(export)).rows
    assert b"ValueError" in row.raw


class TestNamesOfTheUser:
    @pytest.fixture(autouse=True)
    def _as_before(self) -> Iterator[None]:
        yield
        rules.configure(())

    def test_are_secret_as_well(self, tmp_path: Path) -> None:
        from flux_ls.collector.serve import open_ingest

        sink = open_ingest(Settings(store=tmp_path / "flux.db", redact_keys=("tax_number",)))
        sink.traces(
            span_with(
                {
                    "taxNumber": "opensesame",
                    "text": "X-Tax-Number: opensesame",
                    wire.INPUT: '{"tax_number": "opensesame", "syntax": "sound"}',
                }
            )
        )
        sink.close()  # type: ignore[attr-defined]
        kept = stored_bytes(tmp_path)
        assert b"opensesame" not in kept
        assert b"sound" in kept
