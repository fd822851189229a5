"""A small project with recorded requests, which tests run again."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from flux_ls.config import load
from flux_ls.model import Request
from flux_ls.replay.batch import Batch, run_alone
from flux_ls.replay.replay import recording_of, replay
from flux_ls.replay.shapes import Conditions, Recording, Replay, Replayed, Skipped
from flux_ls.replay.told import Ran
from tests.recorded import Recorded
from tests.telemetry import RECORDER, Raises, SpanNode, http, recorded, span


class Project:
    """`root` holds the application; its requests are told as the recorder would have."""

    def __init__(self, folder: Path) -> None:
        self._recorded = Recorded(folder)
        self.root = self._recorded.root
        self._recorded.payments.unlink()

    @property
    def request_store(self) -> Path:
        return self._recorded.store

    def write(self, path: str, text: str) -> Path:
        return self._recorded.write(path, text)

    def add(
        self,
        method: str,
        path: str,
        status: int = 200,
        *,
        body: object = None,
        headers: Mapping[str, object] | None = None,
        query: Mapping[str, object] | None = None,
        answer: object = None,
        raises: Raises | None = None,
        calls: Sequence[SpanNode] = (),
        **how: Any,
    ) -> str:
        """Records a request; its id."""
        given: dict[str, object] = {"host": "shop.example", **(headers or {})}
        if body is not None:
            given.setdefault("content-type", "application/json")
            given.setdefault("content-length", str(len(json.dumps(body))))
        told: dict[str, object] = {"method": method, "path": path, "headers": given}
        told |= {name: value for name, value in (("query", query), ("body", body)) if value is not None}
        output = {"status": status, "headers": {"content-type": "application/json"}}
        output |= {"body": answer} if answer is not None else {}
        root = http(method, path, status, attributes=recorded(told, output), raises=raises, children=calls)
        how.setdefault("resource", RECORDER)
        return self._recorded.add(root, **how)

    def live(
        self, method: str, path: str, *, body: object = None, headers: Mapping[str, object] | None = None, **given: Any
    ) -> str:
        """Sends a request to the application, with its real database, and records it as the recorder does; its id."""
        ran = self.ran(self.add(method, path, body=body, headers=headers), allow_writes=True, **given)
        assert ran.trouble is None, ran.trouble
        [id] = {
            span.trace_id.hex()
            for body in ran.traces
            for group in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in group.scope_spans
            for span in scope.spans
            if span.kind == span.SPAN_KIND_SERVER
        }
        for told in ran.traces:
            self._recorded.keep(told)
        return id

    def plain(self, root: SpanNode) -> str:
        """Records what OpenTelemetry alone tells."""
        return self._recorded.add(root)

    def conditions(self, **given: Any) -> Conditions:
        settings = load(self.root, {}, flags={"store": str(self._recorded.store)}).settings
        return Conditions(**{"root": self.root, "python": sys.executable, "settings": settings, **given})

    def request(self, id: str) -> Request:
        return self._recorded.request(id)

    def recording(self, id: str, **given: Any) -> Recording | Skipped:
        with self._recorded.reader() as reader:
            return recording_of(reader, reader.request(id), self.conditions(**given))

    def replay(self, *ids: str, **given: Any) -> Replay:
        with self._recorded.reader() as reader:
            requests = [reader.request(id) for id in ids]
            return replay(reader, self._recorded.workspace(), requests, self.conditions(**given))

    def one(self, id: str, **given: Any) -> Replayed:
        [answer] = self.replay(id, **given).requests
        return answer

    def ran(self, id: str, **given: Any) -> Ran:
        """What a run told, before it is judged."""
        found = self.recording(id, **given)
        assert isinstance(found, Recording), found
        return run_alone(found, self.conditions(**given), [])

    def together(self, *ids: str, **given: Any) -> list[Ran]:
        """What runs told that could share an import, one after another."""
        batch = Batch(self.conditions(**given), forks=True)
        try:
            return [batch.run(self._whole(id), []) for id in ids]
        finally:
            batch.close()

    def _whole(self, id: str) -> Recording:
        found = self.recording(id)
        assert isinstance(found, Recording), found
        return found


def call(
    method: str,
    url: str,
    *,
    body: object = None,
    headers: Mapping[str, str] | None = None,
    status: int | None = 200,
    answer: object = None,
    raises: Raises | None = None,
    start_ms: float = 1,
) -> SpanNode:
    """An outbound call; without a status it ended with an exception."""
    given = {**({"content-type": "application/json"} if body is not None else {}), **(headers or {})}
    told: dict[str, object] = {"method": method, "url": url, "headers": given}
    told |= {"body": body} if body is not None else {}
    output: dict[str, object] = {"status": status, "headers": {"content-type": "application/json"}}
    output |= {"body": answer} if answer is not None else {}
    attributes = recorded(told) if status is None else recorded(told, output)
    return span(method, kind="client", start_ms=start_ms, ms=2, attributes=attributes, raises=raises)
