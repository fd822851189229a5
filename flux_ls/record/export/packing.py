"""Parcels: what is sent at one time, as OTLP."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan

from flux_ls.record.export.masking import without_secrets
from flux_ls.record.export.otlp import encode_made, encode_resource, encode_scope, encode_span, export_request
from flux_ls.record.export.process import Process
from flux_ls.record.export.sending import HttpSender
from flux_ls.record.export.taken import Taken
from flux_ls.record.guard import tell
from flux_ls.record.made import MadeSpan
from flux_ls.record.recording import share_secrets
from flux_ls.record.redaction.remembered import gathering
from flux_ls.record.wire import DROPPED

FULL: Final = 512 * 1024
"""Bytes: a parcel that has as many is closed."""


@dataclass(slots=True, eq=False)
class Parcel:
    content: Any
    """Bytes, or a list of spans: what comes one after the other may be sent as one."""
    size: int
    spans: int
    failed: bool

    def add(self, other: "Parcel") -> bool:
        """Takes what is in the other one, if both go together."""
        if self.size + other.size > FULL:
            return False
        self.content += other.content
        self.size += other.size
        self.spans += other.spans
        return True


class Destination(Protocol):
    def pack(self, taken: Sequence[Taken], dropped: int) -> Iterator[Parcel]: ...

    def send(self, parcel: Parcel) -> None:
        """Raises `Busy`, `Refused`."""

    def hurry(self, timeout_s: float) -> None:
        """From now on it must not take longer than this to find out that nobody answers."""

    def forget(self) -> None:
        """In a forked child: what is open belongs to the parent."""


class Collector:
    """Packs protobuf for an OTLP/HTTP receiver."""

    def __init__(self, endpoint: str, span_budget: int, process: Process) -> None:
        self._sender = HttpSender(endpoint)
        self._span_budget = span_budget
        self._process = process
        self._scopes: dict[object, bytes] = {}
        self._resources: dict[tuple[int, int], tuple[Mapping[str, Any], bytes]] = {}

    def pack(self, taken: Sequence[Taken], dropped: int) -> Iterator[Parcel]:
        spans: dict[bytes, dict[bytes, list[bytes]]] = {}
        size = count = 0
        failed = False
        # What one tells of may be a secret in another, and in all spans of its own.
        for each, first in [(each, self._all_encoded(each)) for each in taken]:
            resource = self._resource(resource_of(each) or self._process.resource(), dropped)
            scopes = spans.setdefault(resource, {})
            for scope, encoded in self._clean(each, first):
                known = scopes.get(scope)
                if known is None:
                    scopes[scope] = [encoded]
                else:
                    known.append(encoded)
                size += len(encoded)
                count += 1
            failed = failed or each.failed
            if size >= FULL:
                yield Parcel(export_request(spans), size, count, failed)
                spans, size, count, failed = {}, 0, 0, False
        if count:
            yield Parcel(export_request(spans), size, count, failed)

    def send(self, parcel: Parcel) -> None:
        self._sender.send(parcel.content)

    def hurry(self, timeout_s: float) -> None:
        self._sender.hurry(timeout_s)

    def forget(self) -> None:
        self._sender.forget()

    def _all_encoded(self, taken: Taken) -> list[tuple[Any, bytes, bytes]]:
        """Each span with its scope and its bytes, and what is a secret in them, gathered meanwhile."""
        encoded: list[tuple[Any, bytes, bytes]] = []
        with gathering(taken.secrets):
            for span in taken.spans:
                try:
                    encoded.append((span, *self._encoded(taken, span)))
                except Exception as error:
                    tell("encoding a span", error)
        if taken.secrets:
            share_secrets(taken.trace_id, taken.secrets)
        return encoded

    def _clean(self, taken: Taken, encoded: list[tuple[Any, bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
        """Scopes and bytes without what is known to be a secret now."""
        secrets = taken.secrets
        hidden = bool(secrets) and secrets.may_be_in(b"".join([content for _, _, content in encoded]))
        for span, scope, content in encoded:
            try:
                if hidden and secrets.may_be_in(content):
                    yield self._encoded(taken, without_secrets(taken, span))
                else:
                    yield scope, content
            except Exception as error:
                tell("taking secrets out of a span", error)

    def _encoded(self, taken: Taken, span: Any) -> tuple[bytes, bytes]:
        if isinstance(span, MadeSpan):
            scope = self._scopes.get(span.scope)
            if scope is None:
                scope = self._scopes[span.scope] = encode_scope(span.scope, None)
            return scope, encode_made(taken, span, self._span_budget)
        made_by = span.instrumentation_scope
        scope = self._scopes.get(made_by)
        if scope is None:
            if len(self._scopes) > 1000:
                self._scopes.clear()
            name, version = (made_by.name, made_by.version) if made_by is not None else ("", None)
            scope = self._scopes[made_by] = encode_scope(name, version)
        return scope, encode_span(taken, span, self._span_budget)

    def _resource(self, resource: Resource, dropped: int) -> bytes:
        attributes = self._process.attributes(resource)
        key = (id(attributes), dropped)
        known = self._resources.get(key)
        if known is None:
            if len(self._resources) > 50:
                self._resources.clear()
            told = {**attributes, DROPPED: dropped} if dropped else attributes
            # With the attributes, so that their id is not given to others meanwhile.
            known = self._resources[key] = (attributes, encode_resource(told))
        return known[1]


def resource_of(taken: Taken) -> Resource | None:
    """The resource of the application's spans."""
    for span in taken.spans:
        if isinstance(span, ReadableSpan):
            return span.resource
    return None
